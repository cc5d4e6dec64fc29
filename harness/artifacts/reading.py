"""Reads a run's summary out of the ledger, the landing tables and the marts.

Reads the database and, for a run whose landing another run has replaced, the
``summary.json`` that the run left. Writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from harness import settings
from harness.artifacts.linkage import read_comparison
from harness.artifacts.reading_run import (
    read_audits,
    read_checkpoints,
    read_earlier,
    read_failures,
    read_inputs,
    read_run,
    read_steps,
    read_validation,
)
from harness.artifacts.reading_safety import read_safety, with_backup
from harness.artifacts.relations import fetch, stands
from harness.artifacts.summary import (
    BOOKING_NOT_MIGRATED,
    SUMMARY_FILE,
    SUMMARY_FORMAT,
    Coercion,
    Reason,
    Rejection,
    Summary,
    TableCount,
    plural,
)
from harness.database import Connection
from harness.pipelines import current

#: The tables of the dump that are accounted for, and the live table each goes to.
PUBLISHED_AS = {"chat": "chats", "message": "chat_messages", "media": "media"}
TABLES = ("chat", "message", "booking", "media")

_AnySummary = TypeVar("_AnySummary", bound=Summary)


def read_migration(connection: Connection, run_id: str) -> Summary:
    """Read all that is known of a migration's run, in the caller's transaction.

    Counts of what has not happened are None. Raises ``UsageError`` when the ledger has
    no such run.
    """
    is_landed = _is_landed(connection, run_id)
    has_marts = holds_run(connection, run_id, "reconciliation", "migration_metrics")
    summary = Summary(
        run=read_run(connection, run_id),
        inputs=read_inputs(connection, run_id),
        steps=read_steps(connection, run_id),
        tables=_read_tables(connection, run_id, is_landed, has_marts),
        failures=read_failures(connection, run_id),
        checkpoints=read_checkpoints(connection, run_id),
        validation=read_validation(connection, run_id),
        has_marts=has_marts,
        safety=read_safety(connection, run_id),
        earlier=read_earlier(connection, run_id),
    )
    summary = replace(
        summary,
        steps=with_backup(summary.run, summary.steps, summary.safety),
        removed_rows=summary.safety.delta("removed") or 0,
    )
    if is_landed:
        summary = replace(
            summary,
            rejections=_read_rejections(connection),
            migrated_bookings=_count_migrated_bookings(connection),
        )
    counts, problems = read_audits(connection, run_id)
    if counts:
        summary = replace(summary, audits=counts, problems=problems)
    if has_marts:
        reasons, unlinked_chats = _read_reasons(connection)
        summary = replace(
            summary,
            reasons=reasons,
            unlinked_chats=unlinked_chats,
            coercions=_read_coercions(connection),
            image_messages=_count_image_messages(connection),
            linkage=read_comparison(connection),
        )
    return summary if is_landed else _with_kept_counts(with_kept_fates(summary))


def holds_run(connection: Connection, run_id: str, *needed: str) -> bool:
    """Whether dbt's marts are built from this run's landing, each of them.

    ``needed`` are the marts that must stand beside the one that names the run.
    After a failed test dbt passes over the models behind it: those hold another run.
    """
    marts = current().marts()
    if not stands(connection, marts, "loaded_run", *needed):
        return False
    rows = fetch(connection, "select run_id from {marts}.loaded_run")
    if [row[0] for row in rows] != [run_id]:
        return False
    return not stands(connection, marts, "audit_results") or not fetch(
        connection,
        "select from {marts}.audit_results where run_id = %(run_id)s"
        " and resource_type = 'model' and status <> 'success'",
        run_id=run_id,
    )


def _is_landed(connection: Connection, run_id: str) -> bool:
    staging = settings.staging_schema()
    if not stands(connection, staging, "loads", "loaded_tables", "rejected_rows"):
        return False
    return [
        row[0] for row in fetch(connection, "select run_id from {staging}.loads")
    ] == [run_id]


def _read_tables(
    connection: Connection, run_id: str, is_landed: bool, has_marts: bool
) -> tuple[TableCount, ...]:
    counts = {name: TableCount(name) for name in TABLES}
    if has_marts:
        for name, *fates in fetch(
            connection,
            "select table_name, rows_read, rows_kept, rows_merged, rows_skipped,"
            " rows_rejected from {marts}.reconciliation",
        ):
            counts[name] = TableCount(name, *fates)
        media = fetch(connection, "select count(*) from {marts}.media")[0][0]
        counts["media"] = TableCount("media", kept=media)
    elif is_landed:
        for name, read, rejected in fetch(
            connection,
            "select table_name, rows_read, rows_rejected from {staging}.loaded_tables",
        ):
            if name in counts:
                counts[name] = TableCount(name, read=read, rejected=rejected)
    return _with_published(connection, run_id, counts)


def _with_published(
    connection: Connection, run_id: str, counts: Mapping[str, TableCount]
) -> tuple[TableCount, ...]:
    happened = fetch(
        connection,
        "select 1 from {ledger}.steps where run_id = %(run_id)s and step = 'publish'",
        run_id=run_id,
    )
    if not happened:
        return tuple(counts.values())
    published = dict(
        fetch(
            connection,
            "select table_name, count(*) from {ledger}.published_rows"
            " where run_id = %(run_id)s and rolled_back_at is null group by 1",
            run_id=run_id,
        )
    )
    failed = dict(
        fetch(
            connection,
            "select table_name, count(*) from {ledger}.failed_rows"
            " where run_id = %(run_id)s group by 1",
            run_id=run_id,
        )
    )
    return tuple(
        replace(
            count,
            published=published.get(PUBLISHED_AS[name], 0),
            failed=failed.get(PUBLISHED_AS[name], 0),
        )
        if name in PUBLISHED_AS
        else count
        for name, count in counts.items()
    )


def _read_reasons(connection: Connection) -> tuple[tuple[Reason, ...], int]:
    """Count the skips by reason, and the chats among them that name no booking."""
    rows = fetch(
        connection,
        "select 'chat', reason, count(*), count(*) filter (where booking_id is null)"
        " from {marts}.skipped_chats group by reason union all"
        " select 'message', reason, count(*), 0"
        " from {marts}.skipped_messages group by reason order by 1, 3 desc, 2",
    )
    unlinked = sum(row[3] for row in rows if row[1] == BOOKING_NOT_MIGRATED)
    return tuple(Reason(*row[:3]) for row in rows), unlinked


def _read_rejections(connection: Connection) -> tuple[Rejection, ...]:
    rows = fetch(
        connection,
        "select table_name, reason, count(*) from {staging}.rejected_rows"
        " group by 1, 2 order by 1, 3 desc, 2",
    )
    return tuple(Rejection(*row) for row in rows)


def _read_coercions(connection: Connection) -> tuple[Coercion, ...]:
    if not stands(connection, settings.marts_schema(), "coercions"):
        return ()
    rows = fetch(
        connection,
        "select table_name, column_name, rule, count(*) from {marts}.coercions"
        " group by 1, 2, 3 order by 4 desc, 1, 2, 3",
    )
    return tuple(Coercion(*row) for row in rows)


def _count_image_messages(connection: Connection) -> int:
    rows = fetch(connection, "select image_messages from {marts}.migration_metrics")
    return int(rows[0][0] or 0)


def _count_migrated_bookings(connection: Connection) -> int | None:
    if not stands(connection, settings.staging_schema(), "bookings_created"):
        return None
    rows = fetch(
        connection,
        "select count(distinct lower(id)) filter (where success)"
        " from {staging}.bookings_created",
    )
    return int(rows[0][0])


def with_kept_fates(summary: _AnySummary) -> _AnySummary:
    """Add what the run's own ``summary.json`` knows of rows that are not landed now."""
    kept = kept_summary(summary)
    if kept is None:
        return summary
    fates = ("read", "kept", "merged", "skipped", "rejected")
    return replace(
        summary,
        tables=tuple(
            replace(table, **{fate: kept["tables"][table.name][fate] for fate in fates})
            for table in summary.tables
            if table.name in kept["tables"]
        ),
        reasons=tuple(
            Reason(table, reason, rows)
            for table in summary.SOURCES
            for reason, rows in kept["skip_reasons"][plural(table)].items()
        ),
        coercions=tuple(Coercion(**row) for row in kept["coercions"]),
    )


def kept_summary(summary: Summary) -> dict[str, Any] | None:
    """Read the ``summary.json`` that the run left; None without one of this shape."""
    path = settings.artifacts_home() / summary.run.run_id / SUMMARY_FILE
    try:
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return kept if kept.get("format") == SUMMARY_FORMAT else None


def _with_kept_counts(summary: Summary) -> Summary:
    kept = kept_summary(summary)
    if kept is None:
        return summary
    return replace(
        summary,
        rejections=tuple(Rejection(**row) for row in kept["rejections"]),
        unlinked_chats=kept["unlinked_chats"],
        migrated_bookings=kept["migrated_bookings"],
        image_messages=kept.get("image_messages"),
    )
