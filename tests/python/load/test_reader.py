"""The reader: every variant of a dump is read exactly or refused by name."""

from __future__ import annotations

import pytest

from harness import settings
from harness.load import DumpError
from tests.python.load.dumps import pieces, read, read_exactly, signed, table

INSERT = "INSERT INTO `t` VALUES "


def rows_of(values: str, *columns: str, before: str = "") -> list[object]:
    return list(read(before + table("t", *columns) + values).rows.get("t", []))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("('x','y')", [("x", "y")]),
        ("('x','y'),('z','')", [("x", "y"), ("z", "")]),
        ("\n('x','y'),\n('z',NULL)\n", [("x", "y"), ("z", None)]),
        ("('x','y'),\n\n  ( 'z' , null )", [("x", "y"), ("z", None)]),
        ("('NULL','\\\\N')", [("NULL", "\\N")]),
        (r"('it\'s \"q\"','\n\r\t\b\Z\\')", [('it\'s "q"', "\n\r\t\b\x1a\\")]),
        (r"('\a\f\v\1\x','\%\_')", [("afv1x", "\\%\\_")]),
        ("('it''s','''')", [("it's", "'")]),
        ('("it\'s ""q""","")', [('it\'s "q"', "")]),
        ("('),(',',')", [("),(", ",")]),
        ("('a;b),(c -- d /* e','# */ `')", [("a;b),(c -- d /* e", "# */ `")]),
        ("('tab\there','line\nend\r')", [("tab\there", "line\nend\r")]),
        (
            "(1,-2.50),(+3,1e-308),(.5,1.)",
            [("1", "-2.50"), ("+3", "1e-308"), (".5", "1.")],
        ),
        ("(TRUE,false)", [("1", "0")]),
        ("(\\N,'x')", [(None, "x")]),
        ("(x'C3A9',0xC3A9)", [("é", "é")]),
        ("(_utf8mb4'é',_latin1 x'80')", [("é", "€")]),
        ("(N'é', _binary 'x')", [("é", "x")]),
        ("(/*!50705 'x',*/'y')", [("x", "y")]),
        ("('x'/*!50705 ,'y'*/)", [("x", "y")]),
        ("('x' /* c */ , # c\n -- c\n 'y')", [("x", "y")]),
        ("('x',/*!99999 'no',*/ 'y')", [("x", "y")]),
        ("('😀','ø')", [("😀", "ø")]),
    ],
)
def test_values(values: str, expected: list[object]) -> None:
    dump = table() + INSERT + values + ";\n"
    assert read(dump).rows["t"] == expected
    assert read_exactly(dump.encode()).rows["t"] == expected


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("bit(1)", "b'1'", "1"),
        ("bit(1)", "0b0", "0"),
        ("bit(1)", "_binary '\x01'", "1"),
        ("bit(1)", r"'\0'", "0"),
        ("bit(1)", "0x01", "1"),
        ("bit(1)", "1", "1"),
        ("bit(10)", "x'0201'", "513"),
        ("tinyint(1)", "b'1'", "1"),
        ("tinyint(1)", "0x01", "1"),
        ("tinyint(1)", "'1'", "1"),
        ("blob", r"_binary 'a\0\'\\'", r"\x6100275c"),
        ("varbinary(9)", "0x88C2", r"\x88c2"),
        ("blob", "''", r"\x"),
        ("point", "0x00FF", r"\x00ff"),
        ("varchar(9) CHARACTER SET latin1", "x'80'", "€"),
        ("varchar(9) COLLATE latin1_swedish_ci", "0xE9", "é"),
        ("datetime", "'0000-00-00 00:00:00'", "0000-00-00 00:00:00"),
        ("time", "'-838:59:59'", "-838:59:59"),
        ("json", r"""'{\"a\": \"\\\\\"}'""", '{"a": "\\\\"}'),
    ],
)
def test_a_value_lands_by_its_column(column: str, value: str, expected: str) -> None:
    assert rows_of(INSERT + f"({value});", f"`c` {column}") == [(expected,)]


