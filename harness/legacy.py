"""Lands the tables of a legacy chat system from the database where they are in use.

Owns the tables ``legacy_…`` of the ``staging`` schema: one consistent snapshot of what
the consolidation's models read, so that a build repeats while people go on writing, and
the rows are counted and hashed in the ledger. Reads the application's tables and never
writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

import psycopg
from psycopg import sql

from harness import cutover, hashing, ledger, settings
from harness.database import Connection, committed, is_lost, said_by
from harness.errors import HarnessError, Refused
from harness.hashing import TableState
from harness.queries import query
from harness.storage import standing

#: The types, as PostgreSQL spells them, whose values a landing column takes unchanged.
#: A text may be any enumeration or domain as well; a UUID that is none is an error.
_FITTING = {
    "uuid": ("uuid", "text", "character varying"),
    "bigint": ("bigint", "integer", "smallint"),
    "integer": ("integer", "smallint", "bigint"),
    "boolean": ("boolean",),
    "jsonb": ("jsonb", "json"),
    "timestamptz": ("timestamp with time zone", "timestamp without time zone"),
}


class LandingFailed(HarnessError):
    """The database refused to land the legacy tables; nothing was changed."""


@dataclass(frozen=True)
class LegacyTable:
    """A table of the application and the columns that are landed of it.

    ``required`` columns must be there; the others are null where they are not.
    ``is_legacy`` tables are read from the legacy schema, the others from the live one.
    ``is_target`` tables are those that publish fills: they may be missing, and their
    rows are marked when an earlier run brought them.
    """

    columns: Mapping[str, str]
    required: tuple[str, ...]
    is_legacy: bool = False
    is_target: bool = False


@dataclass(frozen=True)
class Landing:
    """What was landed: the run, and rows and hash of each table by its name."""

    run_id: str
    tables: Mapping[str, TableState]


TABLES: dict[str, LegacyTable] = {
    "messages": LegacyTable(
        {
            "id": "uuid",
            "booking_id": "uuid",
            "sender_id": "uuid",
            "type": "text",
            "content": "text",
            "file_url": "text",
            "metadata": "jsonb",
            "is_read": "boolean",
            "created_at": "timestamptz",
        },
        ("id", "booking_id", "sender_id", "type", "content", "created_at"),
        is_legacy=True,
    ),
    "voice_notes": LegacyTable(
        {
            "id": "uuid",
            "user_id": "uuid",
            "file_url": "text",
            "file_name": "text",
            "file_size": "bigint",
            "duration_seconds": "integer",
            "transcription": "text",
            "context_type": "text",
            "context_id": "uuid",
            "metadata": "jsonb",
            "created_at": "timestamptz",
        },
        ("id", "user_id", "file_url", "context_type", "context_id", "created_at"),
        is_legacy=True,
    ),
    "bookings": LegacyTable(
        {
            "id": "uuid",
            "user_id": "uuid",
            "reader_id": "uuid",
            "status": "text",
            "created_at": "timestamptz",
        },
        ("id", "user_id", "reader_id", "status", "created_at"),
    ),
    "profiles": LegacyTable({"id": "uuid"}, ("id",)),
    "chat_sessions": LegacyTable(
        {
            "id": "uuid",
            "type": "text",
            "created_at": "timestamptz",
            "last_message_at": "timestamptz",
        },
        ("id",),
        is_target=True,
    ),
    "chat_messages": LegacyTable(
        {
            "id": "uuid",
            "session_id": "uuid",
            "sender_id": "uuid",
            "type": "text",
            "content": "text",
            "file_url": "text",
            "created_at": "timestamptz",
        },
        ("id", "session_id", "sender_id"),
        is_target=True,
    ),
}


def land(connection: Connection, *, target: str) -> Landing:
    """Land the legacy tables as a new run, in one snapshot and one transaction.

    ``target`` is the database as it may be printed. Commits. Raises ``Refused`` when a
    table or column is missing or of another type, and ``LandingFailed`` when the
    database refuses to read or to write; the previous landing then stands.
    """
    for name in TABLES:
        _columns(connection, name)
    connection.rollback()
    with committed(connection):
        ledger.ensure(connection)
    run_id, started = ledger.new_run_id(), datetime.now(timezone.utc)
    try:
        with committed(connection):
            connection.execute("set transaction isolation level repeatable read")
            tables = _land_tables(connection)
            _describe(connection, run_id, tables)
            _replace(connection)
            _enter(connection, run_id, target, started, tables)
    except psycopg.Error as error:
        if is_lost(error):
            raise
        raise LandingFailed(
            f"the legacy tables cannot be landed: {said_by(error)}. The transaction "
            "was rolled back, what was landed before stands. Mend the cause and run: "
            "./inv consolidate.land"
        ) from error
    return Landing(run_id, tables)


def _land_tables(connection: Connection) -> dict[str, TableState]:
    staging = sql.Identifier(settings.staging_schema())
    connection.execute(sql.SQL("create schema if not exists {}").format(staging))
    hashing.fix_session(connection)
    selections = {name: _selection(connection, name) for name in TABLES}
    states = {}
    for name, selection in selections.items():
        connection.execute(
            sql.SQL("create unlogged table {} as {}").format(_new(name), selection)
        )
        connection.execute(sql.SQL("analyze {}").format(_new(name)))
        states[name] = hashing.table_state(
            connection, _new(name), list(TABLES[name].columns)
        )
    return states


def _columns(connection: Connection, name: str) -> Mapping[str, str]:
    """The types of a table's columns; raises ``Refused`` when it does not fit."""
    table = TABLES[name]
    relation = _relation(connection, name)
    present = dict(
        connection.execute(
            query("legacy_columns"), {"table": relation.as_string(connection)}
        ).fetchall()
    )
    if present or not table.is_target:
        _require_fit(f"{_schema(connection, name)}.{name}", table, present)
    return present


