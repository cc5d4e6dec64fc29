"""Writes execution-log.md: the run's phases with a box for each thing that was done.

After the execution log template of the specification (consolidation plan), with the
migration's phases. A box is ticked only by a step in the ledger; nothing here guesses.
Pure: turns a summary into text.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

from harness.artifacts.summary import Step, Summary, plural, reasons_sentence

_FATES = ("read", "kept", "merged", "skipped", "rejected", "published", "failed")


@dataclass(frozen=True)
class Phase:
    """A phase of the template: its title, and its boxes, each done or not."""

    title: str
    boxes: tuple[tuple[bool, str], ...]


def execution_log(summary: Summary) -> str:
    """Render the run's log as Markdown."""
    return "\n".join(
        [
            *_heading(summary),
            *(line for phase in phases(summary) for line in _render(phase)),
            *_steps(summary),
            *_accounting(summary),
            *_completion(summary),
            "",
        ]
    )


def phases(summary: Summary) -> tuple[Phase, ...]:
    """List what each phase consists of and what of it was done."""
    return (
        Phase("PHASE 1 - EXTRACT & LOAD", _load_boxes(summary)),
        Phase("PHASE 2 - BUILD", _build_boxes(summary)),
        Phase("PHASE 3 - PUBLISH", _publish_boxes(summary)),
        Phase("PHASE 4 - VERIFICATION", _verification_boxes(summary)),
        Phase(
            "PHASE 5 - ROLLBACK", (_box(summary, "rollback", "Published rows removed"),)
        ),
    )


def decision(summary: Summary) -> str:
    """Say what follows from the run so far: go on, stop, or roll back."""
    status = summary.run.status
    if status == "rolled_back":
        return "Rolled back; the input can be loaded again."
    if is_rollback_required(summary):
        return "Roll back: what was published is not as it should be."
    if _failed_audits(summary) or _is_failed(summary, "audit.landing"):
        return "Stop: an audit failed and nothing may be published before it passes."
    return {
        "loaded": "Go on: build the marts.",
        "built": "Go on: publish.",
        "published": "Go on: validate what was published.",
        "validated": "Accept: what was published is validated.",
    }.get(status, f"Review: the run stands at '{status}'.")


def is_rollback_required(summary: Summary) -> bool:
    """Whether rows stand in the live tables that a check has found wrong."""
    published = any(table.published for table in summary.tables)
    invalid = summary.validation is not None and not summary.validation.is_valid
    return published and (invalid or _is_failed(summary, "audit.live"))


