"""Holds landing tables against the dump, by the checksums of the second decoder.

Owns the comparison, at the end of a load and whenever it is asked for again, and what
is said of it. Reads ``staging`` and, when it is named again, the dump; writes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter

import psycopg
from psycopg import sql

from harness import settings
from harness.errors import Refused, UsageError
from harness.load.dumps import Dump, find_dumps
from harness.load.parts import LoadReader, Outcome, sha256_of
from harness.load.source import STANDARD_INPUT
from harness.load.verification import Verification
from harness.load.witness import LONGEST_TEXT, Checksum, NotVerified, Range, Witness
from harness.queries import query

Columns = Mapping[str, Sequence[str]]
#: The landing tables of the inputs beside the dump, and the columns of each.
INPUTS = {
    "bookings_created": ("id", "success", "error"),
    "user_id_mapping": ("old_id", "new_id"),
}
_NAME_IT = "Name its dump again: ./inv validate --verify-dump --dump FILE"


def require_landed_as_read(
    connection: psycopg.Connection,
    schema: str,
    dumps: Sequence[Dump],
    columns: Columns,
    outcome: Outcome,
) -> Verification:
    """Hold freshly landed tables against the checksums of their reading.

    ``columns`` are the landing tables' by name, in their order. Raises ``NotVerified``
    with the first row that differs, or the rows among which it is.
    """
    began = time.perf_counter()
    for different in _different(connection, schema, outcome.checksums, columns):
        found = _located(connection, schema, dumps, columns, different)
        raise NotVerified(
            f"{_said(found)} Nothing was loaded. Please report this as a bug, with the "
            "lines at that place.",
            line=found.line,
            byte_offset=found.byte_offset,
        )
    counts = outcome.summary.counts
    return Verification(
        sum(each.rows for each in outcome.checksums),
        sum(count.rows_loaded for count in counts.values()),
        seconds=outcome.second_reading_seconds + time.perf_counter() - began,
    )


def verify_landing(
    connection: psycopg.Connection,
    dumps: Sequence[str] = (),
    *,
    every_row: bool = False,
) -> Verification:
    """Hold what is landed against the dump once more.

    The checksums are those that the load kept; with ``every_row`` they must be of all
    rows, or ``dumps`` name the files again, which are then read by the second decoder.
    Raises ``UsageError`` when neither is so and ``Refused`` when the files are not
    those that were loaded.
    """
    landed = _landed_rows(connection)
    has_kept = _has(connection, "loaded_checksums")
    kept = _kept(connection) if has_kept else []
    of_inputs = [each for each in kept if each.table in INPUTS]
    if dumps:
        checksums = _read_again(connection, dumps, sorted(landed))
    elif has_kept:
        checksums = [each for each in kept if each.table not in INPUTS]
    elif every_row:
        raise UsageError(
            "the landing tables were loaded by an earlier version, which kept no "
            f"checksums of the dump. Nothing was changed. {_NAME_IT}"
        )
    else:
        return Verification(None, sum(landed.values()))
    rows = sum(each.rows for each in checksums)
    if every_row and not dumps and rows != sum(landed.values()):
        raise UsageError(
            f"the load kept checksums of {rows:,} of {sum(landed.values()):,} rows. "
            f"Nothing was changed. {_NAME_IT}"
        )
    schema = settings.staging_schema()
    counts = {**landed, **{each.table: each.rows for each in of_inputs}}
    columns = {**_columns(connection), **INPUTS}
    different = _different(connection, schema, [*checksums, *of_inputs], columns)
    faults = [*_miscounted(connection, schema, counts), *map(_said, different)]
    return Verification(rows, sum(landed.values()), tuple(faults))


def _different(
    connection: psycopg.Connection,
    schema: str,
    checksums: Sequence[Checksum],
    columns: Columns,
) -> Iterator[Checksum]:
    """The checksums that the landing tables do not have, table by table."""
    ordered = sorted(checksums, key=attrgetter("table", "first_row"))
    for table, group in groupby(ordered, attrgetter("table")):
        expected = [each for each in group if each.rows]
        rows = connection.execute(
            query(
                "landing_checksums",
                relation=sql.Identifier(schema, table),
                row_text=_row_text(columns[table]),
                firsts=_numbers([each.first_row for each in expected]),
                lasts=_numbers([each.last_row for each in expected]),
            )
        ).fetchall()
        found = {block: tuple(map(int, sums)) for block, *sums in rows}
        for block, each in enumerate(expected, start=1):
            if found.get(block) != (each.rows, each.high, each.low):
                yield each


def _row_text(columns: Sequence[str]) -> sql.Composable:
    """A row as the text whose MD5 is its hash; ``witness.row_hash`` has the same."""
    text = sql.SQL(
        "coalesce(case when octet_length(convert_to({0}, 'UTF8')) <= {1}"
        " then octet_length(convert_to({0}, 'UTF8')) || ':' || {0}"
        " else octet_length(convert_to({0}, 'UTF8')) || '#'"
        " || md5(convert_to({0}, 'UTF8')) end, 'N')"
    )
    named = (
        sql.SQL("{}::text").format(sql.Identifier("landed", column))
        for column in columns
    )
    return sql.SQL(" || ").join(text.format(name, LONGEST_TEXT) for name in named)


def _numbers(numbers: Sequence[int]) -> sql.Composable:
    return sql.SQL("{}::bigint[]").format(sql.Literal(list(numbers)))


def _located(
    connection: psycopg.Connection,
    schema: str,
    dumps: Sequence[Dump],
    columns: Columns,
    different: Checksum,
) -> Checksum:
    """The first row of these that differs, when the dump can be read once more."""
    if any(part.path == STANDARD_INPUT for dump in dumps for part in dump.parts):
        return different
    rows = Range(different.table, different.first_row, different.last_row)
    witness = Witness(only=rows)
    for _ in LoadReader(dumps, tables=list(columns), witness=witness).events():
        pass
    each = _different(connection, schema, witness.checksums, columns)
    return next(each, different)


def _said(different: Checksum) -> str:
    if different.table in INPUTS:
        return (
            f"the landing table {different.table} is not as {different.file} has it: "
            f"one of its {different.rows:,} rows differs."
        )
    if different.rows == 1:
        which = f"row {different.first_row:,}"
    else:
        which = f"one of the rows {different.first_row:,} to {different.last_row:,}"
    return (
        f"the landing table {different.table} is not as the dump has it: {which} "
        f"differs ({different.file or 'the dump'}, from line {different.line:,}, byte "
        f"{different.byte_offset} on)."
    )


def _has(connection: psycopg.Connection, table: str) -> bool:
    name = sql.Identifier(settings.staging_schema(), table).as_string(connection)
    row = connection.execute("select to_regclass(%s) is not null", [name]).fetchone()
    return row == (True,)


def _landed_rows(connection: psycopg.Connection) -> dict[str, int]:
    """How many rows the load landed, by table."""
    return dict(connection.execute(query("landing_rows")).fetchall())


def _columns(connection: psycopg.Connection) -> dict[str, list[str]]:
    """The landing tables' columns, in their order."""
    found: dict[str, list[str]] = {}
    for table, column in connection.execute(query("landing_columns")).fetchall():
        found.setdefault(table, []).append(column)
    return found


