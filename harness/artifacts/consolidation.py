"""Writes what a run of the consolidation leaves to read.

Owns its files: ``skipped-rows.json`` and ``merged-rows.json``, which name every legacy
row that became no message of its own, ``consolidation-validation-results.json``,
``execution-log.md`` and ``report.html``. No file holds the text of a message.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.artifacts import specification
from harness.artifacts.consolidation_log import consolidation_log, phases
from harness.artifacts.consolidation_summary import (
    Consolidation,
    fates_sentence,
    headline,
    security_issues,
)
from harness.artifacts.folder import write_text
from harness.artifacts.json_stream import json_rows
from harness.artifacts.relations import compose
from harness.artifacts.report import page
from harness.database import Connection
from harness.pipelines import CONSOLIDATION

SKIPPED = "skipped-rows.json"
MERGED = "merged-rows.json"

_SKIPPED_ROWS = """
    select origin, source_id as id, sender_id, reason
    from {marts}.skipped_legacy_rows
    order by origin, source_id
"""
_MERGED_ROWS = """
    select
        origin,
        source_id as id,
        kept_message_id as message_id,
        'Same sender and file as this message' as reason
    from {marts}.merged_legacy_rows
    order by origin, source_id
"""


def write_consolidation(
    connection: Connection, summary: Consolidation, folder: Path
) -> None:
    """Write the files of this pipeline that the run's stages allow so far."""
    if summary.has_marts:
        _write_rows(connection, summary, folder / SKIPPED, "skipped", _SKIPPED_ROWS)
        _write_rows(connection, summary, folder / MERGED, "merged", _MERGED_ROWS)
    if summary.validation:
        specification.write_validated(
            connection, summary, folder, CONSOLIDATION.results
        )
    write_text(folder / "execution-log.md", consolidation_log(summary))
    write_text(folder / "report.html", consolidation_page(summary))


def consolidation_page(summary: Consolidation) -> str:
    """Render the page of a consolidation's run."""
    return page(
        "consolidation.html.j2",
        summary,
        security_issues(summary),
        headline=headline(summary),
        why=fates_sentence(summary),
        reports=(),
        phases=phases(summary),
    )


def further_entries(summary: Consolidation) -> dict[str, Any]:
    """What summary.json has of this pipeline only, as far as it is plain."""
    return {
        "sessions": [asdict(row) for row in summary.sessions],
        "message_types": dict(summary.types),
        "added_to_schema": dict(summary.added),
    }


def _write_rows(
    connection: Connection, summary: Consolidation, path: Path, fate: str, query: str
) -> None:
    with specification.json_document(path) as document:
        document.member("run_id", summary.run.run_id)
        document.member(
            "counts",
            {name: getattr(summary.table(name), fate) for name in summary.SOURCES},
        )
        document.array("rows", json_rows(connection, compose(query)))
