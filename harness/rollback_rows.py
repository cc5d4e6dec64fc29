"""Decides which rows of a run a rollback removes or restores, and does it.

A row goes only while it is as its run published it and no row that stays refers to it;
one that was updated gets its former content. Afterwards each is looked at: a trigger or
a rule may have kept it. Works in the caller's transaction, under its locks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from harness import (
    candidates,
    effects,
    pipelines,
    row_state,
    settings,
    target,
    triggers,
)
from harness.database import Connection
from harness.live_values import as_text, from_text
from harness.published import PublishedTable
from harness.queries import query

ACTIONS = ("delete", "restore", "gone", "changed", "referenced")
_ALL = sql.SQL("")
_NONE = sql.SQL("select null::uuid as id where false")


@dataclass(frozen=True)
class TableRollback:
    """What a rollback does with the rows that a run published into one table.

    ``delete`` rows are as they were inserted; ``restore`` ones as they were updated,
    and get their former content; ``gone`` ones were deleted already. Rows that users
    ``changed``, and those ``referenced`` by rows that stay, are left: ``left`` names up
    to ten of them. ``forced`` counts those among ``delete`` and ``restore`` that were
    changed: only a forced rollback takes them.
    """

    name: str
    delete: int
    restore: int
    gone: int
    changed: int
    referenced: int
    forced: int
    left: tuple[str, ...]


def decide(
    connection: Connection, run_id: str, table: PublishedTable, *, force: bool
) -> TableRollback:
    """Decide what happens to each row of a table; its children must be decided before.

    Leaves the decisions in a temporary table until the transaction ends.
    """
    connection.execute(
        query(
            "rollback_candidates",
            **_parts(run_id, table),
            is_unchanged=row_state.is_unchanged(connection, table, "live"),
            referring=_referring(connection, run_id, table),
            is_forced=sql.Literal(force),
        )
    )
    decided = _decisions(table.name)
    connection.execute(sql.SQL("analyze {}").format(decided))
    counts = dict.fromkeys(ACTIONS, 0)
    forced = 0
    for action, is_changed, count in connection.execute(
        sql.SQL("select action, is_changed, count(*) from {} group by 1, 2").format(
            decided
        )
    ).fetchall():
        counts[action] += count
        if is_changed and action in ("delete", "restore"):
            forced += count
    left = connection.execute(
        sql.SQL(
            "select id::text from {} where action in ('changed', 'referenced')"
            " order by id limit 10"
        ).format(decided)
    ).fetchall()
    return TableRollback(
        table.name, **counts, forced=forced, left=tuple(row[0] for row in left)
    )


def undo(
    connection: Connection, run_id: str, decisions: Sequence[TableRollback]
) -> None:
    """Do to the rows what was decided, children first, and see that it is done.

    Raises ``RowsNotWritten`` when a row is not as decided, naming what kept it.
    """
    for decided in decisions:
        _undo(connection, run_id, pipelines.current().table(decided.name), decided)
    # What the application defers to the end may undo it again.
    connection.execute("set constraints all immediate")
    if effects.may_differ(connection, pipelines.current().written):
        for decided in decisions:
            table = pipelines.current().table(decided.name)
            _require_undone(connection, run_id, table, decided)


def _undo(
    connection: Connection, run_id: str, table: PublishedTable, decided: TableRollback
) -> None:
    """Do to a table's rows, and to the ledger's, what was decided."""
    parts = _parts(run_id, table)
    written = connection.execute(query("rollback_delete", **parts)).rowcount
    if decided.restore:
        written += _restore(connection, table, parts)
    if written != decided.delete + decided.restore:
        # A parent could not go where its child stays.
        _require_undone(connection, run_id, table, decided)
    connection.execute(query("rollback_ledger", **parts))
    connection.execute(query("rollback_reinstate", **parts))


def _require_undone(
    connection: Connection, run_id: str, table: PublishedTable, decided: TableRollback
) -> None:
    """Raise ``RowsNotWritten`` unless what was to go is gone, and else as before.

    What a statement reports can be untrue where triggers or rules are at work, so the
    rows themselves are looked at.
    """
    kept = [column.name for column in _restorable(connection, table)]
    row = connection.execute(
        query("rollback_undone", as_text=as_text("live", kept), **_parts(run_id, table))
    ).fetchone()
    deleted, restored = row or (0, 0)
    found = (
        effects.Effect(table.live_name, "delete", decided.delete, deleted),
        effects.Effect(table.live_name, "update", decided.restore, restored),
    )
    effects.require(
        connection, found, command=f"./inv rollback --run {run_id} --execute"
    )


def _parts(run_id: str, table: PublishedTable) -> dict[str, sql.Composable]:
    return {
        "run_id": sql.Literal(run_id),
        **candidates.relations(table),
        "candidates": _decisions(table.name),
    }


def _decisions(table: str) -> sql.Identifier:
    """Name the temporary table of the decisions on a table's rows."""
    return sql.Identifier("pg_temp", f"rollback_{table}")