def _schema(connection: Connection, name: str) -> str:
    is_legacy = TABLES[name].is_legacy
    return cutover.legacy_schema(connection) if is_legacy else settings.live_schema()


def _relation(connection: Connection, name: str) -> sql.Identifier:
    return sql.Identifier(_schema(connection, name), name)


def _selection(connection: Connection, name: str) -> sql.Composed:
    """Compose the query of a table's rows; raises ``Refused`` when it does not fit."""
    table, relation = TABLES[name], _relation(connection, name)
    present = _columns(connection, name)
    # A row that names a copy of its file is read as it was before.
    is_switched = table.is_target and standing.stands(connection, name)
    taken = [
        sql.SQL("{}::{} as {}").format(
            standing.as_before("source", name, column, kind, stands=is_switched)
            if column in present
            else sql.NULL,
            sql.SQL(kind),
            sql.Identifier(column),
        )
        for column, kind in table.columns.items()
    ]
    if table.is_target:
        ours = query("legacy_published", table_name=sql.Literal(name))
        is_ours = sql.SQL("source.id in ({})").format(ours) if present else sql.NULL
        taken.append(sql.SQL("{}::boolean as is_published").format(is_ours))
    rows = sql.SQL("from {} as source" if present else "where false").format(relation)
    return sql.SQL("select {} {}").format(sql.SQL(", ").join(taken), rows)


def _require_fit(name: str, table: LegacyTable, present: Mapping[str, str]) -> None:
    if not present:
        raise Refused(
            f"there is no table {name}, which the consolidation reads; a view does not "
            "count. Nothing was changed. Name the database of the legacy chat system "
            "with DATABASE_URL, the schema of its messages and voice_notes with "
            "CARRYOVER_LEGACY_SCHEMA, that of the others with CARRYOVER_LIVE_SCHEMA."
        )
    missing = [column for column in table.required if column not in present]
    if missing:
        raise Refused(
            f"the table {name} lacks {', '.join(missing)}, which the consolidation "
            "reads. Nothing was changed. Add what is missing, or name the right "
            "database."
        )
    for column, kind in table.columns.items():
        found = present.get(column)
        if found and found not in _FITTING.get(kind, (found,)):
            raise Refused(
                f"the column {name}.{column} is {found}, which does not land as {kind} "
                "unchanged. Nothing was changed. Change its type, or name the right "
                "database."
            )


def _describe(
    connection: Connection, run_id: str, tables: Mapping[str, TableState]
) -> None:
    """Make the two tables that say what was landed, and when."""
    connection.execute(
        sql.SQL(
            "create unlogged table {} as select %s::text as run_id,"
            " clock_timestamp() as landed_at, %s::text as legacy_schema,"
            " %s::text as live_schema"
        ).format(_new("loads")),
        [run_id, cutover.legacy_schema(connection), settings.live_schema()],
    )
    connection.execute(
        sql.SQL("create unlogged table {} (table_name text, rows bigint)").format(
            _new("tables")
        )
    )
    connection.cursor().executemany(
        sql.SQL("insert into {} values (%s, %s)").format(_new("tables")),
        [(name, state.rows) for name, state in tables.items()],
    )


def _replace(connection: Connection) -> None:
    """Put the new tables in the place of the previous ones, dropping their views."""
    for name in (*TABLES, "tables", "loads"):
        landing = settings.legacy_landing(name)
        connection.execute(
            sql.SQL("drop table if exists {} cascade").format(
                sql.Identifier(settings.staging_schema(), landing)
            )
        )
        connection.execute(
            sql.SQL("alter table {} rename to {}").format(
                _new(name), sql.Identifier(landing)
            )
        )


def _enter(
    connection: Connection,
    run_id: str,
    target: str,
    started: datetime,
    tables: Mapping[str, TableState],
) -> None:
    ledger.begin_run(connection, run_id, target=target)
    record = ledger.StepRecord(
        rows=tables["messages"].rows + tables["voice_notes"].rows,
        detail={
            "legacy_schema": cutover.legacy_schema(connection),
            "live_schema": settings.live_schema(),
            "tables": {
                name: {"rows": state.rows, "content_hash": state.content_hash}
                for name, state in tables.items()
            },
        },
    )
    ledger.add_step(connection, run_id, "consolidate.land", started, record)


def _new(name: str) -> sql.Identifier:
    """Name a landing table until it takes the place of the previous one."""
    landing = settings.legacy_landing(name)
    return sql.Identifier(settings.staging_schema(), f"new_{landing}")
