"""The rates that the specification watches, and whether one crosses its threshold.

From the phase 6 plan, "Monitoring & Observability": error rate, missing bookings,
sender failures, orphans. Each rate counts what the dbt test of its name counts. Pure
but for the seed that says which reason counts for which rate.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache

from harness import settings
from harness.artifacts.summary import Summary
from harness.variables import Thresholds

#: What a crossed threshold asks for.
STOP, REVIEW = "stop", "review"
#: The reason of seeds/consolidation/legacy_skip_reasons.csv.
_NO_PROFILE = "Sender has no profile"
_PLACEHOLDER = re.compile(r"\\\{[a-z_]+\\\}")


@dataclass(frozen=True)
class Alert:
    """A watched rate: ``counted`` of ``total`` rows, which may be at most ``limit``.

    ``total`` and ``rate`` are None for orphans, of which there may be none at all;
    no rows have no rate. ``counted`` is None as long as nothing has been counted.
    ``action`` is what a crossed threshold asks for, ``advice`` what the specification
    says to do then.
    """

    name: str
    counted: int | None
    total: int | None
    limit: float
    action: str
    advice: str

    @property
    def rate(self) -> float | None:
        """The share from 0 to 1; None of no rows."""
        if self.counted is None or not self.total:
            return None
        return self.counted / self.total

    @property
    def is_raised(self) -> bool:
        """Whether the threshold is crossed; false as long as nothing was counted."""
        found = self.rate if self.total is not None else self.counted
        return found is not None and found > self.limit

    @property
    def measured(self) -> str:
        """What was measured, in figures."""
        if self.counted is None:
            return "-"
        if self.total is None:
            return f"{self.counted:,}"
        share = "" if self.rate is None else f" ({self.rate:.2%})"
        return f"{self.counted:,} of {self.total:,}{share}"

    @property
    def allowed(self) -> str:
        """The threshold, in figures."""
        return "0" if self.name == "orphans" else f"{self.limit:.2%}"


def alerts(summary: Summary, limits: Thresholds) -> tuple[Alert, ...]:
    """Measure a run's rates against their thresholds.

    Bookings are looked up by the migration only: in the consolidation the database's
    own keys hold them, and a sender is one without a profile.
    """
    rates = [_errors(summary, limits.max_error_rate)]
    if summary.SOURCES == Summary.SOURCES:
        rates += [
            _missing_bookings(summary, limits.max_missing_booking_rate),
            _sender_failures(summary, limits.max_sender_failure_rate),
        ]
    else:
        rates.append(_without_profile(summary, limits.max_sender_failure_rate))
    advice = "stop and review how chats are processed"
    return (*rates, Alert("orphans", orphans(summary), None, 0, STOP, advice))


def orphans(summary: Summary) -> int | None:
    """Count rows without their parent: live by the validation, in the marts by dbt."""
    found = (
        [counts.get("orphaned", 0) for counts in summary.validation.findings.values()]
        if summary.validation
        else []
    )
    audited = summary.audits is not None
    found += [
        audit.failures or 1
        for audit in summary.problems
        if audit.name == "no_orphans" and audit.status in ("fail", "error")
    ]
    return sum(found) if found or audited else None


def _errors(summary: Summary, limit: float) -> Alert:
    tables = [summary.table(name) for name in summary.SOURCES]
    is_known = any(table.read is not None for table in tables)
    lost = sum((table.rejected or 0) + (table.failed or 0) for table in tables)
    return Alert(
        "errors",
        lost if is_known else None,
        sum(table.read or 0 for table in tables) if is_known else None,
        limit,
        STOP,
        "stop and investigate",
    )


def _missing_bookings(summary: Summary, limit: float) -> Alert:
    chats = summary.table("chat")
    is_known = chats.kept is not None
    return Alert(
        "missing bookings",
        _skipped(summary, "chat", "missing_booking") if is_known else None,
        (chats.read or 0) - (chats.rejected or 0) if is_known else None,
        limit,
        REVIEW,
        "check that phase 4 is complete",
    )


def _sender_failures(summary: Summary, limit: float) -> Alert:
    messages = summary.table("message")
    is_known = messages.kept is not None
    failed = _skipped(summary, "message", "sender_failure")
    return Alert(
        "sender failures",
        failed if is_known else None,
        (messages.kept or 0) + (messages.merged or 0) + failed if is_known else None,
        limit,
        REVIEW,
        "check the user mapping",
    )


def _without_profile(summary: Summary, limit: float) -> Alert:
    """The legacy rows whose sender has no profile, of those that belong to chats."""
    tables = [summary.table(name) for name in summary.SOURCES]
    is_known = all(table.kept is not None for table in tables)
    carried = sum((table.kept or 0) + (table.merged or 0) for table in tables)
    failed = sum(row.rows for row in summary.reasons if row.reason == _NO_PROFILE)
    return Alert(
        "sender failures",
        failed if is_known else None,
        carried + failed if is_known else None,
        limit,
        REVIEW,
        "check that the profiles are whole",
    )


def _skipped(summary: Summary, table: str, threshold: str) -> int:
    """Count the rows of a table that were skipped for a reason of this threshold."""
    return sum(
        reason.rows
        for reason in summary.reasons_of(table)
        if any(known.fullmatch(reason.reason) for known in _reasons(threshold))
    )


@cache
def _reasons(threshold: str) -> tuple[re.Pattern[str], ...]:
    """The reasons that count for a threshold; ``{is_from}`` in one stands for any."""
    path = settings.PROJECT_ROOT / "seeds" / "skip_reasons.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(
            re.compile(_PLACEHOLDER.sub(".*", re.escape(row["reason"])), re.DOTALL)
            for row in csv.DictReader(file)
            if row["threshold"] == threshold
        )
