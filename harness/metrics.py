"""A run's metrics as ``./inv metrics`` shows them: read from the ledger, laid out.

Reads the ledger, the landing tables, the marts and the run's ``summary.json``; writes
nothing. The numbers are worked out in ``harness.artifacts.measures``; metrics.json and
metrics.prom are written with the other artifacts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from harness import ledger
from harness.artifacts import read_summary
from harness.artifacts.measures import measures
from harness.artifacts.showing import show_bytes, show_time
from harness.console import counted, format_table
from harness.database import Connection

_HOUR, _DAY = 3600, 86400


def read_metrics(connection: Connection, run_id: str | None = None) -> dict[str, Any]:
    """Work out the metrics of a run, of the landed one without ``run_id``.

    Leaves no transaction open. Raises ``Refused`` when nothing is landed and
    ``UsageError`` for a run that is not in the ledger.
    """
    try:
        run_id = run_id or ledger.current_run(connection).run_id
        return measures(read_summary(connection, run_id), datetime.now(timezone.utc))
    finally:
        connection.rollback()


def as_text(document: Mapping[str, Any]) -> str:
    """Lay the metrics out for a person."""
    parts = [_heading(document), _steps(document), _alerts(document)]
    if document["decisions"]:
        parts.append(_decisions(document))
    parts.append("\n".join(_sentences(document)))
    return "\n\n".join(parts)


def _heading(document: Mapping[str, Any]) -> str:
    totals = document["totals"]
    rate = totals["rows_per_minute"]
    speed = f", {rate:,.0f} rows a minute" if rate is not None else ""
    return (
        f"run {document['run_id']}: {document['status']}, {totals['seconds']:,.1f} s"
        f"{speed}, at most {show_bytes(totals['peak_memory_bytes'])} of memory"
    )


def _steps(document: Mapping[str, Any]) -> str:
    return format_table(
        ("step", "status", "seconds", "rows", "rows/min", "peak memory", "errors"),
        [
            (
                step["step"],
                step["status"],
                float(step["seconds"]),
                _count(step["rows"]),
                _count(step["rows_per_minute"]),
                show_bytes(step["peak_memory_bytes"]),
                _percent(step["error_ratio"]),
            )
            for step in document["steps"]
        ],
    )


def _alerts(document: Mapping[str, Any]) -> str:
    return format_table(
        ("alert", "rows", "of", "rate", "threshold", "outcome"),
        [
            (
                alert["alert"],
                _count(alert["rows"]),
                _count(alert["of"]),
                _percent(alert["rate"]),
                _percent(alert["threshold"]),
                _outcome(alert),
            )
            for alert in document["alerts"]
        ],
    )


def _outcome(alert: Mapping[str, Any]) -> str:
    if alert["rows"] is None:
        return "not measured"
    return f"{alert['action']}: {alert['advice']}" if alert["is_raised"] else "passed"


def _decisions(document: Mapping[str, Any]) -> str:
    decided = document["decisions"]
    actions = next(iter(decided.values()))
    return format_table(
        ("live table", *actions),
        [(table, *counts.values()) for table, counts in decided.items()],
    )


def _sentences(document: Mapping[str, Any]) -> list[str]:
    said = []
    backup = document["backup"]
    if backup:
        verified = "verified" if backup["is_verified"] else "NOT verified"
        said.append(
            f"backup {backup['backup_id']}: {verified}, {_age(backup['age_seconds'])} "
            f"old, {counted(backup['rows'], 'row')}, {show_bytes(backup['bytes'])}"
        )
    validation = document["validation"]
    if validation:
        valid = "valid" if validation["is_valid"] else "NOT valid"
        at = datetime.fromisoformat(validation["validated_at"])
        said.append(f"validation of {show_time(at)}: {valid}")
    said.append(f"verdict: {document['verdict']}")
    said.append(f"decision: {document['decision']}")
    if document["rollback_required"]:
        said.append("rollback required: ./inv rollback --execute")
    return said


def _age(seconds: float) -> str:
    """Write an age in the unit that fits it."""
    if seconds >= 2 * _DAY:
        return f"{seconds / _DAY:,.0f} days"
    if seconds >= 2 * _HOUR:
        return f"{seconds / _HOUR:,.0f} hours"
    return f"{max(seconds, 0) / 60:,.0f} minutes"


def _count(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _percent(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.2%}"
