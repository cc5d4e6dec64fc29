"""``storage.switch`` and its undoing: what live rows say about where their file is.

Rewrites references set-wise, in one transaction with the ledger, for verified copies
only, and only where a row still says what the plan read. The old row is kept in the
ledger. The hashes by which publish and rollback know our rows follow, so that neither
takes the switch for a user's change. Touches no store.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import psycopg
from psycopg import sql

from harness import (
    effects,
    hashing,
    ledger,
    locks,
    pipelines,
    row_state,
    settings,
    target,
    triggers,
)
from harness.console import counted
from harness.database import Connection, committed, said_by, take_back
from harness.errors import HarnessError, Refused
from harness.live_values import as_text, from_text
from harness.queries import query
from harness.storage.limits import has_storage
from harness.storage.referring import Referring

#: With what a column is filled, where the row has nothing in it.
_FILLED = {
    "file_name": "coalesce(nullif(live.file_name, ''), switching.file_name)",
    "file_size": "coalesce(nullif(live.file_size, 0), switching.size)",
}


#: What makes copies that rows may name.
COPY_AND_VERIFY = "./inv storage.copy --execute, then ./inv storage.verify"


class SwitchFailed(HarnessError):
    """The database refused; nothing was changed."""


@dataclass(frozen=True)
class Switch:
    """What a switch does: rows rewritten, and those that are left, by reason."""

    run_id: str
    rows: int
    files: int
    changed: int
    gone: int
    not_verified: int
    owners: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The result as ``--json`` prints it."""
        return {
            "run_id": self.run_id,
            "switched": {"rows": self.rows, "files": self.files},
            "left": {
                "changed since the plan": self.changed,
                "gone": self.gone,
                "not verified": self.not_verified,
            },
            "owners_set": self.owners,
        }


@dataclass(frozen=True)
class Restored:
    """What taking a switch back does with its rows."""

    rows: int
    columns_only: int
    changed: int
    gone: int

    def as_dict(self) -> dict[str, Any]:
        """The result as ``--json`` prints it."""
        return {
            "restored": self.rows,
            "reference_only": self.columns_only,
            "left_changed": self.changed,
            "gone": self.gone,
        }


def switch(
    connection: Connection,
    run_id: str,
    referring: Referring,
    bucket: str,
    *,
    execute: bool,
    on_wait: locks.OnWait | None = None,
) -> Switch:
    """Let live rows name the copies; without ``execute`` it is taken back again.

    Raises ``Refused`` when no copy is verified or the application does not let go of
    the table, and ``SwitchFailed`` when the database refuses.
    """

    def attempt() -> Switch:
        started = datetime.now(timezone.utc)
        with _transaction(connection, execute=execute):
            done = _switch(connection, run_id, referring, bucket)
            _require_verified(done)
            record = ledger.StepRecord(rows=done.rows, detail=done.as_dict())
            ledger.add_step(connection, run_id, "storage.switch", started, record)
        return done

    with _explained("switch"):
        return locks.retried(
            connection, attempt, tables=[referring.table], on_wait=on_wait
        )


def restore(
    connection: Connection,
    referring: Referring,
    *,
    execute: bool,
    on_wait: locks.OnWait | None = None,
) -> Restored:
    """Give live rows their former references; without ``execute`` only count them.

    A row that nobody touched since is as before the switch in every column. Of one that
    users changed only the reference goes back, where it still is ours. Raises
    ``Refused`` when sources were removed by ``storage.clean``.
    """

    def attempt() -> Restored:
        with _transaction(connection, execute=execute):
            return _restore(connection, referring)

    with _explained("rollback"):
        return locks.retried(
            connection, attempt, tables=[referring.table], on_wait=on_wait
        )


def _require_verified(done: Switch) -> None:
    """Raise ``Refused`` when there is something to switch, and no copy to switch to."""
    if done.not_verified and not done.rows:
        raise Refused(
            f"none of {counted(done.not_verified, 'reference')} can be switched: their "
            "copies are not verified. Nothing was changed. Copy and verify first: "
            f"{COPY_AND_VERIFY}"
        )


@contextmanager
def _transaction(connection: Connection, *, execute: bool) -> Iterator[None]:
    if execute:
        with committed(connection):
            yield
        return
    try:
        yield
    finally:
        take_back(connection)


@contextmanager
def _explained(command: str) -> Iterator[None]:
    try:
        yield
    except locks.TRANSIENT:
        raise
    except psycopg.Error as error:
        raise SwitchFailed(
            f"storage.{command} failed in the database: {said_by(error)}. The "
            "transaction was rolled back, nothing was changed. Mend the cause and run: "
            f"./inv storage.{command}"
        ) from error


