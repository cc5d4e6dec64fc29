"""Lands dumps and the two JSON files in the ``staging`` schema, whole or not at all.

Owns the course of a load: inputs checked, dumps landed, tables replaced, in the one
transaction of the caller, who commits it. New tables are filled in a schema of their
own and change places with the previous ones at the very end, so that these stay
readable meanwhile. Never touches another schema, but reads the live bookings when no
file says which bookings were created.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field

import psycopg

from harness import settings
from harness.load import staging
from harness.load.dumps import find_dumps
from harness.load.events import (
    CoercedValue,
    CopyBlock,
    DumpSummary,
    RejectedRow,
    TableFound,
)
from harness.load.id_orders import decide_orders
from harness.load.inputs import BookingsFile, UsersFile, read_bookings, read_users
from harness.load.parallel import ParallelReader
from harness.load.parts import Effort, Outcome
from harness.load.result import InputFile, LoadResult, TableLoad
from harness.load.schema import Table
from harness.load.selection import FOR_MODELS, Selection, check_selection
from harness.load.source import Progress
from harness.load.time_zones import known_time_zone, unnamed_time_zone
from harness.load.verify import INPUTS, require_landed_as_read
from harness.load.witness import Checksum, checksum_of


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
    dumps: Sequence[str],
    bookings: str | None,
    users: str | None,
    live_schema: str,
    selection: Selection = FOR_MODELS,
    on_progress: Progress | None = None,
    verify_dump: bool = False,
) -> LoadResult:
    """Replace the landing tables by what these files hold, without committing.

    ``dumps`` are paths of files or mydumper directories, or ``-``; they are read one
    after the other. Without ``bookings`` the created bookings are those of
    ``<live_schema>.bookings``; without ``users`` the user ids stay. ``selection`` says
    which tables are landed. ``on_progress`` is called with bytes read and their total,
    0 when it is not known. A sample of the rows is held against a second reading of the
    dump, with ``verify_dump`` every row.

    Raises ``InputError`` or ``DumpError``; the caller then rolls back, and the previous
    landing tables are whole.
    """
    started = time.monotonic()
    found = find_dumps(dumps)
    files = _Inputs(
        read_bookings(bookings) if bookings else None,
        read_users(users) if users else None,
    )
    if files.bookings is None and selection.is_for_models:
        staging.check_live_bookings(connection, live_schema)
    staging.begin(connection)
    reader = ParallelReader(
        found,
        tables=selection.names,
        on_progress=on_progress,
        every_row=verify_dump,
    )
    landed = _land(connection, reader)
    read = reader.outcome
    summary = read.summary
    check_selection(selection, read.name, summary.tables, summary.views, landed.tables)
    summary.time_zone = known_time_zone(connection, summary)
    verified = require_landed_as_read(
        connection, staging.new_schema(), found, _columns(landed), read
    )
    of_inputs = _land_inputs(connection, files, live_schema)
    tables = _tables(read, landed.tables)
    staging.describe_tables(connection, tables, list(landed.tables.values()))
    decide_orders(connection, landed.tables)
    staging.keep_checksums(connection, [*read.checksums, *of_inputs])
    _describe_load(connection, run_id, read, files)
    staging.finish(connection)
    return LoadResult(
        run_id=run_id,
        tables=tables,
        inputs=_input_files(read, files),
        rejected_reasons=dict(landed.reasons.most_common()),
        producer=summary.producer,
        time_zone=summary.time_zone,
        warnings=_warnings(summary, selection, files),
        seconds=time.monotonic() - started,
        verified=verified,
        checksums=_summed(read.checksums),
        parser_peak_memory_bytes=read.parser_peak_memory_bytes,
    )


def _columns(landed: _Landed) -> dict[str, list[str]]:
    return {
        name: [column.name for column in table.columns]
        for name, table in landed.tables.items()
    }


def _summed(checksums: Sequence[Checksum]) -> dict[str, tuple[int, int, int]]:
    """Rows and both sums of hashes, by table."""
    sums: dict[str, tuple[int, int, int]] = {}
    for each in checksums:
        rows, high, low = sums.get(each.table, (0, 0, 0))
        sums[each.table] = (rows + each.rows, high + each.high, low + each.low)
    return sums


def _land(connection: psycopg.Connection, reader: ParallelReader) -> _Landed:
    """Write the dump's tables and rejected rows as they come."""
    landed = _Landed()
    with closing(reader.events()) as events, staging.Writer(connection) as writer:
        for event in events:
            if isinstance(event, CopyBlock):
                writer.copy(event)
            elif isinstance(event, RejectedRow):
                landed.reasons[event.reason] += 1
                writer.reject(event)
            elif isinstance(event, CoercedValue):
                writer.coerce(event)
            elif isinstance(event, TableFound):
                landed.tables[event.table.name] = event.table
                writer.create(event.table)
    return landed


