"""A NUL, which PostgreSQL's text cannot hold: U+FFFD lands in its place and is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from harness.load import landing
from harness.load.selection import Selection
from tests.python.load.dumps import Read, extended, pieces, read, signed, table

INSERT = "INSERT INTO `t` VALUES "


def coerced(found: Read) -> list[tuple[str, int, int, int]]:
    return [(c.column, c.row, c.position, c.nuls) for c in found.coerced]


@pytest.mark.parametrize(
    ("column", "value", "expected", "position", "nuls"),
    [
        ("text", r"'it\'s \0!'", "it's \ufffd!", 6, 1),
        ("text", r"'\0'", "\ufffd", 1, 1),
        ("text", "'a\0b\0'", "a\ufffdb\ufffd", 2, 2),
        ("text", '"é\\n\\t\\\\\0"', "é\n\t\\\ufffd", 5, 1),
        ("text", "x'610062'", "a\ufffdb", 2, 1),
        ("text", "0x6100", "a\ufffd", 2, 1),
        ("text", r"_binary 'a\0'", "a\ufffd", 2, 1),
        ("text", r"N'\0'", "\ufffd", 1, 1),
        ("text", r"CONVERT('😀\0' USING utf8mb4)", "😀\ufffd", 2, 1),
        ("json", r"'{\"a\": 1}\0'", '{"a": 1}\ufffd', 9, 1),
        ("varchar(9) CHARACTER SET utf16", "x'004100000042'", "A\ufffdB", 2, 1),
        ("varchar(9) CHARACTER SET utf16le", "x'41000000'", "A\ufffd", 2, 1),
        ("datetime", r"'2024-01-01\0'", "2024-01-01\ufffd", 11, 1),
        ("text", "b'0'", "\ufffd", 1, 1),
        ("text DEFAULT 'x\0'", "DEFAULT", "x\ufffd", 2, 1),
    ],
)
def test_a_nul_is_replaced_and_told(
    column: str, value: str, expected: str, position: int, nuls: int
) -> None:
    dump = signed(table("t", "`a` int", f"`b` {column}") + f"{INSERT}(1,{value});\n")
    for size in (1, 7, len(dump)):
        found = read(dump, chunks=pieces(dump, size))
        assert found.rows["t"] == [("1", expected)]
        assert coerced(found) == [("b", 1, position, nuls)]
        assert dump[found.coerced[0].byte_offset :].startswith(b"(1,")
        line = dump.count(b"\n", 0, found.coerced[0].byte_offset) + 1
        assert found.coerced[0].line == line


def test_a_default_that_a_row_leaves_out_is_told_for_each_row() -> None:
    created = table("t", "`a` text", "`b` varchar(9) DEFAULT '\0x'")
    found = read(signed(created + "INSERT INTO t (a) VALUES ('1'),('2'),('\\0');\n"))
    assert found.rows["t"] == [
        ("1", "\ufffdx"),
        ("2", "\ufffdx"),
        ("\ufffd", "\ufffdx"),
    ]
    assert coerced(found) == [
        ("b", 1, 1, 1),
        ("b", 2, 1, 1),
        ("a", 3, 1, 1),
        ("b", 3, 1, 1),
    ]


def test_bytes_and_bits_hold_their_zeros() -> None:
    created = table("t", "`a` blob", "`b` bit(1)")
    found = read(signed(f"{created}{INSERT}(_binary 'a\\0','\\0'),('\0',b'0');\n"))
    assert found.rows["t"] == [("\\x6100", "0"), ("\\x00", "0")]
    assert (found.coerced, found.rejected) == ([], [])


@pytest.mark.parametrize("value", [r"'7\0'", "'7\0'", "x'3700'", r'"7\0"'])
def test_an_id_with_a_nul_rejects_its_row(value: str) -> None:
    """Two ids must not become one."""
    dump = signed(
        table("t", "`ID` text", "`b` text") + f"{INSERT}({value},'\\0'),(8,'x');\n"
    )
    found = read(dump)
    assert found.rows["t"] == [("8", "x")]
    assert found.reasons == ["NUL character in column id"]
    assert found.coerced == []


def test_rows_are_numbered_as_they_land() -> None:
    """In bulk, exactly and behind rejected rows, over statements and chunks."""
    ordinary = [[f"'{n}'", "'x'"] for n in range(3000)]
    odd = [["'o'", r"'\0'"], ["'few'"], ["'o'", r"'a\0\0'"]]
    dump = signed(
        table() + extended("t", ordinary) + extended("t", odd) + extended("t", ordinary)
        + extended("t", odd)
    )  # fmt: skip
    for size in (1000, 5000, len(dump)):
        found = read(dump, chunks=pieces(dump, size))
        rows = [
            number for number, row in enumerate(found.rows["t"], 1) if row[0] == "o"
        ]
        assert [c.row for c in found.coerced] == rows
        assert rows == [3001, 3002, 6003, 6004]


@pytest.fixture
def connection(database: dict[str, str]) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(**database) as connection:  # type: ignore[arg-type]
        yield connection


def test_coerced_values_are_landed_with_their_place(
    connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    """More than a batch of them; their row numbers are those of the landing table."""
    rows = [["'x'", rf"'{n}\0'" if n % 2 else f"'{n}'"] for n in range(5000)]
    dump = tmp_path / "nul.sql"
    dump.write_bytes(signed(table() + extended("t", rows, ",\n")))
    result = landing.load(
        connection,
        run_id="run",
        dumps=[str(dump)],
        bookings=None,
        users=None,
        live_schema="public",
        selection=Selection(frozenset(["t"])),
    )
    assert [t.values_coerced for t in result.tables] == [2500]
    wrong = connection.execute(
        "select * from staging.t full join staging.coerced_values as c"
        " on t._row = c.landing_row where (c._row is null) = (t.b like '%\ufffd')"
    ).fetchall()
    assert wrong == []
    first = connection.execute(
        "select table_name, column_name, landing_row, first_position, nul_count,"
        " file_name, byte_offset, line from staging.coerced_values order by 3 limit 1"
    ).fetchone()
    at = dump.read_bytes().index(b"('x','1\\0')")
    line = dump.read_bytes().count(b"\n", 0, at) + 1
    assert first == ("t", "b", 2, 2, 1, "nul.sql", at, line)