def _begin(connection: Connection, referring: Referring) -> dict[str, sql.Composable]:
    """Take the locks, and compose what the queries are made of."""
    locks.limit_waiting(connection)
    hashing.fix_session(connection)
    ledger.take_lock(connection)
    ledger.require_live_schema(connection)
    locks.lock_tables(connection, [referring.table])
    published = pipelines.PIPELINES[referring.pipeline].table(referring.table)
    columns = target.describe(connection, referring.table)
    names = [column.name for column in columns]
    kept = [column.name for column in columns if not column.is_generated]
    return {
        "pipeline": sql.Literal(referring.pipeline),
        "table": sql.Identifier(settings.live_schema(), referring.table),
        "table_name": sql.Literal(referring.table),
        "column": sql.Identifier(referring.column),
        "column_name": sql.Literal(referring.column),
        "as_text": as_text("live", kept),
        "row_hash": hashing.content_hash("live", names),
        "live_hash": row_state.live_hash(connection, published, "live"),
        "is_unchanged": row_state.is_unchanged(connection, published, "live"),
        "filled": _assignments(referring, set(names)),
    }


def _assignments(referring: Referring, names: set[str]) -> sql.Composable:
    filled = [
        sql.SQL(", {} = {}").format(sql.Identifier(name), sql.SQL(_FILLED[name]))
        for name in referring.filled
        if name in names
    ]
    return sql.SQL("").join(filled)


def _switch(
    connection: Connection, run_id: str, referring: Referring, bucket: str
) -> Switch:
    parts = _begin(connection, referring)
    connection.execute(query("storage_switching", **parts))
    connection.execute("analyze storage_switching")
    counts = dict(
        connection.execute(
            "select action, count(*) from storage_switching group by action"
        ).fetchall()
    )
    files = connection.execute(
        "select count(distinct file_id) from storage_switching where action = 'switch'"
    ).fetchone()
    connection.execute(query("storage_switch_rows", **parts))
    _require_done(connection, referring, parts, "switch", counts.get("switch", 0))
    # Triggers of the application may write other tables: hashes come last.
    connection.execute(query("storage_switch_ledger", **parts))
    connection.execute(query("storage_switch_hashes", **parts))
    owners = 0
    if has_storage(connection):
        owners = connection.execute(
            query("storage_owners", bucket=sql.Literal(bucket))
        ).rowcount
    return Switch(
        run_id,
        counts.get("switch", 0),
        files[0] if files else 0,
        counts.get("changed", 0),
        counts.get("gone", 0),
        counts.get("not verified", 0),
        owners,
    )


def _restore(connection: Connection, referring: Referring) -> Restored:
    parts = _begin(connection, referring)
    _require_sources(connection, referring)
    connection.execute(query("storage_restoring", **parts))
    connection.execute("analyze storage_restoring")
    counts = dict(
        connection.execute(
            "select action, count(*) from storage_restoring group by action"
        ).fetchall()
    )
    whole, only = _assignments_back(connection, referring)
    with triggers.off(connection, referring.table):
        for action, assignments in (("restore", whole), ("reference", only)):
            connection.execute(
                query(
                    "storage_restore_rows",
                    assignments=assignments,
                    action=sql.Literal(action),
                    **parts,
                )
            )
    decided = counts.get("restore", 0) + counts.get("reference", 0)
    _require_done(connection, referring, parts, "rollback", decided)
    connection.execute(query("storage_restore_ledger", **parts))
    connection.execute(query("storage_restore_hashes", **parts))
    return Restored(
        counts.get("restore", 0),
        counts.get("reference", 0),
        counts.get("changed", 0),
        counts.get("gone", 0),
    )


def _require_done(
    connection: Connection,
    referring: Referring,
    parts: dict[str, sql.Composable],
    command: str,
    decided: int,
) -> None:
    """Raise ``RowsNotWritten`` unless every row says what it was to be given."""
    done = {"switch": "storage_not_switched", "rollback": "storage_not_restored"}
    row = connection.execute(query(done[command], **parts)).fetchone()
    found = effects.Effect(referring.table, "update", decided, row[0] if row else 0)
    effects.require(connection, [found], command=f"./inv storage.{command} --execute")


def _assignments_back(
    connection: Connection, referring: Referring
) -> tuple[sql.Composed, sql.Composed]:
    """Compose what gives a whole row back, and its reference alone."""
    columns = target.describe(connection, referring.table)
    before = sql.Identifier("restoring", "before")
    whole, only = (
        sql.SQL(", ").join(
            sql.SQL("{} = {}").format(
                sql.Identifier(column.name), from_text(before, column)
            )
            for column in columns
            if not column.is_generated and column.name != "id" and column.name in names
        )
        for names in ({column.name for column in columns}, {referring.column})
    )
    return whole, only


def _require_sources(connection: Connection, referring: Referring) -> None:
    row = connection.execute(
        query("storage_cleaned"), {"pipeline": referring.pipeline}
    ).fetchone()
    if row and row[0]:
        raise Refused(
            f"storage.clean has removed the source of {row[0]:,} files, {row[1]} among "
            "them: their copies are the only ones. Nothing was changed. The switch "
            "cannot be taken back any more."
        )
