"""The oracle: what a MariaDB server selects is what its dump lands as, value by value.

Every type of column and every kind of text goes into a real server, out of it with
``mariadb-dump`` and into PostgreSQL with the harness. The server itself says what must
be there, each value as the digits of its UTF-8, by the landing's stated rules: bits are
decimal numbers, binary values ``\\x`` and hexadecimal digits, all else is text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from harness.load import DumpError, LoadResult, landing
from harness.load.selection import Selection
from tests.python.load import mariadb

SQL = Path(__file__).with_name("oracle.sql")
DATABASE = "oracle"
BINARY = ("binary", "varbinary", "tinyblob", "blob", "longblob")
SHAPES = ("point", "geometry", "linestring")
TEXTS = [
    "",
    "NULL",
    "null",
    "\\N",
    "it's",
    '"q"',
    "'",
    "''",
    "\\",
    "\\'",
    "\\\\",
    "a\\b\\n\\t\\0\\Z",
    "tab\tx",
    "line\nend",
    "cr\r\nlf",
    "\x1a\x08\x01\x02\x7f",
    "),('",
    "x;y -- z /* */ #",
    "%_\\%\\_",
    "a,b",
    "`",
    "_binary 'x'",
    "0x41",
    "é",
    "ÿ",
    "€",
    "ø\u2028\u2029\u0085",
    "日本語",
    "😀",
    "INSERT INTO `t` VALUES (1);\n-- Dump completed\n",
]
#: The sets of the columns of ``texts``, in their order.
CHARSETS = ["utf8mb4"] * 4 + ["latin1", "ascii", "utf8mb3", "utf16"]

Rows = list[tuple["str | None", ...]]


def hexed(data: bytes) -> str:
    return f"x'{data.hex()}'"


def value_of(text: str, charset: str) -> str:
    """An expression for a text in a column of this set; NULL when it lacks a character.

    MySQL's latin1 is Windows' code page 1252.
    """
    codec = {"latin1": "cp1252", "ascii": "ascii"}.get(charset, "utf-8")
    try:
        text.encode(codec)
    except UnicodeEncodeError:
        return "NULL"
    if charset == "utf8mb3" and max(text, default="") > "\uffff":
        return "NULL"
    return f"convert({hexed(text.encode())} using utf8mb4)"


def filled() -> str:
    """The statements that fill ``texts`` and ``bytes``."""
    enums = ("NULL", "''", "'a,b'", "'it''s'", "'é'")
    sets = ("NULL", "''", "'x'", "'x,y z,é'")
    texts, blobs = ["(99" + ", NULL" * 11 + ")"], ["(99" + ", NULL" * 6 + ")"]
    for number, text in enumerate(TEXTS):
        values = [value_of(text, charset) for charset in CHARSETS]
        json = f"json_object('k', {values[0]})"
        kinds = [enums[number % len(enums)], sets[number % len(sets)]]
        texts.append(f"({', '.join([str(number), *values, json, *kinds])})")
        short = hexed(text.encode()[:8])
        long = hexed(bytes(range(number * 8, 256)) + text.encode()[:9])
        blobs.append(f"({number}, {short}, {long}, {short}, {long}, {long}, {long})")
    return (
        f"insert into texts values {', '.join(texts)};"
        f"insert into `bytes` values {', '.join(blobs)};"
    )


class Oracle:
    """The filled server, and what it says of its tables."""

    def __init__(self, server: mariadb.MariaDB) -> None:
        self._server = server
        self._truths: dict[tuple[str, str, str | None], Rows] = {}
        #: The columns of each table with their types, as the server tells them.
        self.tables: dict[str, list[tuple[str, str]]] = {}
        for table, column, kind in server.select(
            "select hex(table_name), hex(column_name), hex(data_type)"
            " from information_schema.columns join information_schema.tables"
            " using (table_schema, table_name)"
            f" where table_schema = '{DATABASE}' and table_type = 'BASE TABLE'"
            " order by table_name, ordinal_position",
            DATABASE,
        ):
            assert table
            assert column
            assert kind
            self.tables.setdefault(table, []).append((column, kind))

    def columns(self, table: str) -> list[str]:
        """The table's columns as they land, in lower case."""
        return [name.lower() for name, _ in self.tables[table]]

    def dump(self, options: Sequence[str], sql_mode: str) -> bytes:
        """What ``mariadb-dump`` writes while the server has this ``sql_mode``."""
        self._server.run(f"set global sql_mode = '{sql_mode}'")
        printed = self._server.dump([*options, DATABASE])
        self._server.run("set global sql_mode = default")
        return printed

    def truth(self, table: str, zone: str, lossy: str | None) -> Rows:
        """What the server selects; ``lossy``: the client's set, when it loses some."""
        key = (table, zone, lossy)
        if key not in self._truths:
            chosen = [f"hex({_landing(*c, lossy)})" for c in self.tables[table]]
            query = f"set time_zone = '{zone}'; select {', '.join(chosen)}"
            rows = self._server.select(f"{query} from `{table}`", DATABASE)
            self._truths[key] = [tuple(row) for row in rows]
        return self._truths[key]


