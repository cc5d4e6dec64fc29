"""Writes what a publish decided about each row, and enters it in the ledger.

Inserts what is new, brings earlier rows to what the source says now, and looks that
each is live afterwards: a trigger or a rule may keep a row away. Works in the caller's
transaction, under its locks.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from psycopg import sql

from harness import (
    candidates,
    effects,
    hashing,
    ledger,
    pipelines,
    row_state,
    settings,
    target,
    triggers,
)
from harness.candidates import TablePlan
from harness.database import Connection
from harness.live_values import as_live, as_text, source_hash
from harness.published import PublishedTable
from harness.queries import query
from harness.storage import standing

_Parts = dict[str, sql.Composable]


@dataclass(frozen=True)
class Columns:
    """By mart: the columns that are written, and those of the two hashes of a row.

    ``hashed`` are those of the live row, ``compared`` those of the mart's.
    """

    written: dict[str, list[str]]
    hashed: dict[str, list[str]]
    compared: dict[str, list[str]]


def columns_of(
    connection: Connection, run_id: str, written: dict[str, list[str]]
) -> Columns:
    """Find by which columns a run's rows are hashed that writes these."""
    live = _live_columns(connection)
    return Columns(
        written,
        _as_before(connection, run_id, "hashed", live),
        _as_before(connection, run_id, "published", written),
    )


def _live_columns(connection: Connection) -> dict[str, list[str]]:
    """The columns that a live row of each mart is hashed by: all, unless it extends."""
    return {
        table.name: list(table.columns)
        if table.extends
        else [column.name for column in target.describe(connection, table.live_name)]
        for table in pipelines.current().tables
    }


def forms(connection: Connection, columns: Columns) -> dict[str, dict[str, str]]:
    """The forms in which the hashed columns write their values, by mart."""
    found = {}
    for table in pipelines.current().tables:
        live = {c.name: c for c in target.describe(connection, table.live_name)}
        found[table.name] = {
            name: row_state.written_as(live[name])
            for name in columns.hashed[table.name]
        }
    return found


def analyze(connection: Connection) -> None:
    """Gather statistics on what has grown all at once, for users and for ourselves."""
    ours = sql.Identifier(settings.ledger_schema(), "published_rows")
    live = (
        sql.Identifier(settings.live_schema(), name)
        for name in pipelines.current().written
    )
    connection.execute(sql.SQL("analyze {}").format(sql.SQL(", ").join([ours, *live])))


def write(
    connection: Connection, run_id: str, plans: Sequence[TablePlan], columns: Columns
) -> None:
    """Write what was decided, and see that every row is live as it should be.

    Raises ``RowsNotWritten`` when one is not, naming what kept it away.
    """
    for name in ("failed_rows", "left_rows"):
        # What an earlier publish of the same run could not bring is decided anew.
        connection.execute(
            sql.SQL("delete from {} where run_id = %s").format(
                sql.Identifier(settings.ledger_schema(), name)
            ),
            [run_id],
        )
    connection.execute(
        query(f"record_existing_{pipelines.current().name}", run_id=sql.Literal(run_id))
    )
    tables = pipelines.current().tables
    parts = {table.name: _parts(connection, table, run_id, columns) for table in tables}
    for table in tables:
        connection.execute(query("keep_before", **parts[table.name]))
    decided = {table.name: table for table in plans}
    for table in tables:
        _update(connection, table, decided[table.name], parts[table.name])
    for table in tables:
        if not table.extends:
            _insert(connection, decided[table.name], parts[table.name])
    for table in tables:
        connection.execute(query("supersede_rows", **parts[table.name]))
    # An application's trigger on one table may write another: hashes come last.
    for name in ("record_published", "record_failed", "record_left"):
        for table in tables:
            connection.execute(query(name, **parts[table.name]))
    # What the application defers to the end may undo a write as well.
    connection.execute("set constraints all immediate")
    if effects.may_differ(connection, pipelines.current().written):
        for plan in plans:
            _require_written(connection, plan, parts[plan.name])


