"""Takes back what a run published: its own rows, keys and indexes, nothing else.

Deletes only rows that still are what the run inserted and that nobody's rows refer to,
and gives rows that it updated their former content; what users changed since is
reported and left. Works in one transaction, with the ledger, and ends with a proof.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone

import psycopg
from psycopg import sql

from harness import (
    candidates,
    constraints,
    cutover,
    effects,
    hashing,
    ledger,
    locks,
    pipelines,
    proof,
    row_state,
    settings,
    target,
    triggers,
)
from harness.database import Connection, committed, said_by, take_back
from harness.errors import HarnessError, Refused, UsageError
from harness.live_values import as_text, from_text
from harness.proof import Proof
from harness.published import PublishedTable
from harness.queries import query
from harness.storage import standing

_ACTIONS = ("delete", "restore", "gone", "changed", "referenced")


class RollbackFailed(HarnessError):
    """The database refused the rollback; nothing was changed."""


@dataclass(frozen=True)
class TableRollback:
    """What a rollback does with the rows that a run published into one table.

    ``delete`` rows are as they were inserted; ``restore`` ones as they were updated,
    and get their former content; ``gone`` ones somebody deleted already; ``changed``
    ones somebody changed, ``referenced`` ones somebody's rows refer to, and both are
    left: ``left`` names up to ten of them. ``forced`` counts those among ``delete`` and
    ``restore`` that somebody changed: only a forced rollback takes them.
    """

    name: str
    delete: int
    restore: int
    gone: int
    changed: int
    referenced: int
    forced: int
    left: tuple[str, ...]


@dataclass(frozen=True)
class Rollback:
    """What a rollback does: rows by table, keys and indexes dropped, and its proof."""

    run_id: str
    tables: tuple[TableRollback, ...]
    dropped: tuple[str, ...]
    proof: Proof | None = None

    @property
    def left(self) -> int:
        """Rows that the run published and the rollback leaves."""
        return sum(table.changed + table.referenced for table in self.tables)

    @property
    def deleted(self) -> int:
        """Rows that the rollback deletes."""
        return sum(table.delete for table in self.tables)

    @property
    def restored(self) -> int:
        """Rows that the rollback gives their former content."""
        return sum(table.restore for table in self.tables)

    @property
    def forced(self) -> int:
        """Rows that somebody changed since and the rollback takes all the same."""
        return sum(table.forced for table in self.tables)


def preview(
    connection: Connection, run_id: str | None = None, *, force: bool = False
) -> Rollback:
    """Work out what ``rollback`` would do, and change nothing.

    Raises what it raises, but takes no lock on a live table: users go on.
    """
    try:
        with _explained():
            return _plan(connection, run_id, force=force)
    finally:
        take_back(connection)


def rollback(
    connection: Connection,
    run_id: str | None = None,
    *,
    force: bool = False,
    on_wait: locks.OnWait | None = None,
) -> Rollback:
    """Take back what a run published, the newest without ``run_id``, and commit.

    With ``force`` rows that users changed since go as well. ``on_wait`` is told when a
    live table is locked and the transaction is tried again. Raises ``UsageError`` for a
    run that is not known, ``Refused`` when it published nothing that still stands, a
    newer run's rows stand on it or the application does not let go of a table,
    ``RollbackFailed`` when the database refuses. Then nothing is changed.
    """

    def attempt() -> Rollback:
        with committed(connection):
            return _rollback(connection, run_id, force=force)

    with _explained():
        return locks.retried(
            connection, attempt, tables=pipelines.current().written, on_wait=on_wait
        )


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what the database says into the sentence that an operator needs."""
    try:
        yield
    except psycopg.Error as error:
        raise RollbackFailed(
            f"the rollback failed in the database: {said_by(error)}. The transaction "
            "was rolled back, nothing was changed. Mend the cause and run: "
            f"{pipelines.current().command('rollback')}"
        ) from error


def _begin(connection: Connection, run_id: str | None, *, force: bool) -> str:
    """Find the run, and see that it can be rolled back here."""
    locks.limit_waiting(connection)
    hashing.fix_session(connection)
    ledger.take_lock(connection)
    chosen = _choose(connection, run_id, force=force)
    ledger.ensure(connection)
    ledger.require_live_schema(connection)
    target.require_tables(connection)
    if cutover.stands(connection):
        raise Refused(
            "views stand in the place of the legacy tables, and old clients read and "
            "write the new ones through them. Nothing was changed. Take the cutover "
            "back first: ./inv cutover --undo --execute"
        )
    standing.require_none(connection, pipelines.current().written)
    _require_decidable(connection, chosen, force=force)
    return chosen