def _tables(read: Outcome, tables: dict[str, Table]) -> tuple[TableLoad, ...]:
    return tuple(
        TableLoad(
            name=name,
            statements=count.statements,
            rows_read=count.rows_read,
            rows_loaded=count.rows_loaded,
            rows_rejected=count.rows_rejected,
            values_coerced=count.values_coerced,
            bytes=effort.bytes,
            seconds=effort.seconds,
        )
        for name, count, effort in (
            (name, read.summary.counts[name], read.efforts.get(name, Effort()))
            for name in sorted(tables)
        )
    )


def _land_inputs(
    connection: psycopg.Connection, files: _Inputs, live_schema: str
) -> list[Checksum]:
    """Land what says which bookings and users were migrated; returns its checksums."""
    if files.bookings is None and staging.has_live_bookings(connection, live_schema):
        bookings: list[tuple[str, str, str | None]] = [
            *staging.take_live_bookings(connection, live_schema)
        ]
        named = f"{live_schema}.bookings"
    else:
        results = files.bookings.results if files.bookings else ()
        bookings = [(r.id, str(r.is_success).lower(), r.error) for r in results]
        named = files.bookings.file.name if files.bookings else ""
        staging.copy_rows(
            connection, "bookings_created", INPUTS["bookings_created"], bookings
        )
    users = list(files.users.mapping.items()) if files.users else []
    staging.copy_rows(connection, "user_id_mapping", INPUTS["user_id_mapping"], users)
    mapped = files.users.file.name if files.users else ""
    return [
        checksum_of("bookings_created", bookings, named),
        checksum_of("user_id_mapping", users, mapped),
    ]


def _describe_load(
    connection: psycopg.Connection, run_id: str, read: Outcome, files: _Inputs
) -> None:
    staging.describe_load(
        connection,
        run_id=run_id,
        dump_name=read.name,
        dump_bytes=read.bytes,
        dump_sha256=read.sha256,
        dump_time_zone=read.summary.time_zone,
        has_bookings_file=files.bookings is not None,
        has_users_file=files.users is not None,
    )


def _input_files(read: Outcome, files: _Inputs) -> tuple[InputFile, ...]:
    found = [
        InputFile("dump", dump.name, dump.bytes, dump.sha256, dump.rows)
        for dump in read.dumps
    ]
    if files.bookings:
        file, rows = files.bookings.file, len(files.bookings.results)
        found.append(InputFile("bookings", file.name, file.bytes, file.sha256, rows))
    if files.users:
        file, rows = files.users.file, len(files.users.mapping)
        found.append(InputFile("users", file.name, file.bytes, file.sha256, rows))
    return tuple(found)


def _warnings(
    summary: DumpSummary, selection: Selection, files: _Inputs
) -> tuple[str, ...]:
    found = [*summary.warnings, *unnamed_time_zone(summary, selection)]
    coerced = sum(count.values_coerced for count in summary.counts.values())
    if coerced:
        found.append(
            f"{coerced:,} {'text holds' if coerced == 1 else 'texts hold'} NUL, landed "
            f"with U+FFFD in its place; see {settings.staging_schema()}.coerced_values"
        )
    for read in (files.bookings, files.users):
        found.extend(read.file.warnings if read else ())
    return tuple(found)
