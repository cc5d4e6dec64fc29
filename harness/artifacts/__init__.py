"""Writes what a run leaves to read: ``artifacts/<run id>/`` and ``artifacts/latest``.

Owns that folder's files: ``summary.json``, ``execution-log.md``, ``report.html``, the
run's metrics, as JSON and for Prometheus, and those of its pipeline: the JSON files of
the specification (``specification``) or those of a consolidation (``consolidation``).
Reads the ledger, the landing tables, the marts and the live tables; writes nothing but
files. The text of messages goes only into chats-extracted.json, whose specified shape
holds it.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from harness import pipelines, settings
from harness.artifacts import consolidation, specification
from harness.artifacts.consolidation_reading import read_consolidation
from harness.artifacts.consolidation_summary import Consolidation, fates_sentence
from harness.artifacts.consolidation_summary import headline as headline_of_rows
from harness.artifacts.execution_log import execution_log
from harness.artifacts.folder import (
    ArtifactsNotWritten,
    make_home,
    make_private,
    named_when_not_written,
    point_latest,
    write_for_collector,
    write_text,
)
from harness.artifacts.judgement import verdict
from harness.artifacts.measures import measures
from harness.artifacts.prometheus import exposition
from harness.artifacts.reading import PUBLISHED_AS, read_migration
from harness.artifacts.reading_run import read_run
from harness.artifacts.relations import stands
from harness.artifacts.report import read_reports, report_page
from harness.artifacts.summary import (
    SUMMARY_FILE,
    SUMMARY_FORMAT,
    Summary,
    TableCount,
    changed_sentence,
    headline,
    linkage_sentence,
    plural,
    reasons_sentence,
)
from harness.artifacts.users import write_for_users
from harness.artifacts.verdict import notes
from harness.database import Connection

__all__ = [
    "ArtifactsNotWritten",
    "Summary",
    "TableCount",
    "headline",
    "linkage_sentence",
    "read_summary",
    "reasons_sentence",
    "summary_document",
    "write_artifacts",
]


def write_artifacts(connection: Connection, run_id: str) -> Path:
    """Write the files that the run's stages allow so far, and return their folder.

    Of a run of either pipeline:

    - Always: ``summary.json``, ``execution-log.md``, ``report.html``,
      ``metrics.json``, ``metrics.prom``.

    Of a migration:

    - Once the marts are built from the run: chats-extracted.json, skipped-chats.json
      and failed-chats-creation.json, the latter two also when they list nothing, so
      that nobody need guess what a missing file means; affected-users.csv and
      user-communication.md.
    - Once the run has published: chats-created.json and chat-creation-stats.json.
    - Once it has been validated: chat-validation-results.json.

    Of a consolidation:

    - Once the marts are built from the run: skipped-rows.json and merged-rows.json.
    - Once it has been validated: consolidation-validation-results.json.

    A file that an earlier stage wrote stays when its tables are gone: the marts hold
    one run at a time. Each file appears whole or not at all. Everything is read in the
    caller's transaction, which is neither committed nor ended.

    Raises ``UsageError`` for a run that is not in the ledger, ``CheckFailed`` when rows
    do not add up, and ``ArtifactsNotWritten`` when a file cannot be written.
    """
    summary = read_summary(connection, run_id)
    specification.check_sums(summary)
    with (
        pipelines.working_on(pipelines.PIPELINES[summary.run.pipeline]),
        named_when_not_written(run_id, changed_sentence(summary)),
    ):
        home = make_home()
        _write_files(connection, summary, home / run_id)
        point_latest(home, run_id)
    return home / run_id


def read_summary(connection: Connection, run_id: str) -> Summary:
    """Read all that is known of a run of either pipeline, in the caller's transaction.

    Counts of what has not happened are None. Raises ``UsageError`` when the ledger has
    no such run.
    """
    run = read_run(connection, run_id)
    with pipelines.working_on(pipelines.PIPELINES[run.pipeline]):
        if run.pipeline == pipelines.CONSOLIDATION.name:
            return read_consolidation(connection, run_id)
        return read_migration(connection, run_id)


def summary_document(summary: Summary) -> dict[str, Any]:
    """Turn a summary into what summary.json holds."""
    return {
        "format": SUMMARY_FORMAT,
        **_record(summary.run),
        **_said(summary),
        "verdict": asdict(verdict(summary)),
        "notes": notes(summary),
        "seconds": round(summary.seconds, 3),
        "tables": {
            table.name: {k: v for k, v in asdict(table).items() if k != "name"}
            for table in summary.tables
        },
        "skip_reasons": {
            plural(table): {row.reason: row.rows for row in summary.reasons_of(table)}
            for table in summary.SOURCES
        },
        **_own_entries(summary),
        "coercions": [asdict(row) for row in summary.coercions],
        "rejections": [asdict(row) for row in summary.rejections],
        "failures": [asdict(row) for row in summary.failures],
        "steps": [_record(step) for step in summary.steps],
        "inputs": [_record(file) for file in summary.inputs],
        "audits": summary.audits,
        "problems": [asdict(audit) for audit in summary.problems],
        "checkpoints": [asdict(checkpoint) for checkpoint in summary.checkpoints],
        "validation": _record(summary.validation) if summary.validation else None,
        "decisions": {
            delta.table: dict(delta.counts) for delta in summary.safety.deltas
        },
        "backup": _record(summary.safety.backup) if summary.safety.backup else None,
        "rollback": (
            _record(summary.safety.rollback) if summary.safety.rollback else None
        ),
        "restores": [_record(restore) for restore in summary.safety.restores],
    }


def _said(summary: Summary) -> dict[str, Any]:
    if isinstance(summary, Consolidation):
        return {"result": headline_of_rows(summary), "why": fates_sentence(summary)}
    return {"result": headline(summary), "why": reasons_sentence(summary)}


def _own_entries(summary: Summary) -> dict[str, Any]:
    """What summary.json has of the run's pipeline only."""
    if isinstance(summary, Consolidation):
        security, cutover = summary.security, summary.cutover
        return {
            **consolidation.further_entries(summary),
            "security": _record(security) if security else None,
            "cutover": _record(cutover) if cutover else None,
        }
    return {
        "unlinked_chats": summary.unlinked_chats,
        "linkage": summary.linkage.as_dict() if summary.linkage else None,
        "migrated_bookings": summary.migrated_bookings,
        "image_messages": summary.image_messages,
    }


