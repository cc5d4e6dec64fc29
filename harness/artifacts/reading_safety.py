"""Reads of a run what the ledger knows of preflight, backup, decisions and undoing.

Reads the ledger, whose tables may be those of its first version. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness import ledger, settings
from harness.artifacts import safety
from harness.artifacts.relations import fetch, stands
from harness.artifacts.safety import Backup, Preflight, Restore, Rollback, Safety
from harness.artifacts.summary import Run, Step
from harness.database import Connection
from harness.queries import query

#: The checks of what was published: when one failed, a rollback follows from it.
_CHECKS_OF_LIVE = ("audit.live", "validate")


def read_safety(connection: Connection, run_id: str) -> Safety:
    """Read it for a run, in the caller's transaction."""
    detail = ledger.step_detail(connection, run_id, "publish") or {}
    return Safety(
        preflight=_read_preflight(connection, run_id),
        backup=_read_backup(connection, run_id, detail.get("backup")),
        deltas=safety.deltas(detail),
        changes=tuple(detail.get("changes") or ()),
        rollback=_read_rollback(connection, run_id),
        restores=_read_restores(connection, run_id),
    )


def _read_preflight(connection: Connection, run_id: str) -> Preflight | None:
    status = ledger.step_status(connection, run_id, "preflight")
    if status is None:
        return None
    detail = ledger.step_detail(connection, run_id, "preflight") or {}
    return safety.preflight(status, detail)


def _read_backup(
    connection: Connection, run_id: str, backup_id: str | None
) -> Backup | None:
    """Read the backup that the publish named, else the newest of this live schema."""
    if not stands(connection, settings.ledger_schema(), "backups", "backup_tables"):
        return None
    rows = connection.execute(
        query("run_backup"), {"run_id": run_id, "backup_id": backup_id}
    ).fetchall()
    return Backup(*rows[0]) if rows else None


def _read_rollback(connection: Connection, run_id: str) -> Rollback | None:
    """Read the newest rollback, unless the run was published again after it."""
    steps: list[tuple[str, str, dict[str, Any]]] = fetch(
        connection,
        "select step, status, case when step = 'rollback' then detail else '{{}}' end"
        " from {ledger}.steps where run_id = %(run_id)s order by step_id",
        run_id=run_id,
    )
    names = [name for name, _, _ in steps]
    if "rollback" not in names:
        return None
    last = len(names) - 1 - names[::-1].index("rollback")
    if "publish" in names[last:]:
        return None
    name, status, _ = steps[last - 1] if last else ("", "", {})
    is_cause = name in _CHECKS_OF_LIVE and status == "failed"
    return safety.rollback(steps[last][2], name if is_cause else None)


def _read_restores(connection: Connection, run_id: str) -> tuple[Restore, ...]:
    """Read the restores since the run began, until the next run did."""
    if not stands(connection, settings.ledger_schema(), "restores"):
        return ()
    rows = connection.execute(query("run_restores"), {"run_id": run_id}).fetchall()
    return tuple(Restore(*row) for row in rows)


def with_backup(run: Run, steps: Sequence[Step], known: Safety) -> tuple[Step, ...]:
    """Add the backup and the restores of the run's time, which belong to no run."""
    others = [
        Step("restore", "done", each.restored_at, each.restored_at, each.seconds)
        for each in known.restores
    ]
    backup = known.backup
    is_entered = any(step.name == "backup" for step in steps)
    if backup and backup.taken_at >= run.started_at and not is_entered:
        status = "done" if backup.is_verified else "failed"
        at = backup.taken_at
        others.append(Step("backup", status, at, at, backup.seconds, backup.rows))
    placed = list(steps)
    for other in others:
        # The steps stay in the ledger's order: a clock may have been set back.
        later = (
            i for i, step in enumerate(placed) if step.started_at > other.started_at
        )
        placed.insert(next(later, len(placed)), other)
    return tuple(placed)