def test_columns_are_those_of_create_table() -> None:
    create = """
    CREATE TABLE IF NOT EXISTS `d`.`T` (
      `id` int(11) unsigned NOT NULL AUTO_INCREMENT COMMENT 'a, b) `c` KEY',
      name varchar(36) CHARACTER SET latin1 DEFAULT 'x,''y',
      `Kind` enum('a','b,c','d''e') NOT NULL,
      `at` datetime(6) NOT NULL DEFAULT current_timestamp(6) ON UPDATE now(6),
      `twice` int GENERATED ALWAYS AS (`id` * 2) STORED,
      `place` /*!50705 GEOMETRY */ /*!80003 SRID 0 */ /*!50705 NOT NULL,*/
      `hidden` int DEFAULT NULL /*!80023 INVISIBLE */,
      PRIMARY KEY (`id`), UNIQUE KEY `u` (`name`(10)), KEY `k` (`kind`,`at`),
      FULLTEXT KEY `f` (`name`), SPATIAL KEY `s` (`place`),
      CONSTRAINT `c` FOREIGN KEY (`id`) REFERENCES `o` (`id`), CHECK (`id` > 0)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
    /*!50100 PARTITION BY RANGE (`id`) (PARTITION p0 VALUES LESS THAN (10)) */;
    """
    (found,) = read(create).tables.values()
    assert (found.database, found.name) == ("d", "t")
    assert [(column.name, column.mysql_type) for column in found.columns] == [
        ("id", "int(11) unsigned"),
        ("name", "varchar(36)"),
        ("kind", "enum('a','b,c','d''e')"),
        ("at", "datetime(6)"),
        ("twice", "int"),
        ("place", "geometry"),
        ("hidden", "int"),
    ]
    assert [c.name for c in found.columns if c.is_generated] == ["twice"]
    assert [c.name for c in found.columns if c.is_invisible] == ["hidden"]


@pytest.mark.parametrize(
    "head",
    [
        "INSERT INTO `t` (`b`,`a`) VALUES ",
        "insert  ignore into t(b, a)values",
        "REPLACE INTO `t` ( `b` , `a` ) VALUES\n",
        'INSERT INTO "t" ("b","a") VALUES ',
        "INSERT LOW_PRIORITY INTO `t` (B,A) VALUE ",
    ],
)
def test_an_inserts_own_list_of_columns(head: str) -> None:
    found = read(table() + head + "('1','2');")
    assert found.columns["t"] == [("b", "a")]
    assert found.rows["t"] == [("1", "2")]


def test_a_generated_column_may_be_left_out() -> None:
    columns = ("`a` int NOT NULL", "`g` int GENERATED ALWAYS AS (`a`) VIRTUAL")
    found = read(table("t", *columns) + "INSERT INTO t (a) VALUES (1);")
    assert (found.columns["t"], found.rows["t"]) == ([("a",)], [("1",)])


def test_an_invisible_column_has_no_value_without_a_list() -> None:
    columns = ("`a` text", "`i` text /*!80023 INVISIBLE */")
    assert read(table("t", *columns) + INSERT + "('x');").columns["t"] == [("a",)]


def test_statements_of_one_row_each_are_counted() -> None:
    found = read(table() + "".join(f"{INSERT}('{i}',NULL);\n" for i in range(50)))
    assert found.rows["t"] == [(str(i), None) for i in range(50)]
    assert found.summary.counts["t"].statements == 50


@pytest.mark.parametrize(
    ("mode", "values", "expected"),
    [
        ("NO_BACKSLASH_ESCAPES", r"('C:\dir''s','\')", [("C:\\dir's", "\\")]),
        ("STRICT_TRANS_TABLES,NO_BACKSLASH_ESCAPES", r"('\n','')", [("\\n", "")]),
        ("ANSI_QUOTES", r"('it\'s','')", [("it's", "")]),
    ],
)
@pytest.mark.parametrize(
    "form",
    ["SET SQL_MODE='{}';", "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='{}' */;"],
)
def test_quoting_follows_sql_mode(
    form: str, mode: str, values: str, expected: list[object]
) -> None:
    dump = form.format(mode) + table() + INSERT + values + ";"
    restore = "/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;"
    again = INSERT + r"('\'','x');"
    found = read(dump + restore + again)
    assert found.rows["t"] == [*expected, ("'", "x")]


