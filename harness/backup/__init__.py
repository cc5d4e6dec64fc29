"""Backups of the live tables: taken, verified by a trial restore, and restored.

Owns the schema ``settings.backup_schema()`` with the copies, the ledger's tables
``backups``, ``backup_tables``, ``backup_objects`` and ``restores``, and the archives
that ``pg_dump`` writes. Only ``restore`` changes a live table.
"""

from harness.backup.restoring import (
    Restore,
    RestoreFailed,
    TableRestore,
    preview_restore,
    restore,
)
from harness.backup.rows import RowCounts, rows_unlike
from harness.backup.store import (
    Backup,
    BackupTable,
    drop,
    find,
    list_backups,
    objects_of,
    require_verified,
    why_not,
)
from harness.backup.taking import BackupFailed, Plan, preview, take

__all__ = [
    "Backup",
    "BackupFailed",
    "BackupTable",
    "Plan",
    "Restore",
    "RestoreFailed",
    "RowCounts",
    "TableRestore",
    "drop",
    "find",
    "list_backups",
    "objects_of",
    "preview",
    "preview_restore",
    "require_verified",
    "restore",
    "rows_unlike",
    "take",
    "why_not",
]
