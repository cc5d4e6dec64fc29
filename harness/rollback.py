"""Takes back what a run published: its own rows, keys and indexes, nothing else.

Deletes only rows that still are what the run inserted and that nobody's rows refer to;
the others are reported and left. Works in one transaction, with the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

import psycopg
from psycopg import sql

from harness import constraints, hashing, ledger, settings, target
from harness.database import Connection, committed, said_by
from harness.errors import HarnessError, Refused, UsageError
from harness.published import TABLES, PublishedTable
from harness.queries import query

_LOCK_TIMEOUT = "10s"
_ACTIONS = ("delete", "gone", "changed", "referenced")


class RollbackFailed(HarnessError):
    """The database refused the rollback; nothing was changed."""


@dataclass(frozen=True)
class TableRollback:
    """What a rollback does with the rows that a run inserted into one table.

    ``delete`` rows are as they were published; ``gone`` ones somebody deleted already;
    ``changed`` ones somebody changed, ``referenced`` ones somebody's rows refer to, and
    both are left: ``left`` names up to ten of them.
    """

    name: str
    delete: int
    gone: int
    changed: int
    referenced: int
    left: tuple[str, ...]


@dataclass(frozen=True)
class Rollback:
    """What a rollback does: rows by table, and the keys and indexes that it drops."""

    run_id: str
    tables: tuple[TableRollback, ...]
    dropped: tuple[str, ...]

    @property
    def left(self) -> int:
        """Rows that the run published and the rollback leaves."""
        return sum(table.changed + table.referenced for table in self.tables)

    @property
    def deleted(self) -> int:
        """Rows that the rollback deletes."""
        return sum(table.delete for table in self.tables)


def preview(connection: Connection, run_id: str | None = None) -> Rollback:
    """Work out what ``rollback`` would do, and take it back. Raises what it raises."""
    try:
        return _rollback(connection, run_id)
    finally:
        connection.rollback()


def rollback(connection: Connection, run_id: str | None = None) -> Rollback:
    """Take back what a run published, the newest without ``run_id``, and commit.

    Raises ``UsageError`` for a run that is not known, ``Refused`` when it published
    nothing that still stands or a newer run's rows stand on it, ``RollbackFailed`` when
    the database refuses. Then nothing is changed.
    """
    with committed(connection):
        return _rollback(connection, run_id)


def _rollback(connection: Connection, run_id: str | None) -> Rollback:
    try:
        return _rollback_in_transaction(connection, run_id)
    except psycopg.Error as error:
        raise RollbackFailed(
            f"the rollback failed in the database: {said_by(error)}. The transaction "
            "was rolled back, nothing was changed. Mend the cause and run: "
            "./inv rollback"
        ) from error


def _rollback_in_transaction(connection: Connection, run_id: str | None) -> Rollback:
    started = datetime.now(timezone.utc)
    connection.execute(sql.SQL("set local lock_timeout to {}").format(_LOCK_TIMEOUT))
    hashing.fix_session(connection)
    run_id = _choose(connection, run_id)
    ledger.take_lock(connection)
    ledger.require_live_schema(connection)
    target.require_tables(connection)
    hashed = (ledger.step_detail(connection, run_id, "publish") or {})["hashed_columns"]
    # Our keys go first: to check each would read its table once for every row deleted.
    # The indexes are of use until the rows are gone.
    dropped = constraints.undo(connection, run_id, "constraint")
    # Children first, so that a chat whose messages are all ours may go with them.
    tables = tuple(
        _take_back(connection, run_id, table, hashed[table.name])
        for table in reversed(TABLES)
    )
    dropped += constraints.undo(connection, run_id, "index")
    done = Rollback(run_id, tables, tuple(dropped))
    record = ledger.StepRecord(
        rows=done.deleted,
        detail={
            "tables": {
                table.name: {action: getattr(table, action) for action in _ACTIONS}
                for table in tables
            },
            "dropped": dropped,
        },
    )
    ledger.add_step(connection, run_id, "rollback", started, record)
    ledger.set_status(connection, run_id, "rolled_back")
    connection.execute(query("runs_after_rollback", run_id=sql.Literal(run_id)))
    return done


def _choose(connection: Connection, run_id: str | None) -> str:
    """Find the run to take back; only the newest that stands may go."""
    if not ledger.exists(connection):
        raise Refused("nothing was published in this database: there is no ledger.")
    rows = connection.execute(query("runs_published")).fetchall()
    standing = [row[0] for row in rows]
    if not standing:
        raise Refused("no published run stands in this database. Nothing was changed.")
    if run_id is None or run_id == standing[0]:
        return str(standing[0])
    if run_id in standing:
        raise Refused(
            f"the newer run {standing[0]} was published after {run_id}. Nothing was "
            f"changed. Take that one back first: ./inv rollback --run {standing[0]}"
        )
    raise UsageError(
        f"no published run {run_id} stands in this database; the newest that does is "
        f"{standing[0]}. Nothing was changed."
    )


def _take_back(
    connection: Connection, run_id: str, table: PublishedTable, hashed: list[str]
) -> TableRollback:
    candidates = sql.Identifier("pg_temp", f"rollback_{table.name}")
    parts = {
        "run_id": sql.Literal(run_id),
        "table": sql.Identifier(table.name),
        "table_name": sql.Literal(table.name),
        "candidates": candidates,
        "content_hash": _hash(connection, table, hashed),
        "is_referenced": _is_referenced(connection, table),
    }
    connection.execute(query("rollback_candidates", **parts))
    counts = dict.fromkeys(_ACTIONS, 0)
    for action, count in connection.execute(
        sql.SQL("select action, count(*) from {} group by 1").format(candidates)
    ).fetchall():
        counts[action] = count
    left = connection.execute(
        sql.SQL(
            "select id::text from {} where action in ('changed', 'referenced')"
            " order by id limit 10"
        ).format(candidates)
    ).fetchall()
    connection.execute(query("rollback_delete", **parts))
    connection.execute(query("rollback_ledger", **parts))
    return TableRollback(table.name, **counts, left=tuple(row[0] for row in left))


def _hash(
    connection: Connection, table: PublishedTable, hashed: list[str]
) -> sql.Composable:
    """Compose the row's hash now; without a column of then, every row is changed."""
    live = {column.name for column in target.describe(connection, table.name)}
    if not set(hashed) <= live:
        return sql.SQL("null")
    return hashing.content_hash("live", hashed)


def _is_referenced(connection: Connection, table: PublishedTable) -> sql.Composable:
    """Compose whether any row refers to this one, by a key or by our own rules."""
    schema = settings.live_schema()
    keys = connection.execute(
        query("live_references"), {"table": f'"{schema}"."{table.name}"'}
    ).fetchall()
    ours = [
        (schema, child.name, column)
        for child in TABLES
        for column, parent in child.references.items()
        if parent == table.name
    ]
    referring = sorted({tuple(key) for key in [*keys, *ours]})
    if not referring:
        return sql.SQL("false")
    return sql.SQL(" or ").join(
        sql.SQL(
            "exists (select 1 from {} as referring where referring.{} = live.id)"
        ).format(sql.Identifier(schema_name, table_name), sql.Identifier(column))
        for schema_name, table_name, column in referring
    )
