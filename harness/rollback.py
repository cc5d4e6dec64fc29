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
    constraints,
    cutover,
    hashing,
    ledger,
    locks,
    pipelines,
    proof,
    rollback_rows,
    row_state,
    target,
)
from harness.database import Connection, committed, said_by, take_back
from harness.errors import HarnessError, Refused, UsageError
from harness.proof import Proof
from harness.queries import query
from harness.rollback_rows import ACTIONS, TableRollback
from harness.storage import standing


class RollbackFailed(HarnessError):
    """The database refused the rollback; nothing was changed."""


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
    chosen = choose(connection, run_id, force=force)
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
            f"{', '.join(reasons)}. Nothing was changed. Bring the columns back as "
            f"they were and run: {again}, or remove the rows whatever has changed: "
            f"./inv rollback --run {run_id} --force --execute"
        )


def _plan(connection: Connection, run_id: str | None, *, force: bool) -> Rollback:
    """Decide on every row, and only name the keys and indexes."""
    run_id = _begin(connection, run_id, force=force)
    tables = tuple(
        rollback_rows.decide(connection, run_id, table, force=force)
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
        rollback_rows.decide(connection, run_id, table, force=force)
        for table in reversed(at_work.tables)
    )
    rollback_rows.undo(connection, run_id, tables)
    dropped += constraints.undo(connection, run_id, constraints.AFTER_ROWS)
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
                    **{action: getattr(table, action) for action in ACTIONS},
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


def choose(connection: Connection, run_id: str | None, *, force: bool) -> str:
    """Find the run to roll back; of those that are whole only the newest may go.

    It may be of either pipeline. A run of which an earlier rollback left rows is open
    to another one: by its id, with ``force``, or when no other run has published rows.
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