def issues(summary: Summary) -> list[str]:
    """Name everything that the operator should know of, worst first."""
    found = [
        f"Step {step.name} failed at {_clock(step.finished_at)}."
        for step in summary.steps
        if step.status != "done"
    ]
    validation = summary.validation
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
    found += [
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
        found.append(f"{plural('value', coerced)} coerced, listed in marts.coercions.")
    return found


def _heading(summary: Summary) -> list[str]:
    run = summary.run
    return [
        "# MIGRATION EXECUTION LOG",
        "",
        f"- Date: {run.started_at.astimezone(timezone.utc):%Y-%m-%d}",
        f"- Start Time: {_clock(run.started_at)}",
        f"- Operator: {run.operator}",
        f"- Run: {run.run_id}",
        f"- Target: {run.target}",
        f"- Version: {run.code_version}",
        *(
            f"- Input: {file.name} ({file.kind}), {file.size:,} bytes, "
            f"{file.rows:,} rows, sha256 {file.sha256}"
            for file in summary.inputs
        ),
        "",
    ]


def _render(phase: Phase) -> list[str]:
    boxes = [f"- [{'x' if done else ' '}] {text}" for done, text in phase.boxes]
    return [f"## {phase.title}", "", *boxes, ""]


def _load_boxes(summary: Summary) -> tuple[tuple[bool, str], ...]:
    landed = all(
        table.rejected == 0 for table in summary.tables if table.read is not None
    )
    return (
        _box(summary, "load", "Dump loaded"),
        (
            bool(summary.done("load")) and landed,
            "Every row of the dump read, none rejected",
        ),
        _box(summary, "audit.landing", "Landing audit passed"),
    )


def _build_boxes(summary: Summary) -> tuple[tuple[bool, str], ...]:
    tables = [table for table in summary.tables if table.read is not None]
    accounted = bool(tables) and all(
        table.accounted is not None and table.adds_up for table in tables
    )
    audits = summary.audits or {"not run": 1}
    ran = not (audits.get("not run") or audits.get("skipped"))
    return (
        _box(summary, "build", "Models built"),
        (
            ran and not _failed_audits(summary),
            "Data tests passed" + _audit_counts(summary),
        ),
        (accounted, "Accounting adds up: read = kept + merged + skipped + rejected"),
    )


def _publish_boxes(summary: Summary) -> tuple[tuple[bool, str], ...]:
    counts = [table for table in summary.tables if table.published is not None]
    rows = ", ".join(plural(table.name, table.published) for table in counts)
    done, text = _box(summary, "publish", "Rows published in one transaction")
    failed = sum(table.failed or 0 for table in counts)
    return (
        (done, f"{text}: {rows}" if rows else text),
        (done and not failed, "Every row that was ready could be published"),
    )


def _verification_boxes(summary: Summary) -> tuple[tuple[bool, str], ...]:
    validation = summary.validation
    done, text = _box(summary, "validate", "Live rows compared with the source")
    return (
        _box(summary, "audit.live", "Live audit passed"),
        (done, text),
        (
            validation is not None and validation.is_valid,
            "Validation found every row as it should be",
        ),
    )


def _box(summary: Summary, name: str, text: str) -> tuple[bool, str]:
    """Make the box of a step: when it ended and how long it took, once it happened."""
    step = summary.step(name)
    if step is None:
        return False, text
    failed = "" if step.status == "done" else ", failed"
    return step.status == "done", f"{text} ({_clock(step.finished_at)}{failed})"


def _audit_counts(summary: Summary) -> str:
    if not summary.audits:
        return ""
    counts = ", ".join(
        f"{count:,} {status}" for status, count in summary.audits.items()
    )
    return f" ({counts})"


def _failed_audits(summary: Summary) -> bool:
    return any(audit.status in ("error", "fail") for audit in summary.problems)


def _is_failed(summary: Summary, name: str) -> bool:
    step = summary.step(name)
    return step is not None and step.status != "done"


def _steps(summary: Summary) -> list[str]:
    return [
        "## STEPS",
        "",
        "| step | start | status | rows | seconds |",
        "|---|---|---|---:|---:|",
        *(_step_row(step) for step in summary.steps),
        "",
    ]


def _step_row(step: Step) -> str:
    rows = "-" if step.rows is None else f"{step.rows:,}"
    started = _clock(step.started_at)
    return f"| {step.name} | {started} | {step.status} | {rows} | {step.seconds:.1f} |"


def _accounting(summary: Summary) -> list[str]:
    return [
        "## ACCOUNTING",
        "",
        f"| table | {' | '.join(_FATES)} |",
        "|---|" + "---:|" * len(_FATES),
        *(
            f"| {table.name} | "
            + " | ".join(_count(getattr(table, fate)) for fate in _FATES)
            + " |"
            for table in summary.tables
        ),
        "",
    ]


def _completion(summary: Summary) -> list[str]:
    finished = summary.run.finished_at
    required = "YES" if is_rollback_required(summary) else "NO"
    why = reasons_sentence(summary)
    found = issues(summary)
    return [
        "## COMPLETION",
        "",
        f"- COMPLETION STATUS: {summary.run.status.upper().replace('_', ' ')}",
        f"- End Time: {_clock(finished) if finished else '-'}",
        *([f"- Result: {why}"] if why else []),
        f"- Decision: {decision(summary)}",
        f"- Rollback Required: {required}",
        f"- Issues Encountered: {'' if found else 'NONE'}".rstrip(),
        *(f"  - {issue}" for issue in found),
    ]


def _count(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"


def _clock(time: datetime) -> str:
    return f"{time.astimezone(timezone.utc):%H:%M:%S} UTC"
