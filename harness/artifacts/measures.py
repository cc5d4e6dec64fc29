"""A run in numbers: the document of metrics.json, which metrics.prom says as well.

After the specification's "Key Metrics to Track": progress, data quality, communication.
A number that is not known, because nothing has happened yet or an older run did not
keep it, is None. Pure: turns a summary into a document.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from harness.artifacts.alerts import Alert
from harness.artifacts.judgement import verdict, watched
from harness.artifacts.summary import Step, Summary
from harness.artifacts.verdict import decision, is_rollback_required

METRICS_FORMAT = 1

#: Findings of a validation that are faults of the migration.
_FAULTS = ("missing", "different", "extra", "orphaned", "altered")
_FATES = ("read", "kept", "merged", "skipped", "rejected", "published", "failed")


def measures(summary: Summary, now: datetime) -> dict[str, Any]:
    """Work out a run's metrics; ``now`` is what ages are measured to.

    Ratios are from 0 to 1, times in seconds, memory and sizes in bytes.
    """
    run = summary.run
    raised = {alert.name: alert for alert in watched(summary)}
    return {
        "format": METRICS_FORMAT,
        "run_id": run.run_id,
        "pipeline": run.pipeline,
        "status": run.status,
        "target": run.target,
        "operator": run.operator,
        "code_version": run.code_version,
        "started_at": _iso(run.started_at),
        "measured_at": _iso(now),
        "totals": _totals(summary),
        "steps": [_step(summary, step) for step in summary.steps],
        "rows": {
            table.name: {fate: getattr(table, fate) for fate in _FATES}
            for table in summary.tables
        },
        "decisions": {
            delta.table: dict(delta.counts) for delta in summary.safety.deltas
        },
        "rates": _rates(raised),
        "communication": _communication(summary),
        "alerts": [_alert(alert) for alert in raised.values()],
        "validation": _validation(summary),
        "backup": _backup(summary, now),
        "rollback": _rollback(summary),
        "verdict": verdict(summary).level,
        "decision": decision(summary),
        "rollback_required": is_rollback_required(summary),
    }


def _totals(summary: Summary) -> dict[str, Any]:
    """All steps together; the rate is that of the rows read, over all of them."""
    read = [table.read for table in summary.tables if table.read is not None]
    peaks = [step.peak_memory_bytes for step in summary.steps]
    rows = sum(read) if read else None
    return {
        "seconds": round(summary.seconds, 3),
        "rows": rows,
        "rows_per_minute": _per_minute(rows, summary.seconds),
        "peak_memory_bytes": max((p for p in peaks if p is not None), default=None),
    }


def _step(summary: Summary, step: Step) -> dict[str, Any]:
    is_newest = summary.step(step.name) is step
    errors = _error_ratio(summary, step.name) if is_newest else None
    return {
        "step": step.name,
        "status": step.status,
        "started_at": _iso(step.started_at),
        "seconds": step.seconds,
        "rows": step.rows,
        "rows_per_minute": _per_minute(step.rows, step.seconds),
        "peak_memory_bytes": step.peak_memory_bytes,
        "success_ratio": None if errors is None else round(1 - errors, 6),
        "error_ratio": None if errors is None else round(errors, 6),
    }


def _error_ratio(summary: Summary, name: str) -> float | None:
    """The share of what a step looked at that was in error; None where none is known.

    Rows rejected of those read, rows failed of those to publish, rows at fault of those
    expected, tests and expectations that failed of those that ran.
    """
    if name == "load":
        read = [table for table in summary.tables if table.read is not None]
        return _share(
            sum(table.rejected or 0 for table in read),
            sum(table.read or 0 for table in read),
        )
    if name == "publish" and summary.safety.deltas:
        decided = [
            sum(delta.counts.values()) - delta.counts["gone"]
            for delta in summary.safety.deltas
        ]
        return _share(summary.safety.delta("failed") or 0, sum(decided))
    if name == "validate" and summary.validation:
        found = summary.validation.findings.values()
        faults = sum(counts.get(kind, 0) for counts in found for kind in _FAULTS)
        return _share(faults, sum(summary.validation.expected.values()))
    if name == "build" and summary.audits:
        failed = sum(summary.audits.get(status, 0) for status in ("fail", "error"))
        return _share(failed, sum(summary.audits.values()))
    for checkpoint in summary.checkpoints:
        if name == f"audit.{checkpoint.name}":
            failures = sum(audit.status == "fail" for audit in checkpoint.problems)
            return _share(failures, checkpoint.expectations)
    return None


def _rates(alerts: Mapping[str, Alert]) -> dict[str, float | None]:
    """The specification's rates; those of success are what is left of the others."""
    errors = alerts["errors"].rate
    bookings, senders = (
        alerts[name].rate if name in alerts else None
        for name in ("missing bookings", "sender failures")
    )
    return {
        "success": _rest(errors),
        "error": _rounded(errors),
        "missing_booking": _rounded(bookings),
        "valid_booking": _rest(bookings),
        "sender_failure": _rounded(senders),
        "sender_resolution": _rest(senders),
    }


def _communication(summary: Summary) -> dict[str, Any]:
    chats, messages = (summary.table(name).kept for name in summary.CARRIED)
    images = summary.image_messages
    carried = summary.table("media").kept
    return {
        "conversations": chats,
        "messages": messages,
        "messages_per_conversation": (
            round(messages / chats, 3) if chats and messages is not None else None
        ),
        "images": images,
        "image_preservation": (
            None if not images or carried is None else round(carried / images, 6)
        ),
    }


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "rows": alert.counted,
        "of": alert.total,
        "rate": _rounded(alert.rate),
        "threshold": alert.limit,
        "is_raised": alert.is_raised,
        "action": alert.action,
        "advice": alert.advice,
    }


def _validation(summary: Summary) -> dict[str, Any] | None:
    found = summary.validation
    if found is None:
        return None
    return {
        "is_valid": found.is_valid,
        "validated_at": _iso(found.validated_at),
        "expected_rows": dict(found.expected),
        "findings": {table: dict(kinds) for table, kinds in found.findings.items()},
    }


def _backup(summary: Summary, now: datetime) -> dict[str, Any] | None:
    backup = summary.safety.backup
    if backup is None:
        return None
    return {
        "backup_id": backup.backup_id,
        "taken_at": _iso(backup.taken_at),
        "age_seconds": round((now - backup.taken_at).total_seconds(), 3),
        "is_verified": backup.is_verified,
        "seconds": backup.seconds,
        "rows": backup.rows,
        "bytes": backup.size,
        "archive_bytes": backup.archive_size,
    }


def _rollback(summary: Summary) -> dict[str, Any] | None:
    done = summary.safety.rollback
    if done is None:
        return None
    return {
        "after_failed": done.after,
        "deleted": done.rows("delete"),
        "restored": done.rows("restore"),
        "left": done.rows("changed", "referenced"),
        "forced": done.rows("forced"),
        "is_proved": done.is_proved,
    }


def _per_minute(rows: int | None, seconds: float) -> float | None:
    return round(60 * rows / seconds, 1) if rows is not None and seconds else None


def _share(part: int, whole: int) -> float | None:
    """The share of a part, at most 1; None of nothing, unless there are errors."""
    if not whole:
        return 1.0 if part else None
    return min(part / whole, 1.0)


def _rest(rate: float | None) -> float | None:
    return None if rate is None else round(1 - rate, 6)


def _rounded(rate: float | None) -> float | None:
    return None if rate is None else round(rate, 6)


def _iso(time: datetime) -> str:
    return time.astimezone(timezone.utc).isoformat(timespec="microseconds")
