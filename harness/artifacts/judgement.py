"""How a run is judged: passed, passed with losses to review, or failed.

The same words stand in the execution log, ``summary.json``, the report, the metrics and
``./inv status``. A verdict speaks of this run's rows; what is live of earlier runs is
named beside it. Pure: turns a summary, and the project's thresholds, into a verdict.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.artifacts.alerts import REVIEW as ASKS_FOR_REVIEW
from harness.artifacts.alerts import STOP, Alert, alerts
from harness.artifacts.consolidation_summary import Consolidation
from harness.artifacts.summary import Summary, plural
from harness.variables import thresholds

PASSED = "passed"
REVIEW = "passed with losses to review"
FAILED = "failed"
#: Of a run that no validation has judged yet, and of one that is rolled back.
PENDING, UNDONE = "not judged yet", "rolled back"
LEVELS = (PASSED, REVIEW, FAILED, PENDING, UNDONE)


@dataclass(frozen=True)
class Verdict:
    """A run's level, and in words why it is no better."""

    level: str
    why: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The level and its reasons, as one clause."""
        return f"{self.level}: {'; '.join(self.why)}" if self.why else self.level


def verdict(summary: Summary) -> Verdict:
    """Judge a run by all that is known of it by now."""
    failed = why_failed(summary)
    if failed:
        return Verdict(FAILED, (failed,))
    if summary.run.status == "rolled_back" or restored(summary):
        return Verdict(UNDONE)
    losses = tuple(to_review(summary))
    if summary.validation is None or summary.run.status != "validated":
        return Verdict(PENDING, losses)
    return Verdict(REVIEW if losses else PASSED, losses)


def watched(summary: Summary) -> tuple[Alert, ...]:
    """Measure the run's rates against the thresholds of the project."""
    return alerts(summary, thresholds())


def why_failed(summary: Summary) -> str | None:
    """Say which check the run has failed; None when it has failed none."""
    undone = summary.safety.rollback
    if undone and undone.after:
        return f"rolled back after a failed {undone.after}"
    return why_live_is_wrong(summary) or why_stop(summary)


def why_live_is_wrong(summary: Summary) -> str | None:
    """Say which check of the live tables failed; None when none did."""
    if summary.validation is not None and not summary.validation.is_valid:
        return "validation found live rows that are not as the source has them"
    if is_failed(summary, "audit.live"):
        return "the audit of the live tables failed"
    return None


def why_stop(summary: Summary) -> str | None:
    """Say what forbids to go on; None when nothing does."""
    if failed_audits(summary) or is_failed(summary, "audit.landing"):
        return "an audit failed and nothing may be published before it passes"
    if is_failed(summary, "preflight"):
        return "the preflight failed and nothing may be published before it passes"
    if is_failed(summary, "security.check"):
        return "the security check failed, and nobody may use the tables as they are"
    raised = [
        f"{alert.name}, {alert.measured}"
        for alert in watched(summary)
        if alert.action == STOP and alert.is_raised
    ]
    return f"more than the threshold allows of {'; '.join(raised)}" if raised else None


def to_review(summary: Summary) -> Iterator[str]:
    """Name the losses that a person has to look at before the run is accepted."""
    for alert in watched(summary):
        if alert.action == ASKS_FOR_REVIEW and alert.is_raised:
            yield f"{alert.name}, {alert.measured}"
    for table in map(summary.table, summary.SOURCES):
        if table.read and table.kept == 0 and not table.merged:
            yield f"none of {plural(table.name, table.read)} was carried"
    for table in summary.tables:
        if table.kept and table.failed == table.kept:
            yield f"none of {plural(table.name, table.kept)} could be published"
    if isinstance(summary, Consolidation) and summary.security:
        for said in summary.security.open_points:
            yield f"security check, {said}"


def is_failed(summary: Summary, name: str) -> bool:
    """Whether the newest step of this name failed."""
    step = summary.step(name)
    return step is not None and step.status != "done"


def failed_audits(summary: Summary) -> bool:
    """Whether a test or a model of dbt has failed."""
    return any(audit.status in ("error", "fail") for audit in summary.problems)


def restored(summary: Summary) -> str | None:
    """The backup that was brought back after the run's newest publish, if one was."""
    publish = summary.step("publish")
    since = [
        restore.backup_id
        for restore in summary.safety.restores
        if publish is not None and restore.restored_at >= publish.started_at
    ]
    return since[-1] if since else None