def _update(
    connection: Connection,
    table: PublishedTable,
    decided: TablePlan,
    parts: _Parts,
) -> None:
    """Bring rows of earlier runs to what the source says now, or others forward.

    Of a row that is not ours nothing changes but the time that it is brought to: the
    application's triggers, which may stamp another, are kept out of it.
    """
    if not decided.update:
        return
    off = triggers.off(connection, table.live_name) if table.extends else nullcontext()
    with off:
        updated = connection.execute(query("update_rows", **parts)).rowcount
    if updated != decided.update:
        _require_written(connection, decided, parts, events=("update",))


def _insert(connection: Connection, decided: TablePlan, parts: _Parts) -> None:
    """Insert the rows that are new; a child would fail where its parent is missing."""
    inserted = connection.execute(query("publish_rows", **parts)).rowcount
    if inserted != decided.insert:
        _require_written(connection, decided, parts)


def _require_written(
    connection: Connection,
    decided: TablePlan,
    parts: _Parts,
    *,
    events: Collection[str] = ("insert", "update"),
) -> None:
    """Raise ``RowsNotWritten`` unless every row is live that was to be written.

    What a statement reports can be untrue where triggers or rules are at work, so the
    rows themselves are looked at.
    """
    row = connection.execute(query("publish_undone", **parts)).fetchone()
    inserted, updated = row or (0, 0)
    live = pipelines.current().table(decided.name).live_name
    found = (
        effects.Effect(live, "insert", decided.insert, inserted),
        effects.Effect(live, "update", decided.update, updated),
    )
    effects.require(
        connection,
        [each for each in found if each.event in events],
        command=f"{pipelines.current().command('publish')} --execute",
    )


def _as_before(
    connection: Connection, run_id: str, which: str, columns: dict[str, list[str]]
) -> dict[str, list[str]]:
    """The columns that a run hashes, by live table: those of its earlier publish.

    With others, its earlier rows would pass for changed. ``which`` is ``hashed`` or
    ``published``, ``columns`` what a run takes that has not published yet, or whose
    columns are not all there any more.
    """
    found = {}
    for name, now in columns.items():
        record = ledger.publish_records(connection, name).get(run_id)
        then = getattr(record, which, ())
        found[name] = list(then) if then and set(then) <= set(now) else now
    return found


def _parts(
    connection: Connection,
    table: PublishedTable,
    run_id: str,
    columns: Columns,
) -> _Parts:
    """The pieces of SQL that writing one table is composed of."""
    live = {c.name: c for c in target.describe(connection, table.live_name)}
    chosen = columns.written[table.name]
    # What an update may change is kept: of a row that is not ours that is one column.
    kept = [
        name
        for name, column in live.items()
        if not column.is_generated and (not table.extends or name in chosen)
    ]
    is_switched = standing.stands(connection, table.live_name)
    assigned = {
        name: standing.as_switched(
            table.live_name, name, as_live("mart", live[name]), stands=is_switched
        )
        for name in chosen
        if name != "id"
    }
    return {
        "run_id": sql.Literal(run_id),
        **candidates.relations(table),
        "candidates": candidates.relation(table.name),
        "before": sql.Identifier("pg_temp", f"before_{table.name}"),
        "columns": sql.SQL(", ").join(sql.Identifier(name) for name in chosen),
        "values": sql.SQL(", ").join(as_live("mart", live[name]) for name in chosen),
        "assignments": sql.SQL(", ").join(
            sql.SQL("{} = {}").format(sql.Identifier(name), value)
            for name, value in assigned.items()
        ),
        "is_written": sql.SQL(" and ").join(
            sql.SQL("{}::text is not distinct from ({})::text").format(
                sql.Identifier("live", name), value
            )
            for name, value in assigned.items()
        ),
        "as_text": as_text("live", kept),
        "content_hash": hashing.content_hash("live", columns.hashed[table.name]),
        "source_hash": source_hash("mart", columns.compared[table.name], live),
    }