def _kept(connection: psycopg.Connection) -> list[Checksum]:
    """The checksums that the load kept."""
    rows = connection.execute(query("kept_checksums")).fetchall()
    return [
        Checksum(table, first, count, int(high), int(low), file, line, offset)
        for table, first, count, high, low, file, line, offset in rows
    ]


def _miscounted(
    connection: psycopg.Connection, schema: str, landed: Mapping[str, int]
) -> Iterator[str]:
    """Sentences on tables that have other than the rows that were landed."""
    for table, expected in sorted(landed.items()):
        row = connection.execute(
            sql.SQL("select count(*) from {}").format(sql.Identifier(schema, table))
        ).fetchone()
        found = row[0] if row else 0
        if found != expected:
            yield (
                f"the landing table {table} has {found:,} rows, but {expected:,} were "
                "loaded."
            )


def _read_again(
    connection: psycopg.Connection, paths: Sequence[str], tables: Sequence[str]
) -> list[Checksum]:
    """Read the dumps with the second decoder; they must be those that were loaded."""
    row = connection.execute(query("loaded_dump")).fetchone()
    name, sha256 = row if row else ("", "")
    dumps = find_dumps(paths)
    if STANDARD_INPUT not in paths:
        _require_same(name, sha256, sha256_of(dumps))
    reader = LoadReader(dumps, tables=tables, witness=Witness(every_row=True))
    for _ in reader.events():
        pass
    _require_same(name, sha256, reader.outcome.sha256)
    return reader.outcome.checksums


def _require_same(name: str, loaded: str, given: str) -> None:
    if loaded != given:
        raise Refused(
            f"the files are not those that were loaded as {name}: their SHA-256 is "
            f"{given}, that of the load {loaded}. Nothing was changed. Name the same "
            "files, in the same order, or load these: ./inv load --dump FILE"
        )
