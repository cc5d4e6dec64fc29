"""What follows from a run: go on, review, stop or roll back, and what to know of it.

Pure: turns a summary, and the project's thresholds, into sentences.
"""

from __future__ import annotations

from datetime import datetime, timezone

from harness.artifacts.judgement import (
    restored,
    to_review,
    watched,
    why_live_is_wrong,
    why_stop,
)
from harness.artifacts.summary import Step, Summary, earlier_sentence, plural


def decision(summary: Summary) -> str:
    """Say what follows from the run so far: go on, review, stop, or roll back."""
    undone = _undone(summary)
    if undone:
        return undone
    required = why_rollback(summary)
    if required:
        return f"Roll back: {required}."
    stopping = why_live_is_wrong(summary) or why_stop(summary)
    if stopping:
        return f"Stop: {stopping}."
    status = summary.run.status
    review = "; ".join(to_review(summary))
    if status == "validated" and review:
        return f"Review before you accept: {review}."
    said = {
        "loaded": "Go on: build the marts.",
        "built": "Go on: publish.",
        "published": "Go on: validate what was published.",
        "validated": "Accept: what was published is validated.",
    }.get(status, f"Review: the run is at '{status}'.")
    return f"{said} For review: {review}." if review else said


def why_rollback(summary: Summary) -> str | None:
    """Say why what is live has to be rolled back; None if it need not.

    Only rows that this run wrote, and that a check has found wrong, ask for it.
    """
    if not any(table.published for table in summary.tables) or restored(summary):
        return None
    return why_live_is_wrong(summary)


def why_no_rollback(summary: Summary) -> str:
    """Say why nothing has to be taken back, where nothing has to."""
    if restored(summary):
        return f"the backup {restored(summary)} was brought back"
    if summary.run.status == "rolled_back":
        return "it is done"
    if not any(table.published for table in summary.tables):
        return "this run has changed no live row"
    if summary.validation is None:
        return "no check has failed; validation is still to come"
    return "every check of the live tables passed"


def notes(summary: Summary) -> list[str]:
    """Say what is no fault and should be known: older rows, changes since."""
    since = summary.validation.notes if summary.validation else ()
    return [
        *filter(None, [earlier_sentence(summary)]),
        *(f"{note[:1].upper()}{note[1:]}." for note in since),
    ]


def is_rollback_required(summary: Summary) -> bool:
    """Whether rows are live that a check has found wrong."""
    return why_rollback(summary) is not None


def issues(summary: Summary) -> list[str]:
    """Name everything that the operator should know of, worst first."""
    return [
        *_failed_steps(summary),
        *_safety_issues(summary),
        *(
            f"Alert {alert.name}: {alert.measured}, more than {alert.allowed}; "
            f"{alert.advice}."
            for alert in watched(summary)
            if alert.is_raised
        ),
        *_row_issues(summary),
        *_audit_issues(summary),
    ]


def clock(time: datetime) -> str:
    """Write the time of day in UTC."""
    return f"{time.astimezone(timezone.utc):%H:%M:%S} UTC"


def _undone(summary: Summary) -> str | None:
    """Say that the run is taken back, if it is, and whether that is proved."""
    if restored(summary):
        return f"Restored: the backup {restored(summary)} was brought back."
    if summary.run.status != "rolled_back":
        return None
    done = summary.safety.rollback
    if done is None:
        return "Rolled back; the input can be loaded again."
    because = {
        "validate": " because validation failed",
        "audit.live": " because the live audit failed",
    }.get(done.after or "", "")
    proved = ""
    if done.is_proved is not None:
        proved = (
            ", and the live tables are proved to be what they were before the run"
            if done.is_proved
            else "; the live tables differ from before the run, see the issues"
        )
    after = " Mend the cause first." if because else ""
    return f"Rolled back{because}{proved}. The input can be loaded again.{after}"


def _failed_steps(summary: Summary) -> list[str]:
    return [
        f"Step {step.name} failed at {clock(step.finished_at)}"
        f"{', and passed later' if _passed_later(summary, step) else ''}."
        for step in summary.steps
        if step.status != "done"
    ]


def _passed_later(summary: Summary, failed: Step) -> bool:
    newest = summary.step(failed.name)
    return newest is not None and newest is not failed and newest.status == "done"


def _safety_issues(summary: Summary) -> list[str]:
    """What preflight, publish, rollback and restores leave to know."""
    known = summary.safety
    found = []
    if known.preflight:
        found += [f"Preflight failed, {said}." for said in known.preflight.failures]
        found += [f"Preflight warns, {said}." for said in known.preflight.warnings]
    for delta in known.deltas:
        kinds = ", ".join(
            f"{delta.counts[action]:,} {action}"
            for action in ("changed live", "conflict", "removed", "gone")
            if delta.counts[action]
        )
        if kinds:
            found.append(f"Rows of {delta.table} left as they are: {kinds}.")
    done = known.rollback
    if done:
        left = done.rows("changed", "referenced")
        if left:
            found.append(
                f"The rollback left {plural('row', left)} that changed since or that "
                "others refer to."
            )
        forced = done.rows("forced")
        if forced:
            found.append(
                f"The rollback was forced: it took {plural('row', forced)} that "
                "changed since."
            )
        found += [f"After the rollback, {said}." for said in done.differences]
    found += [
        f"The backup {restore.backup_id} was restored at {clock(restore.restored_at)} "
        f"by {restore.operator}."
        for restore in known.restores
    ]
    return found


def _row_issues(summary: Summary) -> list[str]:
    validation = summary.validation
    found: list[str] = []
    if validation and not validation.is_valid:
        found += [f"Validation: {error}" for error in validation.errors] or [
            "Validation found differences."
        ]
    found += [
        f"{plural(row.table, row.rows)} not published: {row.reason}."
        for row in summary.failures
    ]
    found += [
        f"{plural(row.table, row.rows)} rejected while loading: {row.reason}."
        for row in summary.rejections
    ]
    return found


def _audit_issues(summary: Summary) -> list[str]:
    found = [
        f"Audit {audit.name}: {audit.status}"
        + (f", {audit.failures:,} found." if audit.failures else ".")
        for audit in summary.problems
        if audit.status in ("error", "fail", "warn")
    ]
    found += [
        f"Checkpoint {checkpoint.name}, {audit.name}: {audit.status}, {audit.message}"
        for checkpoint in summary.checkpoints
        for audit in checkpoint.problems
    ]
    coerced = sum(row.rows for row in summary.coercions)
    if coerced:
        found.append(
            f"{plural('value', coerced)} coerced, listed in {summary.COERCIONS}."
        )
    return found
