"""How the rows of a live table differ from those of its copy.

Rows belong together by id; where an id stands more than once, by their content. A
column whose type or collation is the application's own is kept in the copy as its text,
so that the copy neither depends on the type nor follows its changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from harness import hashing, settings
from harness.backup.store import Backup, BackupTable
from harness.database import Connection
from harness.queries import query


@dataclass(frozen=True)
class RowCounts:
    """Rows of the backup that are ``missing`` or ``changed``; rows ``added`` since.

    ``added`` rows are in no backup. ``unexplained`` of the added and changed are newer
    than the backup and were published by no run as they are now.
    """

    missing: int = 0
    changed: int = 0
    added: int = 0
    unexplained: int = 0

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.missing or self.changed or self.added)


@dataclass(frozen=True)
class CopiedColumn:
    """A column of a table, and how the copy holds it.

    ``is_always`` tells an identity that only an insert may set.
    """

    name: str
    type_name: str
    is_generated: bool
    is_always: bool
    is_as_text: bool

    @property
    def copied(self) -> sql.Composable:
        """The column of the live table as the copy holds it."""
        column = sql.Identifier("live", self.name)
        if not self.is_as_text:
            return column
        # "format" writes a value as its type's own output function does.
        return sql.SQL(
            "(case when {0} is not null then format('%s', {0}) end collate \"C\")"
        ).format(column)

    @property
    def restored(self) -> sql.Composable:
        """The column of the copy as the live table takes it."""
        column = sql.Identifier("kept", self.name)
        if not self.is_as_text:
            return column
        return sql.SQL("{}::{}").format(column, sql.SQL(self.type_name))


def columns_of(
    connection: Connection, table: str, schema: str | None = None
) -> list[CopiedColumn]:
    """Read a table's columns in their order; none when there is no such table."""
    name = schema or settings.live_schema()
    rows = connection.execute(
        query(
            "backup_columns",
            schema_name=sql.Literal(name),
            table_name=sql.Literal(table),
        )
    ).fetchall()
    return [CopiedColumn(*row) for row in rows]


def rows_unlike(connection: Connection, backup: Backup, table: str) -> RowCounts:
    """Count how a live table's rows differ from those of the backup.

    Where columns came or went since, the rows are compared by those that both have;
    where the id did, none can be, and rows beyond those of the backup are unexplained.
    ``hashing.fix_session`` must have been called.
    """
    kept = backup.table(table)
    compared = _compared(connection, kept)
    if not compared:
        standing = _count(connection, table)
        return RowCounts(
            missing=kept.rows,
            added=standing,
            unexplained=max(0, standing - kept.rows),
        )
    row = connection.execute(
        sql.SQL(
            "select count(*) filter (where action = 'missing'),"
            " count(*) filter (where action = 'changed'),"
            " count(*) filter (where action = 'added'),"
            " count(*) filter (where is_unexplained)"
            " from ({}) as unlike"
        ).format(unlike(backup, kept, compared))
    ).fetchone()
    return RowCounts(*row) if row else RowCounts()


def unlike(
    backup: Backup, kept: BackupTable, columns: Sequence[CopiedColumn]
) -> sql.Composed:
    """Compose the rows that differ: action, id, their places, and is_unexplained."""
    names = [column.name for column in columns]
    times = [
        column.name
        for column in columns
        if column.name in ("created_at", "updated_at")
        and column.type_name.startswith("timestamp")
    ]
    newest = (
        sql.SQL("greatest({})::timestamptz").format(
            sql.SQL(", ").join(sql.Identifier("live", name) for name in times)
        )
        if times
        else sql.SQL("null::timestamptz")
    )
    return query(
        "backup_unlike",
        table=sql.Identifier(kept.name),
        table_name=sql.Literal(kept.name),
        copy=kept.relation,
        taken_at=sql.Literal(backup.taken_at),
        newest=newest,
        # As text: the copy may hold a time as another type.
        live_times=hashing.content_hash("live", times),
        kept_times=hashing.content_hash("kept", times),
        live_hash=hashing.content_hash("live", names),
        kept_hash=hashing.content_hash("kept", names),
    )


def _count(connection: Connection, table: str) -> int:
    """The rows of a live table, none of one that is not there."""
    if not columns_of(connection, table):
        return 0
    row = connection.execute(
        sql.SQL("select count(*) from {}").format(
            sql.Identifier(settings.live_schema(), table)
        )
    ).fetchone()
    return int(row[0]) if row else 0


def _compared(connection: Connection, kept: BackupTable) -> list[CopiedColumn]:
    """The columns that the live table and the copy share; none without the id."""
    copied = {
        column.name: column.type_name
        for column in columns_of(connection, kept.copy, settings.backup_schema())
    }
    shared = [c for c in columns_of(connection, kept.name) if c.name in copied]
    has_id = any(c.name == "id" and c.type_name == copied["id"] for c in shared)
    return shared if has_id else []
