"""Looks at the rows that stood in the chat system before we published into it.

They are compared with the backup that the run was published on, all columns of them;
where that is gone, with what was landed of them. Of a session that the run brought
forward the time of the last message may have grown; nothing else may differ.
"""

from __future__ import annotations

from psycopg import sql

from harness import backup, legacy, settings, target
from harness.backup.rows import columns_of
from harness.database import Connection
from harness.errors import HarnessError
from harness.queries import query
from harness.validate.listing import expected, findings
from harness.validate.outcome import Relation, Scope

#: The tables whose existing rows are to stay as they are.
_TABLES = ("chat_sessions", "chat_messages")

_Columns = dict[str, tuple[sql.Composable, sql.Composable]]


def compare(connection: Connection, scope: Scope, relation: Relation) -> str | None:
    """Add the existing rows that are gone or altered to the findings.

    Returns the id of the backup that they were compared with, ``landing`` when that is
    gone or was not needed, and None when nothing was published.
    """
    if scope.published_at is None:
        return None
    saved = _backup(connection, scope.run_id)
    for name in _TABLES:
        kept, columns = (
            _of_backup(connection, saved, name) if saved else _landed(connection, name)
        )
        connection.execute(
            query(
                "consolidation_existing",
                table_name=sql.Literal(name),
                target=relation(name),
                findings=findings(name),
                expected=expected(name),
                kept=kept,
                in_use=sql.Literal(scope.in_use),
                differing_columns=sql.SQL(", ").join(
                    _differing(name, column, *sides)
                    for column, sides in columns.items()
                ),
            )
        )
    return saved.backup_id if saved else "landing"


def _backup(connection: Connection, run_id: str) -> backup.Backup | None:
    """The backup before the run's first rows, if it holds both tables still."""
    row = connection.execute(query("state_before"), {"run_id": run_id}).fetchone()
    if row is None or row[1] is None:
        return None
    try:
        saved = backup.find(connection, row[1])
        tables = [saved.table(name) for name in _TABLES]
    except HarnessError:
        return None
    stand = all(
        columns_of(connection, table.copy, settings.backup_schema()) for table in tables
    )
    return saved if stand else None


def _of_backup(
    connection: Connection, saved: backup.Backup, name: str
) -> tuple[sql.Composable, _Columns]:
    kept = saved.table(name)
    copied = {
        column.name
        for column in columns_of(connection, kept.copy, settings.backup_schema())
    }
    return kept.relation, {
        column.name: (column.copied, sql.Identifier("kept", column.name))
        for column in columns_of(connection, name)
        if column.name in copied and column.name != "id"
    }


def _landed(connection: Connection, name: str) -> tuple[sql.Composable, _Columns]:
    live = {column.name for column in target.describe(connection, name)}
    kept = sql.Identifier(settings.staging_schema(), settings.legacy_landing(name))
    return kept, {
        column: (
            sql.SQL("live.{}::{}").format(sql.Identifier(column), sql.SQL(kind)),
            sql.Identifier("kept", column),
        )
        for column, kind in legacy.TABLES[name].columns.items()
        if column in live and column != "id"
    }


def _differing(
    table: str, column: str, live: sql.Composable, kept: sql.Composable
) -> sql.Composed:
    """Compose the column's name where the two differ, as text: any type has that."""
    said = sql.Literal(column)
    if (table, column) != ("chat_sessions", "last_message_at"):
        return sql.SQL(
            "case when {}::text is distinct from {}::text then {} end"
        ).format(live, kept, said)
    return sql.SQL(
        "case when {0} is distinct from {1} and not ("
        "coalesce({0} > {1}, {1} is null) and kept.id in (select id from {2})"
        ") then {3} end"
    ).format(live, kept, expected("extended_sessions"), said)
