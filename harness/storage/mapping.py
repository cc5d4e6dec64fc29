"""The mapping log as files: what goes where, and what fits nothing.

Writes ``storage-mapping.csv`` and ``storage-unmatched.csv`` into a run's folder, from
the ledger, in one pass. A cell that a spreadsheet would take for a formula begins
with an apostrophe; programs read the ledger.
"""

from __future__ import annotations

from pathlib import Path

from harness.artifacts.csv_file import write_csv
from harness.artifacts.folder import make_home, make_private, named_when_not_written
from harness.database import Connection
from harness.queries import query

MAPPING, UNMATCHED = "storage-mapping.csv", "storage-unmatched.csv"


def write(connection: Connection, run_id: str, pipeline: str) -> Path:
    """Write both files, whole or not at all; returns their folder."""
    done = "What the task did to files and to the ledger is done and stays."
    with named_when_not_written(run_id, done, "./inv storage.plan"):
        folder = make_home() / run_id
        make_private(folder)
        for name, which, parts in (
            (MAPPING, "storage_mapping", {"pipeline": pipeline}),
            (UNMATCHED, "storage_unmatched_rows", {"run_id": run_id}),
        ):
            write_csv(connection, folder / name, query(which), parts)
    connection.rollback()
    return folder