def test_ansi_quotes_make_identifiers_of_double_quotes() -> None:
    dump = 'SET sql_mode=\'ANSI\'; CREATE TABLE "t" ("a" text); INSERT INTO "t" VALUES '
    assert read(dump + "('x');").rows["t"] == [("x",)]
    with pytest.raises(DumpError, match="byte"):
        read(dump + '("x");')


@pytest.mark.parametrize(
    ("charset", "raw", "text"),
    [
        ("latin1", b"\x80\x81\xe9", "€\x81é"),
        ("utf8", "é".encode(), "é"),
        ("cp1251", b"\xcf", "П"),
        ("latin2", b"\xb1", "ą"),
    ],
)
def test_text_is_decoded_from_the_dumps_character_set(
    charset: str, raw: bytes, text: str
) -> None:
    dump = f"SET NAMES {charset};\n{table()}{INSERT}".encode() + b"('" + raw + b"',1);"
    assert read(dump).rows["t"] == [(text, "1")]
    assert read_exactly(dump).rows["t"] == [(text, "1")]


def test_text_of_a_binary_client_is_in_its_columns_character_set() -> None:
    columns = ("`a` text CHARACTER SET latin1", "`b` text")
    create = "/*!40101 SET NAMES binary*/;\n" + table("t", *columns)
    dump = create.encode() + INSERT.encode() + b"('\xe9','\xc3\xa9');"
    assert read(dump).rows["t"] == [("é", "é")]


@pytest.mark.parametrize("charset", ["gbk", "sjis", "big5", "unheard_of"])
def test_a_character_set_that_cannot_be_read_is_named(charset: str) -> None:
    with pytest.raises(DumpError, match=rf"character set {charset}"):
        read(f"SET NAMES {charset};\n{table()}{INSERT}('x','y');")


def test_rows_that_would_be_altered_are_rejected() -> None:
    rows = [
        b"('ok',1)",
        b"('bad \xff',1)",
        b"('few')",
        b"('many',1,2)",
        b"()",
        b"('ok',2)",
    ]
    dump = (table() + "\n" + INSERT).encode() + b",\n".join(rows) + b";\n"
    found = read(dump)
    assert found.rows["t"] == [("ok", "1"), ("ok", "2")]
    assert found.reasons == [
        "invalid utf8mb4 bytes in column a",
        "wrong number of values: expected 2, found 1",
        "wrong number of values: expected 2, found 3",
        "wrong number of values: expected 2, found 0",
    ]
    for row, raw in zip(found.rejected, rows[1:-1], strict=True):
        assert dump[row.byte_offset :].startswith(raw)
        assert row.line == dump.count(b"\n", 0, row.byte_offset) + 1
        assert "\0" not in row.excerpt


def test_bits_that_do_not_fit_are_rejected() -> None:
    found = read(table("t", "`c` bit(1)") + INSERT + "('1'),(b'1');")
    assert found.rows["t"] == [("1",)]
    assert found.reasons == ["value does not fit bit(1) in column c"]


TRIGGER = """
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`r`@`%`*/ /*!50003 TRIGGER `x` BEFORE INSERT ON `t`
FOR EACH ROW BEGIN
  -- it's ;; not the end
  INSERT INTO `t` VALUES ('trigger','row');
END */;;
CREATE PROCEDURE p() BEGIN INSERT INTO t VALUES ('procedure','row'); END ;;
DELIMITER ;
"""
VIEW = "/*!50001 CREATE VIEW `v` AS SELECT 1 AS `a`*/;\n"
OLD_STAND_IN = (
    "/*!50001 CREATE TABLE `v` (`a` tinyint NOT NULL) ENGINE=MyISAM */;\n"
    "/*!50001 DROP TABLE IF EXISTS `v`*/;\n/*!50001 CREATE ALGORITHM=UNDEFINED */\n"
    "/*!50013 DEFINER=`r`@`%` SQL SECURITY DEFINER */\n"
    "/*!50001 VIEW `v` AS select ';' AS `a` */;\n"
)


