"""The keys and indexes that publishing adds to the live schema, and how each is undone.

Adds what the specification names and the live tables do not have in an equivalent form,
enters each addition in the ledger, and drops only additions that the ledger names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from psycopg import sql

from harness import linkage, settings
from harness.database import Connection
from harness.published import INDEXES, Index, PublishedTable
from harness.queries import query


@dataclass(frozen=True)
class Change:
    """One addition to the live schema: ``ddl`` makes it, ``undo_ddl`` takes it away.

    ``check_ddl`` then checks a key that was added without looking at the rows;
    ``parent`` is the table that a foreign key refers to.
    """

    kind: str
    table: str
    name: str
    ddl: str
    undo_ddl: str
    check_ddl: str | None = None
    parent: str | None = None


def missing_changes(connection: Connection) -> list[Change]:
    """Find what the specification asks for and the live schema does not have yet.

    A key counts as there when one of the same columns and parent stands under any name;
    so does a plain index of the same columns. What names a column that the live table
    does without is not asked for.
    """
    present = {tuple(row) for row in connection.execute(query("live_keys")).fetchall()}
    columns = dict(connection.execute(query("live_column_names")).fetchall())
    indexes = [
        index
        for index in INDEXES
        if set(index.columns) <= set(columns.get(index.table, ()))
    ]
    return [
        change
        for signatures, change in _specified(linkage.tables(connection), indexes)
        if not present & set(signatures)
    ]


def parents(changes: Sequence[Change]) -> list[str]:
    """The live tables that new keys refer to, which adding them locks as well."""
    return sorted({change.parent for change in changes if change.parent})


def apply(connection: Connection, run_id: str, changes: Sequence[Change]) -> None:
    """Make the additions and enter them in the ledger, in the caller's transaction."""
    for change in changes:
        connection.execute(sql.SQL(change.ddl))
    for change in changes:
        if change.check_ddl:
            connection.execute(sql.SQL(change.check_ddl))
    connection.cursor().executemany(
        sql.SQL(
            "insert into {}.schema_changes"
            " (run_id, kind, table_name, name, ddl, undo_ddl)"
            " values (%s, %s, %s, %s, %s, %s)"
        ).format(sql.Identifier(settings.ledger_schema())),
        [
            (
                run_id,
                change.kind,
                change.table,
                change.name,
                change.ddl,
                change.undo_ddl,
            )
            for change in changes
        ],
    )


def undo(
    connection: Connection, run_id: str, kind: str, *, execute: bool = True
) -> list[str]:
    """Drop the constraints or indexes that a run added and return their names.

    The newest go first. ``kind`` is ``constraint`` or ``index``. What somebody dropped
    since is passed over. Without ``execute`` they are only named.
    """
    ledger = sql.Identifier(settings.ledger_schema())
    rows = connection.execute(
        sql.SQL(
            "select change_id, name, undo_ddl from {}.schema_changes"
            " where run_id = %s and kind = %s and rolled_back_at is null"
            " order by change_id desc"
        ).format(ledger),
        [run_id, kind],
    ).fetchall()
    if not execute:
        return [row[1] for row in rows]
    for change_id, _, ddl in rows:
        connection.execute(ddl)
        connection.execute(
            sql.SQL(
                "update {}.schema_changes set rolled_back_at = now()"
                " where change_id = %s"
            ).format(ledger),
            [change_id],
        )
    return [row[1] for row in rows]


Signature = tuple[str, str, str, str]


def _specified(
    tables: Sequence[PublishedTable], indexes: Sequence[Index]
) -> list[tuple[list[Signature], Change]]:
    """Pair each addition with the signatures that count as the same.

    A signature is (kind, table, columns, parent), as ``live_keys.sql`` writes them.
    """
    found: list[tuple[list[Signature], Change]] = []
    for table in tables:
        keys = [(column,) for column in table.unique]
        for key in [*keys, table.unique_together] if table.unique_together else keys:
            orders = (",".join(key), ",".join(reversed(key)))
            signatures = [("unique", table.name, names, "") for names in orders]
            found.append((signatures, _unique(table.name, key)))
    for table in tables:
        for column, parent in table.references.items():
            signature = ("foreign key", table.name, column, parent)
            found.append(([signature], _foreign_key(table.name, column, parent)))
    for index in indexes:
        by_name = ("index name", index.table, index.name, "")
        by_columns = ("index", index.table, ",".join(index.columns), "")
        signatures = [by_name] if index.predicate else [by_name, by_columns]
        found.append((signatures, _index(index)))
    return found


def _unique(table: str, columns: Sequence[str]) -> Change:
    definition = sql.SQL("unique ({})").format(
        sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    return _constraint(table, f"{table}_{'_'.join(columns)}_key", definition)


def _foreign_key(table: str, column: str, parent: str) -> Change:
    name = f"{table}_{column}_fkey"
    definition = sql.SQL("foreign key ({}) references {} (id) not valid").format(
        sql.Identifier(column), _live(parent)
    )
    check = sql.SQL("alter table {} validate constraint {}").format(
        _live(table), sql.Identifier(name)
    )
    return replace(
        _constraint(table, name, definition),
        check_ddl=check.as_string(),
        parent=parent,
    )


def _constraint(table: str, name: str, definition: sql.Composable) -> Change:
    key = sql.Identifier(name)
    add = sql.SQL("alter table {} add constraint {} {}").format(
        _live(table), key, definition
    )
    drop = sql.SQL("alter table {} drop constraint if exists {}").format(
        _live(table), key
    )
    return Change("constraint", table, name, add.as_string(), drop.as_string())


def _index(index: Index) -> Change:
    columns = sql.SQL(", ").join(sql.Identifier(column) for column in index.columns)
    where = sql.SQL(f" where {index.predicate}" if index.predicate else "")
    create = sql.SQL("create index {} on {} ({}){}").format(
        sql.Identifier(index.name), _live(index.table), columns, where
    )
    drop = sql.SQL("drop index if exists {}").format(_live(index.name))
    return Change(
        "index", index.table, index.name, create.as_string(), drop.as_string()
    )


def _live(name: str) -> sql.Identifier:
    return sql.Identifier(settings.live_schema(), name)