def _write_files(connection: Connection, summary: Summary, folder: Path) -> None:
    make_private(folder)
    if isinstance(summary, Consolidation):
        consolidation.write_consolidation(connection, summary, folder)
    else:
        _write_migration(connection, summary, folder)
    _write_json(folder / SUMMARY_FILE, summary_document(summary))
    numbers = measures(summary, datetime.now(timezone.utc))
    _write_json(folder / "metrics.json", numbers)
    exposed = exposition(numbers)
    write_text(folder / "metrics.prom", exposed)
    write_for_collector(f"carryover_{summary.run.pipeline}.prom", exposed)


def _write_migration(connection: Connection, summary: Summary, folder: Path) -> None:
    """Write the files of this pipeline that the run's stages allow so far."""
    if summary.has_marts:
        specification.write_extracted(connection, summary, folder)
        specification.write_failed(connection, summary, folder)
        write_for_users(connection, summary, summary.linkage, folder)
    publish = summary.done("publish")
    if publish and stands(connection, settings.live_schema(), *PUBLISHED_AS.values()):
        specification.write_created(connection, summary, publish, folder)
    if summary.validation:
        specification.write_validated(connection, summary, folder)
    write_text(folder / "execution-log.md", execution_log(summary))
    reports = read_reports(connection) if summary.has_marts else ()
    write_text(folder / "report.html", report_page(summary, reports))


def _write_json(path: Path, document: object) -> None:
    write_text(path, json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def _record(record: Any) -> dict[str, Any]:
    return {key: _plain(value) for key, value in asdict(record).items()}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat(timespec="microseconds")
    return value