@pytest.mark.parametrize("extra", [TRIGGER, VIEW, OLD_STAND_IN])
def test_what_is_no_data_is_not_read_as_data(extra: str) -> None:
    found = read(table() + INSERT + "('x','y');" + extra)
    assert found.rows == {"t": [("x", "y")]}
    assert found.summary.tables == ["t"]
    assert list(found.tables) == ["t"]


@pytest.mark.parametrize(
    "prefix",
    [
        "/*M!999999\\- enable the sandbox mode */ \n",
        "\ufeff",
        "mysqldump: [Warning] Using a password can be insecure.\n",
        "/* it's */ # it's\n-- it's\n--\n",
    ],
)
def test_what_stands_before_a_dump(prefix: str) -> None:
    assert rows_of(INSERT + "('x','y');", before=prefix) == [("x", "y")]


def test_a_file_with_crlf_line_ends() -> None:
    dump = signed(table() + INSERT + "\n('x','y'),\n('z','w');\n" + TRIGGER)
    found = read(dump.replace(b"\n", b"\r\n"))
    assert found.rows["t"] == [("x", "y"), ("z", "w")]
    assert found.summary.has_trailer


@pytest.mark.parametrize(
    "alteration",
    [
        "ALTER TABLE `t` ADD PRIMARY KEY (`a`), ADD KEY `k` (`b`);",
        "ALTER TABLE `t` MODIFY `a` int NOT NULL AUTO_INCREMENT, AUTO_INCREMENT=5;",
        "/*!40000 ALTER TABLE `t` DISABLE KEYS */;",
        "DELETE FROM `t`;",
        "TRUNCATE `t`;",
    ],
)
def test_statements_that_change_no_rows(alteration: str) -> None:
    assert read(table() + alteration + INSERT + "('x','y');").rows["t"] == [("x", "y")]


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("INSERT INTO t SELECT * FROM u;", r"INSERT \.\.\. SELECT"),
        ("INSERT INTO t SET a = 1;", r"INSERT \.\.\. SET"),
        ("INSERT INTO t VALUES (NOW(),1);", r"function NOW\(\)"),
        ("INSERT INTO t VALUES ('x',1+1);", "expression"),
        ("INSERT INTO t VALUES ('x' 'y',1);", "side by side"),
        ("INSERT INTO t VALUES (@a,1);", "@ among the values"),
        ("INSERT INTO t VALUES ('x',1) ON DUPLICATE KEY UPDATE a=1;", "ON DUPLICATE"),
        ("INSERT INTO t VALUES ('x',1) RETURNING a;", "RETURNING"),
        ("INSERT INTO t (a,c) VALUES ('x',1);", "no column c"),
        ("INSERT INTO t (a,a) VALUES ('x',1);", "listed twice"),
        ("INSERT INTO t VALUES ('x',1); DROP TABLE t;", "DROP of t"),
        ("INSERT INTO t VALUES ('x',1); UPDATE t SET a = 2;", "UPDATE on the table"),
        ("INSERT INTO t VALUES ('x',1); DELETE FROM `t`;", "DELETE on the table"),
        ("ALTER TABLE t ADD COLUMN c int;", "ALTER TABLE t ADD"),
        ("ALTER TABLE t MODIFY b int FIRST;", "ALTER TABLE t MODIFY"),
        ("RENAME TABLE t TO u;", "RENAME"),
        ("LOAD DATA INFILE 'f' INTO TABLE `t`;", "LOAD"),
        ("USE other; CREATE TABLE t (a text);", "second table t"),
        ("USE other; INSERT INTO t VALUES ('x',1);", "second database"),
        ("INSERT INTO t VALUES (1,2); INSERT INTO o.t VALUES (1,2);", "database o"),
        (
            "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN SET @a=1; END;",
            "DELIM",
        ),
        ("START TRANSACTION; INSERT INTO t VALUES (1,2); ROLLBACK;", "ROLLBACK"),
        ("SET SESSION sql_mode = CONCAT('ANSI_QUOTES,', @@sql_mode);", "sql_mode"),
        ("\\. other.sql\n;", "begins"),
        ("<?xml version='1.0'?>", "XML"),
        ("FROBNICATE t;", "FROBNICATE"),
    ],
)
def test_what_cannot_be_read_exactly_is_named_with_its_place(
    statement: str, named: str
) -> None:
    dump = table() + "\n" + statement
    with pytest.raises(DumpError, match=named) as refused:
        read(dump)
    assert refused.value.line is not None
    assert refused.value.line >= table().count("\n") + 2
    assert refused.value.byte_offset is not None
    assert refused.value.byte_offset >= len(table()) + 1
    assert f"byte {refused.value.byte_offset}" in str(refused.value)


