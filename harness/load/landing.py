"""Lands a dump and the two JSON files in the ``staging`` schema, whole or not at all.

Owns the course of a load: inputs checked, dump landed, tables replaced, in the caller's
one transaction, which the caller commits. New tables are filled in a schema of their
own and change places with the previous ones at the very end, so that these stay
readable meanwhile. Never touches another schema, but reads the live bookings when no
file says which bookings were created.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

import psycopg

from harness import settings
from harness.load import staging
from harness.load.errors import DumpError
from harness.load.events import CopyBlock, DumpSummary, RejectedRow, TableFound
from harness.load.inputs import BookingsFile, UsersFile, read_bookings, read_users
from harness.load.reader import DumpReader
from harness.load.result import InputFile, LoadResult, TableLoad
from harness.load.schema import Table
from harness.load.source import Progress, Source, open_dump


@dataclass(frozen=True)
class _Inputs:
    """The two JSON files, read and checked."""

    bookings: BookingsFile | None
    users: UsersFile | None


@dataclass
class _Landed:
    """What has come out of the dump so far."""

    tables: dict[str, Table] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)


def load(
    connection: psycopg.Connection,
    *,
    run_id: str,
    dump: str,
    bookings: str | None,
    users: str | None,
    live_schema: str,
    on_progress: Progress | None = None,
) -> LoadResult:
    """Replace the landing tables by what these files hold, without committing.

    ``dump`` is a path or ``-``; without ``bookings`` the created bookings are those of
    ``<live_schema>.bookings``; without ``users`` the user ids stay. ``on_progress`` is
    called with bytes read and their total, 0 when it is not known.

    Raises ``InputError`` or ``DumpError``; the caller then rolls back, and the previous
    landing tables are whole.
    """
    started = time.monotonic()
    files = _Inputs(
        read_bookings(bookings) if bookings else None,
        read_users(users) if users else None,
    )
    if files.bookings is None:
        staging.check_live_bookings(connection, live_schema)
    with open_dump(dump, on_progress) as source:
        staging.begin(connection)
        wanted = {*settings.REQUIRED_COLUMNS, *settings.OPTIONAL_TABLES}
        reader = DumpReader(source.chunks(), tables=wanted, name=source.name)
        landed = _land(connection, reader)
    _check_required(source.name, reader.summary, landed.tables)
    _land_files(connection, files, live_schema)
    tables = _tables(reader.summary, landed.tables)
    staging.describe_tables(connection, tables, list(landed.tables.values()))
    _describe_load(connection, run_id, source, reader.summary, files)
    staging.finish(connection)
    return LoadResult(
        run_id=run_id,
        tables=tables,
        inputs=_input_files(source, tables, files),
        rejected_reasons=dict(landed.reasons.most_common()),
        producer=reader.summary.producer,
        time_zone=reader.summary.time_zone,
        warnings=_warnings(source.name, reader.summary, files),
        seconds=time.monotonic() - started,
    )


def _land(connection: psycopg.Connection, reader: DumpReader) -> _Landed:
    """Write the dump's tables and rejected rows as they come."""
    landed = _Landed()
    with staging.Writer(connection) as writer:
        for event in reader.events():
            if isinstance(event, CopyBlock):
                writer.copy(event)
            elif isinstance(event, RejectedRow):
                landed.reasons[event.reason] += 1
                writer.reject(event)
            elif isinstance(event, TableFound):
                landed.tables[event.table.name] = event.table
                writer.create(event.table)
    return landed


def _check_required(name: str, summary: DumpSummary, tables: dict[str, Table]) -> None:
    """Raise ``DumpError`` unless the dump has what the models read."""
    found = ", ".join(summary.tables) or "none"
    for table, columns in settings.REQUIRED_COLUMNS.items():
        if table not in tables:
            kind = "only a view" if table in summary.views else "no table"
            raise DumpError(
                f"{name} has {kind} {table}; tables found: {found}. Nothing was "
                "loaded. Dump the whole database of the chat system."
            )
        has = {column.name for column in tables[table].columns}
        missing = [column for column in columns if column not in has]
        if missing:
            raise DumpError(
                f"the table {table} in {name} has no column {', '.join(missing)}; "
                f"tables found: {found}. Nothing was loaded. "
                "Dump the database of the chat system in the version that is specified."
            )


def _tables(summary: DumpSummary, tables: dict[str, Table]) -> tuple[TableLoad, ...]:
    counts = ((name, summary.counts[name]) for name in sorted(tables))
    return tuple(
        TableLoad(
            name=name,
            statements=count.statements,
            rows_read=count.rows_read,
            rows_loaded=count.rows_loaded,
            rows_rejected=count.rows_rejected,
        )
        for name, count in counts
    )


def _land_files(
    connection: psycopg.Connection, files: _Inputs, live_schema: str
) -> None:
    if files.bookings is None:
        staging.take_live_bookings(connection, live_schema)
    else:
        rows = [(r.id, r.is_success, r.error) for r in files.bookings.results]
        columns = ("id", "success", "error")
        staging.copy_rows(connection, "bookings_created", columns, rows)
    mapping = files.users.mapping if files.users else {}
    columns_of_users = ("old_id", "new_id")
    staging.copy_rows(
        connection, "user_id_mapping", columns_of_users, list(mapping.items())
    )


def _describe_load(
    connection: psycopg.Connection,
    run_id: str,
    source: Source,
    summary: DumpSummary,
    files: _Inputs,
) -> None:
    staging.describe_load(
        connection,
        run_id=run_id,
        dump_name=source.name,
        dump_bytes=source.bytes_read,
        dump_sha256=source.sha256,
        dump_time_zone=summary.time_zone,
        has_bookings_file=files.bookings is not None,
        has_users_file=files.users is not None,
    )


def _input_files(
    source: Source, tables: tuple[TableLoad, ...], files: _Inputs
) -> tuple[InputFile, ...]:
    rows = sum(table.rows_read for table in tables)
    found = [InputFile("dump", source.name, source.bytes_read, source.sha256, rows)]
    if files.bookings:
        file, rows = files.bookings.file, len(files.bookings.results)
        found.append(InputFile("bookings", file.name, file.bytes, file.sha256, rows))
    if files.users:
        file, rows = files.users.file, len(files.users.mapping)
        found.append(InputFile("users", file.name, file.bytes, file.sha256, rows))
    return tuple(found)


def _warnings(name: str, summary: DumpSummary, files: _Inputs) -> tuple[str, ...]:
    found = [f"{name}, {warning}" for warning in summary.warnings]
    if not summary.has_trailer:
        found.append(
            f"{name} does not sign its end, so that a dump cut short between two "
            "statements could not be told from a whole one"
        )
    for read in (files.bookings, files.users):
        found.extend(read.file.warnings if read else ())
    return tuple(found)
