"""Brings the ledger to what the live tables are after a restore.

What was published after the backup is gone from them, and what was taken back after it
is there again. Works in the caller's transaction and writes only the ledger.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from harness import pipelines
from harness.backup.outside import OutsideChange
from harness.backup.store import Backup
from harness.database import Connection
from harness.queries import query


def agree(
    connection: Connection, backup: Backup, left: Sequence[OutsideChange] = ()
) -> None:
    """Mark rows, changes and runs of the ledger as the restored tables have them.

    ``left`` is what could not be taken back outside the tables, and stands.
    """
    parts: dict[str, sql.Composable] = {
        "taken_at": sql.Literal(backup.taken_at),
        "standing_runs": sql.Literal(backup.verification.get("standing_runs", [])),
        "table_names": sql.Literal(backup.names),
        "ledger_names": sql.Literal(_ledger_names(backup)),
        "pipeline": sql.Literal(backup.pipeline.name),
        "left_standing": _ids([each.change_id for each in left]),
    }
    connection.execute(query("backup_publishes", **parts))
    parts["standing_changes"] = _ids(_standing_changes(connection, backup))
    connection.execute(query("backup_unpublish", **parts))
    for superseded in ("not null", "null"):
        connection.execute(
            query("backup_republish", superseded=sql.SQL(superseded), **parts)
        )
    connection.execute(query("backup_schema_changes", **parts))
    connection.execute(query("backup_runs", **parts))


def _ledger_names(backup: Backup) -> list[str]:
    """What the ledger calls rows of the backup's tables: marts may share one."""
    tables = [t for each in pipelines.PIPELINES.values() for t in each.tables]
    return sorted({t.name for t in tables if t.live_name in backup.names})


def _standing_changes(connection: Connection, backup: Backup) -> Sequence[int]:
    kept: list[int] | None = backup.verification.get("standing_changes")
    if kept is not None:
        return kept
    row = connection.execute(query("backup_standing_changes")).fetchone()
    return row[0] if row else []


def _ids(numbers: Sequence[int]) -> sql.Composed:
    return sql.SQL("{}::bigint[]").format(sql.Literal(list(numbers)))
