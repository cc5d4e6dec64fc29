"""Brings the ledger to what the live tables are after a restore.

What was published after the backup is gone from them, and what was taken back after it
is there again. Works in the caller's transaction and writes only the ledger.
"""

from __future__ import annotations

from psycopg import sql

from harness.backup.store import Backup
from harness.database import Connection
from harness.queries import query


def agree(connection: Connection, backup: Backup) -> None:
    """Mark rows, keys and runs of the ledger as the restored tables have them."""
    parts = {
        "taken_at": sql.Literal(backup.taken_at),
        "standing_runs": sql.Literal(backup.verification.get("standing_runs", [])),
        "table_names": sql.Literal([table.name for table in backup.tables]),
    }
    connection.execute(query("backup_publishes", **parts))
    connection.execute(query("backup_unpublish", **parts))
    for superseded in ("not null", "null"):
        connection.execute(
            query("backup_republish", superseded=sql.SQL(superseded), **parts)
        )
    connection.execute(query("backup_schema_changes", **parts))
    connection.execute(query("backup_runs", **parts))
