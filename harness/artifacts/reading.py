"""Reads a run's summary out of the ledger, the landing tables and the marts.

Reads the database and, for a run whose landing another run has replaced, the
``summary.json`` that the run left. Writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from harness import settings
from harness.artifacts.linkage import read_comparison
from harness.artifacts.reading_safety import read_safety, with_backup
from harness.artifacts.relations import fetch, stands
from harness.artifacts.summary import (
    BOOKING_NOT_MIGRATED,
    SUMMARY_FILE,
    SUMMARY_FORMAT,
    Audit,
    Checkpoint,
    Coercion,
    Failure,
    Input,
    Reason,
    Rejection,
    Run,
    Step,
    Summary,
    TableCount,
    Validation,
    plural,
)
from harness.database import Connection
from harness.errors import UsageError

#: The tables of the dump that are accounted for, and the live table each goes to.
PUBLISHED_AS = {"chat": "chats", "message": "chat_messages", "media": "media"}
TABLES = ("chat", "message", "booking", "media")

#: What a live row can be found to be, other than as it must be, worst first; the
#: validation may know further kinds.
FINDINGS = ("missing", "different", "extra", "orphaned", "newer")

_PASSED = ("pass", "success")


def read_summary(connection: Connection, run_id: str) -> Summary:
    """Read all that is known of a run, in the caller's transaction.

    Counts of what has not happened are None. Raises ``UsageError`` when the ledger has
    no such run.
    """
    is_landed, has_marts = _is_landed(connection, run_id), holds_run(connection, run_id)
    summary = Summary(
        run=_read_run(connection, run_id),
        inputs=_read_inputs(connection, run_id),
        steps=_read_steps(connection, run_id),
        tables=_read_tables(connection, run_id, is_landed, has_marts),
        failures=_read_failures(connection, run_id),
        checkpoints=_read_checkpoints(connection, run_id),
        validation=_read_validation(connection, run_id),
        has_marts=has_marts,
        safety=read_safety(connection, run_id),
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
    counts, problems = _read_audits(connection, run_id)
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
    return summary if is_landed else _with_kept_fates(summary)


def holds_run(connection: Connection, run_id: str) -> bool:
    """Whether dbt's marts are built from this run's landing, each of them.

    After a failed test dbt passes over the models behind it: those hold another run.
    """
    marts = settings.marts_schema()
    if not stands(
        connection, marts, "loaded_run", "reconciliation", "migration_metrics"
    ):
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


def _read_run(connection: Connection, run_id: str) -> Run:
    found = (
        fetch(
            connection,
            "select run_id, pipeline, status, started_at, finished_at, operator,"
            " code_version, target from {ledger}.runs where run_id = %(run_id)s",
            run_id=run_id,
        )
        if stands(connection, settings.ledger_schema(), "runs")
        else []
    )
    if not found:
        raise UsageError(
            f"the ledger has no run {run_id}. Nothing was written. "
            "See the runs with: ./inv status"
        )
    return Run(*found[0])


def _read_inputs(connection: Connection, run_id: str) -> tuple[Input, ...]:
    rows = fetch(
        connection,
        "select kind, name, bytes, sha256, rows from {ledger}.inputs"
        " where run_id = %(run_id)s order by kind <> 'dump', kind, name",
        run_id=run_id,
    )
    return tuple(Input(*row) for row in rows)


def _read_steps(connection: Connection, run_id: str) -> tuple[Step, ...]:
    rows = fetch(
        connection,
        "select step, status, started_at, finished_at, seconds::float8, rows,"
        " peak_memory_bytes"
        " + coalesce((detail ->> 'parser_peak_memory_bytes')::bigint, 0)"
        " from {ledger}.steps where run_id = %(run_id)s"
        " order by step_id",
        run_id=run_id,
    )
    return tuple(Step(*row) for row in rows)


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


def _read_failures(connection: Connection, run_id: str) -> tuple[Failure, ...]:
    rows = fetch(
        connection,
        "select table_name, reason, count(*) from {ledger}.failed_rows"
        " where run_id = %(run_id)s group by 1, 2 order by 1, 3 desc, 2",
        run_id=run_id,
    )
    return tuple(Failure(*row) for row in rows)


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


def _read_audits(
    connection: Connection, run_id: str
) -> tuple[dict[str, int] | None, tuple[Audit, ...]]:
    """Count dbt's outcomes by status, and read those that did not pass, worst first."""
    if not stands(connection, settings.marts_schema(), "audit_results"):
        return None, ()
    rows = fetch(
        connection,
        "select name, resource_type, status, severity, failures, message"
        " from {marts}.audit_results where run_id = %(run_id)s"
        " order by array_position(array['error', 'fail', 'warn', 'not run'], status),"
        " name",
        run_id=run_id,
    )
    audits = [Audit(*row) for row in rows]
    counts: dict[str, int] = {}
    for audit in audits:
        counts[audit.status] = counts.get(audit.status, 0) + 1
    return counts, tuple(audit for audit in audits if audit.status not in _PASSED)