def _landing(name: str, kind: str, lossy: str | None) -> str:
    """An expression for the text that a column's value lands as."""
    column = "`" + name.replace("`", "``") + "`"
    if kind in BINARY or kind in SHAPES:
        return f"concat(char(92), 'x', lower(hex({column})))"
    if kind == "bit":
        return f"cast({column} + 0 as char)"
    if lossy:
        return f"convert(convert({column} using {lossy}) using utf8mb4)"
    return f"convert({column} using utf8mb4)"


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    if missing := mariadb.missing():
        pytest.skip(f"no MariaDB server here: {', '.join(missing)} not installed")
    with mariadb.running() as server:
        server.run(f"create database {DATABASE}")
        server.run(SQL.read_text("utf-8") + filled(), DATABASE)
        yield Oracle(server)


def land(
    connection: psycopg.Connection[Any], dump: Path, tables: Sequence[str]
) -> LoadResult:
    return landing.load(
        connection,
        run_id="oracle",
        dumps=[str(dump)],
        bookings=None,
        users=None,
        live_schema="public",
        selection=Selection(frozenset(tables)),
    )


def landed(connection: psycopg.Connection[Any], table: str, columns: list[str]) -> Rows:
    chosen = ", ".join('"' + name.replace('"', '""') + '"' for name in columns)
    return connection.execute(
        f'select {chosen} from staging."{table}" order by _row'.encode()
    ).fetchall()


OPTIONS = [
    "",
    "--skip-extended-insert",
    "--complete-insert",
    "--hex-blob",
    "--hex-blob --complete-insert --skip-extended-insert",
    "--compact",
    "--compact --hex-blob",
    "--skip-opt",
    "--compatible=ansi --default-character-set=utf8mb4",
    "--compatible=no_table_options,no_key_options --default-character-set=utf8mb4",
    "--skip-quote-names --ignore-table=oracle.select",
    "--default-character-set=latin1 --complete-insert",
    "--default-character-set=binary",
    "--default-character-set=utf8mb3",
    "--skip-set-charset",
    "--insert-ignore",
    "--replace",
    "--skip-comments",
    "--skip-dump-date",
    "--skip-tz-utc",
    "--order-by-primary",
    "--order-by-primary --single-transaction --no-autocommit",
    "--triggers --routines --events",
    "--skip-triggers --skip-add-locks --skip-disable-keys",
    "--net-buffer-length=4096",
    "--databases",
    "--databases --no-create-db --add-drop-database --add-drop-trigger",
    "--flush-logs --lock-all-tables --quick",
]
QUOTED = ("", "--hex-blob", "--skip-opt", "--complete-insert", "--databases")
CASES = [(options, "") for options in OPTIONS] + [
    (options, mode)
    for options in QUOTED
    for mode in ("NO_BACKSLASH_ESCAPES", "ANSI_QUOTES")
]
#: The client's set cannot hold every character: the dump itself has ? in their place.
LOSSY = {"latin1": "latin1", "utf8mb3": "utf8mb3"}


@pytest.mark.parametrize(("options", "sql_mode"), CASES)
def test_a_dump_lands_as_the_server_selects(
    oracle: Oracle,
    connection: psycopg.Connection[Any],
    tmp_path: Path,
    options: str,
    sql_mode: str,
) -> None:
    given = options.split()
    dump = tmp_path / "oracle.sql"
    dump.write_bytes(oracle.dump(given, sql_mode))
    ignored = f"--ignore-table={DATABASE}."
    without = [o.removeprefix(ignored) for o in given if o.startswith(ignored)]
    tables = [name for name in oracle.tables if name not in without]
    result = land(connection, dump, tables)
    zone = mariadb.TIME_ZONE if "--skip-tz-utc" in given else "+00:00"
    charset = options.partition("--default-character-set=")[2].partition(" ")[0]
    for table in tables:
        expected = oracle.truth(table, zone, LOSSY.get(charset))
        if table == "with_nul":
            expected = [(n, t and t.replace("\0", "\ufffd")) for n, t in expected]
        assert landed(connection, table, oracle.columns(table)) == expected, table
    assert result.rejected_reasons == {}
    coerced = {t.name: t.values_coerced for t in result.tables if t.values_coerced}
    assert coerced == {"with_nul": 1}
    says_no_zone = {"--skip-tz-utc", "--compact"} & set(given)
    assert result.time_zone == (None if says_no_zone else "+00:00")


def test_a_dump_that_hides_its_character_set_alters_nothing(
    oracle: Oracle,
    connection: psycopg.Connection[Any],
    tmp_path: Path,
) -> None:
    """``--compatible`` alone writes latin1 and does not say so.

    What is no ASCII is rejected and counted; the emoji and such are ``?`` in the dump.
    """
    dump = tmp_path / "oracle.sql"
    dump.write_bytes(oracle.dump(["--compatible=ansi"], ""))
    result = land(connection, dump, ["texts"])
    truth = oracle.truth("texts", "+00:00", "latin1")
    expected = [row for row in truth if all((v or "").isascii() for v in row)]
    assert landed(connection, "texts", oracle.columns("texts")) == expected
    (loaded,) = result.tables
    assert loaded.rows_rejected == len(truth) - len(expected) > 0
    assert {reason.rpartition(" ")[0] for reason in result.rejected_reasons} == {
        "invalid utf8mb4 bytes in column"
    }


def test_xml_is_refused_by_name(
    oracle: Oracle,
    connection: psycopg.Connection[Any],
    tmp_path: Path,
) -> None:
    dump = tmp_path / "oracle.xml"
    dump.write_bytes(oracle.dump(["--xml"], ""))
    with pytest.raises(DumpError, match="XML"):
        land(connection, dump, ["texts"])
