"""Where the live rows of each pipeline name their files.

The consolidation's messages name one by URL, the migration's media by path. Only
declarations, and the two settings that decide what a copy is called.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from harness import pipelines
from harness.errors import UsageError


@dataclass(frozen=True)
class Referring:
    """A live table with references, and the query that reads them.

    ``reads`` gives (row id, session, sender, reference, message id); ``filled`` maps
    columns that are filled from the store, where they are empty, to what with.
    """

    pipeline: str
    table: str
    column: str
    reads: str
    filled: tuple[str, ...] = ()
    matches_ids: bool = False


CONSOLIDATION = pipelines.CONSOLIDATION.name
MIGRATION = pipelines.MIGRATION.name
BY_PIPELINE = {
    CONSOLIDATION: Referring(
        CONSOLIDATION,
        "chat_messages",
        "file_url",
        "storage_rows_of_messages",
        filled=("file_name", "file_size"),
    ),
    MIGRATION: Referring(
        MIGRATION,
        "media",
        "file_path",
        "storage_rows_of_media",
        matches_ids=True,
    ),
}


def referring(pipeline: str | None) -> Referring:
    """The pipeline that is named, by ``CARRYOVER_STORAGE_PIPELINE``, else the second.

    Raises ``UsageError`` for a name that is neither.
    """
    name = pipeline or os.environ.get("CARRYOVER_STORAGE_PIPELINE")
    name = name or CONSOLIDATION
    if name in BY_PIPELINE:
        return BY_PIPELINE[name]
    raise UsageError(
        f"there is no pipeline {name}. Nothing was changed. "
        f"Name {' or '.join(BY_PIPELINE)}."
    )


def base_url() -> str | None:
    """What new references begin with: ``CARRYOVER_STORAGE_URL``, else as the old."""
    return (os.environ.get("CARRYOVER_STORAGE_URL") or "").rstrip("/") or None