def test_rows_of_an_unknown_table_need_a_list_of_columns() -> None:
    with pytest.raises(DumpError, match="without its CREATE TABLE"):
        read("INSERT INTO t VALUES (1);")
    assert read("INSERT INTO t (a) VALUES (1);").rows["t"] == [("1",)]


def test_a_column_that_is_left_out_needs_to_be_null_by_default() -> None:
    with pytest.raises(DumpError, match="without a value for b"):
        read(
            table("t", "`a` int", "`b` int NOT NULL") + "INSERT INTO t (a) VALUES (1);"
        )


def test_unwanted_tables_are_skipped_whatever_they_hold() -> None:
    unwanted = (
        b"CREATE TABLE `p` (`a` int, `g` point);\n"
        b"INSERT INTO `p` VALUES (1,'\\0\\0\xff\xfe;\\'--\\\\'),\n"
        b"(2,ST_GeomFromText('x'));\n"
        b"INSERT INTO `p` SELECT * FROM q;\n"
    )
    dump = unwanted + (table() + INSERT + "('x','y');").encode() + unwanted
    assert read(dump, tables={"t"}).rows == {"t": [("x", "y")]}


def test_two_databases_with_different_tables() -> None:
    dump = "USE `a`;" + table("t") + INSERT + "(1,2); USE `b`;" + table("u")
    assert list(read(dump).tables) == ["t", "u"]


def test_two_time_zones_among_the_rows_are_refused() -> None:
    row = INSERT + "(1,2);\n"
    first, second = "SET TIME_ZONE='+00:00';\n", "SET TIME_ZONE='+02:00';\n"
    zones = first + table("t", "`a` timestamp", "`b` int") + row + second
    assert read(zones).summary.time_zone == "+00:00"
    with pytest.raises(DumpError, match="second time zone"):
        read(zones + row)
    no_timestamps = first + table() + row + second + row
    assert read(no_timestamps).rows["t"] == [("1", "2")] * 2


@pytest.mark.parametrize(
    "start", [b"\xff\xfe-\0-\0", b"\xfe\xff\0-\0-", "-- MySQL".encode("utf-16-le")]
)
def test_utf16_is_named(start: bytes) -> None:
    with pytest.raises(DumpError, match="UTF-16"):
        read(start)


def test_an_empty_dump_is_an_error() -> None:
    with pytest.raises(DumpError, match="is empty"):
        read(b"")


def test_a_postgresql_dump_is_named() -> None:
    with pytest.raises(DumpError, match="a dump of PostgreSQL"):
        read("--\n-- PostgreSQL database dump\n--\nSELECT 1;\n")


SMALL = signed(
    "/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;\n"
    + table()
    + "LOCK TABLES `t` WRITE;\n/*!40000 ALTER TABLE `t` DISABLE KEYS */;\n"
    + INSERT
    + r"('it\'s','x;'),(NULL,'/* é');"
    + "\nUNLOCK TABLES;\n"
    + TRIGGER
    + "/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;\n"
)


def test_a_dump_cut_short_at_any_byte_is_reported() -> None:
    assert read(SMALL).rows["t"] == [("it's", "x;"), (None, "/* é")]
    for end in range(1, len(SMALL.rstrip())):
        if SMALL[:end].rstrip().endswith(b"-- Dump completed"):
            continue
        with pytest.raises(DumpError) as cut:
            read(SMALL[:end])
        assert cut.value.byte_offset is not None, end
        assert cut.value.byte_offset <= end


