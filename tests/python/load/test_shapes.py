"""Dumps of many producers load with their true row counts, or are refused by name."""

from __future__ import annotations

import pytest

from harness.load import DumpError
from tests.python.load import shapes
from tests.python.load.dumps import Row, pieces, read, read_exactly, table


@pytest.mark.parametrize("producer", shapes.SHAPES)
def test_a_producers_dump_has_its_true_rows(producer: str) -> None:
    dump, rows = shapes.SHAPES[producer]
    found = read(dump)
    assert {name: len(found.rows[name]) for name in found.rows} == rows
    assert found.rejected == []
    assert found.summary.warnings == []
    assert read_exactly(dump.encode()).rows == found.rows
    for size in (1, 7, 100):
        assert read(dump, chunks=pieces(dump.encode(), size)).rows == found.rows


def test_their_values() -> None:
    assert read(shapes.HEIDISQL).rows["chat"] == [("1", "\\x00ff27"), ("2", None)]
    assert read(shapes.MYDUMPER).rows["chat"][0] == ("1", "it's", '{"a": 1}')
    assert read(shapes.SAMPLES).rows == {
        "departments": [
            ("d001", "Marketing"),
            ("d002", "Finance"),
            ("d003", "none"),
            ("d004", "none"),
        ],
        "archive": [("d001", "none"), ("d002", "x")],
    }


def test_adminers_updates_are_refused_by_name() -> None:
    with pytest.raises(DumpError, match="ON DUPLICATE KEY UPDATE"):
        read(shapes.ADMINER_UPDATES)


@pytest.mark.parametrize("producer", shapes.SIGNED)
def test_a_signed_dump_cut_short_at_any_byte_is_reported(producer: str) -> None:
    dump = shapes.SIGNED[producer].encode()
    for end in range(1, len(dump.rstrip())):
        if not dump[:end].rstrip().endswith(b"-- Dump completed"):
            with pytest.raises(DumpError):
                read(dump[:end])


@pytest.mark.parametrize("producer", shapes.SHAPES)
def test_a_dump_cut_inside_its_rows_is_reported(producer: str) -> None:
    dump = shapes.SHAPES[producer].dump.encode()
    start = dump.upper().index(b"VALUES", dump.upper().index(b"\nINSERT INTO"))
    for end in range(start, dump.index(b";\n", start)):
        with pytest.raises(DumpError):
            read(dump[:end])


@pytest.mark.parametrize(
    ("columns", "default", "landed"),
    [
        ("varchar(9) NOT NULL DEFAULT 'it''s'", "it's", "it's"),
        ("int NOT NULL DEFAULT '5'", "5", "5"),
        ("int DEFAULT -5", "-5", "-5"),
        ("bit(3) DEFAULT b'101'", "5", "5"),
        ("double DEFAULT 1e-3 COMMENT 'DEFAULT 2'", "1e-3", "1e-3"),
        ("text", None, None),
    ],
)
def test_a_column_that_is_left_out_has_its_literal_default(
    columns: str, default: str | None, landed: str | None
) -> None:
    dump = table("t", "`a` int", f"`b` {columns}") + "INSERT INTO t (a) VALUES (1),(2);"
    found = read(dump)
    expected: list[Row] = (
        [("1",), ("2",)] if landed is None else [("1", landed), ("2", landed)]
    )
    assert found.rows["t"] == expected
    again = (
        table("t", "`a` int", f"`b` {columns}") + "INSERT INTO t VALUES (1,DEFAULT);"
    )
    assert read(again).rows["t"] == [("1", default)]


@pytest.mark.parametrize(
    ("column", "named"),
    [
        ("timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP", "without a value for b"),
        ("timestamp", "without a value for b"),
        ("char(36) DEFAULT (uuid())", "without a value for b"),
    ],
)
def test_a_default_that_only_the_server_knows_is_refused(
    column: str, named: str
) -> None:
    with pytest.raises(DumpError, match=named):
        read(table("t", "`a` int", f"`b` {column}") + "INSERT INTO t (a) VALUES (1);")


def test_a_number_that_the_server_gives_lands_null_with_a_warning() -> None:
    """As the Chinook sample writes its rows: the numbers are not in the dump."""
    read_rows = read(
        table("t", "`a` int NOT NULL AUTO_INCREMENT", "`b` nvarchar(9)")
        + "INSERT INTO t (b) VALUES (N'x');INSERT INTO t (b) VALUES (N'y');"
    )
    # COPY is not given the column, so that it is NULL.
    assert read_rows.rows == {"t": [("x",), ("y",)]}
    (warning,) = read_rows.summary.warnings
    assert "rows of t leave a to AUTO_INCREMENT" in warning


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("SHOW TABLES\\G\nINSERT INTO t VALUES (1,2);", r"command \\G"),
        ("SHOW TABLES\nINSERT INTO t VALUES (1,2);", "INSERT INTO inside a SHOW"),
        ("USE d e\nINSERT INTO t VALUES (1,2);", "INSERT INTO inside a USE"),
        ("USE d\ne; INSERT INTO t VALUES (1,2);", "begins with E"),
        ("source more.sql;", "source more.sql, which is not given"),
        ("INSERT INTO t VALUES (1,CONVERT('x' USING latin1));", r"CONVERT\(\)"),
        (
            "USE d; CREATE TABLE u (a int); INSERT INTO u VALUES (1); DROP DATABASE d;",
            "u",
        ),
    ],
)
def test_what_would_hide_rows_is_refused(statement: str, named: str) -> None:
    with pytest.raises(DumpError, match=named):
        read(table() + statement)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("CALL fill();", "CALL is not carried out"),
        (
            "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1;"
            "INSERT INTO t VALUES (1,2);",
            "trigger x stands before the rows of t",
        ),
    ],
)
def test_what_a_server_would_do_besides_is_warned_of(
    statement: str, named: str
) -> None:
    (warning,) = read(table() + statement).summary.warnings
    assert named in warning


KEYS = [
    "CLUSTERING KEY `k` (`b`)",
    "UNIQUE CLUSTERING KEY `k` (`b`)",
    "CLUSTERING UNIQUE KEY k (b)",
    "SHARD KEY (`a`)",
    "SHARD KEY `__SHARDKEY` (`a`)",
    "/*!90618 SHARD */ KEY `k` (`a`)",
    "SORT KEY `k` (`b` DESC)",
    "UNENFORCED INDEX k (b)",
    "FULLTEXT USING VERSION 2 KEY k (b)",
    "VECTOR INDEX `k` ((VEC_COSINE_DISTANCE(`b`)))",
    "COLUMNAR INDEX k (b)",
    "PERIOD FOR SYSTEM_TIME (`a`, `b`)",
]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_of_another_servers_kind_is_no_column(key: str) -> None:
    found = read(table("t", "`a` int", "`b` text", key) + "INSERT INTO t VALUES (1,2);")
    assert found.rows["t"] == [("1", "2")]
    added = table("t", "`a` int", "`b` text") + f"ALTER TABLE t ADD {key};"
    assert read(added + "INSERT INTO t VALUES (1,2);").rows["t"] == [("1", "2")]


@pytest.mark.parametrize(
    "column", ["clustering int", "shard text", "sort int", "`clustering` int KEY"]
)
def test_a_column_may_have_such_a_name(column: str) -> None:
    found = read(table("t", "`a` int", column) + "INSERT INTO t VALUES (1,2);")
    assert len(found.tables["t"].columns) == 2
    assert found.rows["t"] == [("1", "2")]