def _require_decidable(connection: Connection, run_id: str, *, force: bool) -> None:
    """Raise ``Refused`` where it cannot be told which rows users changed since.

    Then every row would pass for changed: half of the run would go, and half stay.
    """
    tables = pipelines.current().tables
    again = f"./inv rollback --run {run_id} --execute"
    if lost := row_state.unidentifiable(connection, tables):
        raise Refused(
            f"the rows of the run {run_id} cannot be found: {', '.join(lost)}. Nothing "
            f"was changed. Bring the column back as it was and run: {again}"
        )
    reasons = [] if force else row_state.undecidable(connection, run_id, tables)
    if reasons:
        raise Refused(
            f"which rows of the run {run_id} were changed since cannot be told: "
            f"{', '.join(reasons)}. Nothing was changed. Bring the columns back as they "
            f"were and run: {again}, or remove the run's rows whatever has changed: "
            f"./inv rollback --run {run_id} --force --execute"
        )


def _plan(connection: Connection, run_id: str | None, *, force: bool) -> Rollback:
    """Decide on every row, and only name the keys and indexes."""
    run_id = _begin(connection, run_id, force=force)
    tables = tuple(
        _decide(connection, run_id, table, force=force)
        for table in reversed(pipelines.current().tables)
    )
    dropped = constraints.undo(connection, run_id, constraints.ALL, execute=False)
    return Rollback(run_id, tables, tuple(dropped))


def _rollback(connection: Connection, run_id: str | None, *, force: bool) -> Rollback:
    started = datetime.now(timezone.utc)
    run_id = _begin(connection, run_id, force=force)
    at_work = pipelines.current()
    # Dropping a key keeps readers away: better from the first than in between.
    locks.lock_tables(
        connection,
        at_work.written,
        exclusively=constraints.changed_tables(connection, run_id),
    )
    # Our keys go first: to check each would read its table once for every row deleted.
    # The indexes are of use until the rows are gone.
    dropped = constraints.undo(connection, run_id, constraints.BEFORE_ROWS)
    # Children first, so that a chat whose messages are all ours may go with them.
    tables = tuple(
        _decide(connection, run_id, table, force=force)
        for table in reversed(at_work.tables)
    )
    for table, decided in zip(reversed(at_work.tables), tables, strict=True):
        _take_back(connection, run_id, table, decided)
    dropped += constraints.undo(connection, run_id, constraints.AFTER_ROWS)
    # What the application defers to the end is checked before the proof.
    connection.execute("set constraints all immediate")
    if effects.may_differ(connection, at_work.written):
        for table, decided in zip(reversed(at_work.tables), tables, strict=True):
            _require_undone(connection, run_id, table, decided)
    proved = proof.prove(connection, run_id)
    # The proof speaks of tables that a run made for its rows as of empty ones.
    if not ledger.rows_stand(connection):
        dropped += constraints.undo(connection, None, constraints.TARGET_TABLES)
    done = Rollback(run_id, tables, tuple(dropped), proved)
    record = ledger.StepRecord(
        rows=done.deleted + done.restored,
        detail={
            "tables": {
                table.name: {
                    "forced": table.forced,
                    **{action: getattr(table, action) for action in _ACTIONS},
                }
                for table in tables
            },
            "dropped": dropped,
            "force": force,
            "proof": proved.as_dict() if proved else None,
        },
    )
    ledger.add_step(connection, run_id, "rollback", started, record)
    ledger.set_status(connection, run_id, "rolled_back")
    connection.execute(query("runs_after_rollback", run_id=sql.Literal(run_id)))
    return done


def _choose(connection: Connection, run_id: str | None, *, force: bool) -> str:
    """Find the run to roll back; of those that are whole only the newest may go.

    A run of which an earlier rollback left rows is open to another one: by its id, with
    ``force``, or when no other run has published rows.
    """
    if not ledger.exists(connection):
        raise Refused("nothing was published in this database: there is no ledger.")
    rows = connection.execute(query("runs_published")).fetchall()
    newest = [str(row[0]) for row in rows]
    whole = [str(row[0]) for row in rows if not row[1]]
    if not newest:
        raise Refused(
            "no run has published rows in this database. Nothing was changed."
        )
    if run_id is None:
        return newest[0] if force or not whole else whole[0]
    if run_id not in newest:
        raise UsageError(
            f"no run {run_id} has published rows in this database; the newest that has "
            f"is {newest[0]}. Nothing was changed."
        )
    if run_id in whole and run_id != whole[0]:
        raise Refused(
            f"the newer run {whole[0]} was published after {run_id}. Nothing was "
            f"changed. Roll that one back first: ./inv rollback --run {whole[0]}"
        )
    return run_id


def _decide(
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
    counts = dict.fromkeys(_ACTIONS, 0)
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


def _take_back(
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
        return _NOBODY
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
    return sql.SQL(" union ").join(referring) if referring else _NOBODY


_ALL = sql.SQL("")
_NOBODY = sql.SQL("select null::uuid as id where false")


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