@pytest.mark.parametrize(
    ("dump", "named"),
    [
        ("SET @OLD_SQL_MODE=@@SQL_MODE;\n", "@OLD_SQL_MODE is saved and not restored"),
        ("LOCK TABLES `t` WRITE;\n", "UNLOCK TABLES"),
        ("START TRANSACTION;\n", "COMMIT"),
        ("SET autocommit=0;\n", "COMMIT"),
        ("DELIMITER ;;\n", "DELIMITER"),
        ("INSERT INTO t VALUES (1,2)", "in the middle of a statement"),
        ("INSERT INTO t VALUES (1,'x", "in the middle of a string"),
        ("/* and", "in the middle of a comment"),
    ],
)
def test_what_is_opened_must_be_closed(dump: str, named: str) -> None:
    with pytest.raises(DumpError, match=f"cut short.*{named}"):
        read(table() + dump)


def test_a_dump_without_a_signature_is_flagged() -> None:
    assert not read(table()).summary.has_trailer
    assert read(signed(table())).summary.has_trailer


def test_one_dump_behind_another_must_both_be_whole() -> None:
    first, second = signed(table("t")), signed(table("u"))
    assert list(read(first + second).tables) == ["t", "u"]
    with pytest.raises(DumpError, match="second dump"):
        read(first[: first.index(b"-- Dump completed")] + second)


def test_the_pieces_of_the_stream_do_not_matter() -> None:
    dump = SMALL + b"INSERT INTO t VALUES (1.5e+3,_utf8mb4 x'C3A9'),('few');\n"
    whole = read(dump)
    for size in range(1, 80):
        split = read(dump, chunks=pieces(dump, size))
        assert (split.rows, split.rejected) == (whole.rows, whole.rejected)
        assert split.summary == whole.summary
    for at in range(len(dump)):
        split = read(dump, chunks=[dump[:at], dump[at:]])
        assert (split.rows, split.rejected) == (whole.rows, whole.rejected)


def test_a_row_larger_than_every_piece() -> None:
    text = "it\\'s \\n" * 100_000
    dump = (table() + INSERT + f"('{text}','x'),('y','z');").encode()
    found = read(dump, chunks=pieces(dump, 1 << 12))
    assert found.rows["t"] == [("it's \n" * 100_000, "x"), ("y", "z")]


@pytest.mark.parametrize("unit", ["\\\\\\'", "''", "\\n'' ", "\\'x"])
def test_a_string_longer_than_the_pieces_it_is_unescaped_in(unit: str) -> None:
    one = read_exactly(f"{table()}{INSERT}('{unit}',1);".encode()).rows["t"][0][0]
    dump = f"{table()}{INSERT}('{unit * 700_000}',1);".encode()
    assert one is not None
    assert read_exactly(dump).rows["t"] == [(one * 700_000, "1")]


@pytest.mark.parametrize(
    ("sample", "counts"),
    [
        ("marketplace/marketplace.sql", {"chat": 800, "message": 6000, "booking": 720}),
        ("bookingless/phase6.sql", {"chat": 1914, "message": 570, "booking": 1722}),
    ],
)
def test_samples(sample: str, counts: dict[str, int]) -> None:
    dump = (settings.SAMPLES / sample).read_bytes()
    found = read(dump, tables=set(counts))
    assert {name: len(rows) for name, rows in found.rows.items()} == counts
    assert found.rejected == []
    exact = read_exactly(dump)
    assert found.rows == {name: exact.rows[name] for name in counts}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"it\'s \Z end", "it's \x1a end"),
        (r"back\\slash \Z end", "back\\slash \x1a end"),
        (r"\\Z \\\Z \\\\Z", "\\Z \\\x1a \\\\Z"),
        (r"\Zb\Z1\ZA\Z\'", "\x1ab\x1a1\x1aA\x1a'"),
    ],
)
@pytest.mark.parametrize("left_out", ["\x1a", "\x1a\x01", "\x1a\x7f", "\x1e\x1f", ""])
def test_ctrl_z_beside_every_other_control_character(
    text: str, expected: str, left_out: str
) -> None:
    """An escaped quote once landed as 0x1A did, when no other byte was left for it."""
    controls = "".join(
        chr(code) for code in (*range(1, 32), 127) if chr(code) not in left_out
    )
    dump = signed(table("t", "`a` text") + f"{INSERT}('{controls}'),('{text}');\n")
    assert read(dump).rows["t"] == [(controls,), (expected,)]
    assert read_exactly(dump).rows["t"] == [(controls,), (expected,)]
