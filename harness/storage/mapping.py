"""The mapping log as files: what goes where, and what fits nothing.

Writes ``storage-mapping.csv`` and ``storage-unmatched.csv`` into a run's folder, from
the ledger, in one pass.
"""

from __future__ import annotations

from pathlib import Path

from harness import settings
from harness.artifacts.folder import whole_file
from harness.database import Connection
from harness.queries import query

MAPPING, UNMATCHED = "storage-mapping.csv", "storage-unmatched.csv"


def write(connection: Connection, run_id: str, pipeline: str) -> Path:
    """Write both files, whole or not at all; returns their folder."""
    folder = settings.artifacts_home() / run_id
    folder.mkdir(parents=True, exist_ok=True)
    for name, which, parts in (
        (MAPPING, "storage_mapping", {"pipeline": pipeline}),
        (UNMATCHED, "storage_unmatched_rows", {"run_id": run_id}),
    ):
        with (
            whole_file(folder / name) as file,
            connection.cursor() as cursor,
            cursor.copy(query(which), parts) as copying,
        ):
            for block in copying:
                file.write(block)
    connection.rollback()
    return folder