def _read_checkpoints(connection: Connection, run_id: str) -> tuple[Checkpoint, ...]:
    """Read the newest audit of each checkpoint, without the samples that it took."""
    rows = fetch(
        connection,
        "select distinct on (step) detail from {ledger}.steps"
        " where run_id = %(run_id)s and detail ? 'checkpoint'"
        " order by step desc, step_id desc",
        run_id=run_id,
    )
    audits = [row[0] for row in rows]
    return tuple(
        Checkpoint(
            detail["checkpoint"],
            detail["passed"],
            detail["expectations"],
            (
                *(_expectation(finding, "fail") for finding in detail["failed"]),
                *(_expectation(finding, "warn") for finding in detail["warnings"]),
            ),
        )
        for detail in sorted(audits, key=lambda detail: str(detail["checkpoint"]))
    )


def _expectation(finding: Mapping[str, Any], status: str) -> Audit:
    column = f".{finding['column']}" if finding["column"] else ""
    return Audit(
        name=finding["table"] + column,
        kind="expectation",
        status=status,
        severity=finding["severity"],
        failures=finding["unexpected_count"],
        message=finding["description"],
    )


def _read_validation(connection: Connection, run_id: str) -> Validation | None:
    """Read the newest validation; its long lists of ids stay in the database."""
    rows = fetch(
        connection,
        "select validated_at, is_valid, result -> 'validation_errors',"
        " result -> 'expected_rows', result -> 'findings' from {ledger}.validations"
        " where run_id = %(run_id)s order by validated_at desc limit 1",
        run_id=run_id,
    )
    if not rows:
        return None
    validated_at, is_valid, errors, expected, findings = rows[0]
    return Validation(
        validated_at,
        is_valid,
        errors=tuple(errors or ()),
        expected=expected or {},
        findings={
            table: {**dict.fromkeys(FINDINGS, 0), **findings[table]}
            for table in PUBLISHED_AS.values()
            if table in (findings or {})
        },
    )


def _with_kept_fates(summary: Summary) -> Summary:
    """Add what the run's own ``summary.json`` knows of rows that are not landed now."""
    path = settings.artifacts_home() / summary.run.run_id / SUMMARY_FILE
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return summary
    if kept.get("format") != SUMMARY_FORMAT:
        return summary
    fates = ("read", "kept", "merged", "skipped", "rejected")
    return replace(
        summary,
        tables=tuple(
            replace(table, **{fate: kept["tables"][table.name][fate] for fate in fates})
            for table in summary.tables
        ),
        reasons=tuple(
            Reason(table, reason, rows)
            for table in ("chat", "message")
            for reason, rows in kept["skip_reasons"][plural(table)].items()
        ),
        rejections=tuple(Rejection(**row) for row in kept["rejections"]),
        coercions=tuple(Coercion(**row) for row in kept["coercions"]),
        unlinked_chats=kept["unlinked_chats"],
        migrated_bookings=kept["migrated_bookings"],
        image_messages=kept.get("image_messages"),
    )