def _restore(
    connection: Connection, table: PublishedTable, parts: dict[str, sql.Composable]
) -> int:
    """Give updated rows their former content, with no trigger altering it."""
    content = sql.Identifier("candidate", "before")
    restored = [
        sql.SQL("{} = {}").format(
            sql.Identifier(column.name), from_text(content, column)
        )
        for column in _restorable(connection, table)
    ]
    with triggers.off(connection, table.live_name):
        return connection.execute(
            query("rollback_restore", restored=sql.SQL(", ").join(restored), **parts)
        ).rowcount


def _restorable(connection: Connection, table: PublishedTable) -> list[target.Column]:
    """The columns that a restored row gets its former content in."""
    return [
        column
        for column in target.describe(connection, table.live_name)
        if not column.is_generated
        and column.name != "id"
        and (not table.extends or column.name in table.columns)
    ]


def _referring(
    connection: Connection, run_id: str, table: PublishedTable
) -> sql.Composable:
    """Compose the ids that any row that stays refers to, by a key or by our rules.

    A child of ours that goes holds nobody back, which is why children are decided
    first; nor does a row of the same table that the run brought.
    """
    schema = settings.live_schema()
    if table.extends:  # its rows are only given their former content
        return _NONE
    keys = connection.execute(
        query("live_references"), {"table": f'"{schema}"."{table.name}"'}
    ).fetchall()
    columns = {column.name for column in target.describe(connection, table.name)}
    ours = [
        (schema, child.name, column)
        for child in pipelines.current().tables
        for column, parent in child.all_references.items()
        if parent == table.name and (child.name != table.name or column in columns)
    ]
    children = {name for _, name, _ in ours}
    referring = [
        sql.SQL("select distinct {} as id from {}{}").format(
            sql.Identifier(column),
            sql.Identifier(schema_name, name),
            _that_stay(run_id, name, table.name)
            if schema_name == schema and name in children
            else _ALL,
        )
        for schema_name, name, column in sorted({tuple(key) for key in [*keys, *ours]})
    ]
    return sql.SQL(" union ").join(referring) if referring else _NONE


def _that_stay(run_id: str, child: str, parent: str) -> sql.Composed:
    if child == parent:
        return sql.SQL(
            " as child where not exists (select 1 from {}.published_rows as owned"
            " where owned.row_id = child.id and owned.run_id = {}"
            " and owned.table_name = {} and owned.rolled_back_at is null)"
        ).format(
            sql.Identifier(settings.ledger_schema()),
            sql.Literal(run_id),
            sql.Literal(child),
        )
    return sql.SQL(
        " as child where not exists (select 1 from {} as decided"
        " where decided.id = child.id and decided.action = 'delete')"
    ).format(_decisions(child))
