"""Writes execution-log.md: the run's phases with a box for each thing that was done.

After the execution log template of the specification (consolidation plan), with the
migration's phases. A box is ticked only by a step in the ledger; nothing here guesses.
Pure: turns a summary into text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timezone

from harness.artifacts.alerts import Alert
from harness.artifacts.judgement import failed_audits, verdict, watched
from harness.artifacts.showing import show_bytes, show_time
from harness.artifacts.summary import (
    Step,
    Summary,
    exceptions,
    plural,
    reasons_sentence,
)
from harness.artifacts.verdict import (
    clock,
    decision,
    issues,
    notes,
    why_no_rollback,
    why_rollback,
)
from harness.candidates import ACTIONS
from harness.escaping import markdown

_FATES = ("read", "kept", "merged", "skipped", "rejected", "published", "failed")


@dataclass(frozen=True)
class Phase:
    """A phase of the template: its title, and its boxes, each done or not."""

    title: str
    boxes: tuple[tuple[bool, str], ...]


def execution_log(summary: Summary) -> str:
    """Render the log of a migration's run as Markdown."""
    return render_log(
        "MIGRATION EXECUTION LOG", summary, phases(summary), reasons_sentence(summary)
    )


def render_log(
    title: str,
    summary: Summary,
    phases: Sequence[Phase],
    why: str | None,
    further: Sequence[str] = (),
) -> str:
    """Render a run's log: its phases, and what its steps left in figures.

    ``why`` explains the result, where there is something to explain; ``further`` are
    issues of the pipeline's own.
    """
    return "\n".join(
        [
            *_heading(title, summary),
            *(line for phase in phases for line in _render(phase)),
            *_steps(summary),
            *_accounting(summary),
            *_decisions(summary),
            *_alerts(summary),
            *_completion(summary, why, further),
            "",
        ]
    )


def phases(summary: Summary) -> tuple[Phase, ...]:
    """List what each phase consists of and what of it was done."""
    return (
        Phase("PHASE 1 - EXTRACT & LOAD", _load_boxes(summary)),
        Phase("PHASE 2 - BUILD", _build_boxes(summary)),
        Phase("PHASE 3 - BACKUP & PREPARATION", _preparation_boxes(summary)),
        Phase("PHASE 4 - PUBLISH", _publish_boxes(summary)),
        Phase("PHASE 5 - VERIFICATION", _verification_boxes(summary)),
        Phase("PHASE 6 - ROLLBACK", rollback_boxes(summary)),
    )


def _heading(title: str, summary: Summary) -> list[str]:
    run = summary.run
    lines = [
        f"- Date: {run.started_at.astimezone(timezone.utc):%Y-%m-%d}",
        f"- Start Time: {clock(run.started_at)}",
        f"- Operator: {run.operator}",
        f"- Run: {run.run_id}",
        f"- Target: {run.target}",
        f"- Version: {run.code_version}",
        *(
            f"- Input: {file.name} ({file.kind}), {file.size:,} bytes, "
            f"{file.rows:,} rows, sha256 {file.sha256}"
            for file in summary.inputs
        ),
    ]
    return [f"# {title}", "", *map(markdown, lines), ""]


def _render(phase: Phase) -> list[str]:
    boxes = [
        f"- [{'x' if done else ' '}] {markdown(text)}" for done, text in phase.boxes
    ]
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
            ran and not failed_audits(summary),
            "Data tests passed" + _audit_counts(summary),
        ),
        (accounted, "Accounting adds up: read = kept + merged + skipped + rejected"),
    )


def _preparation_boxes(summary: Summary) -> tuple[tuple[bool, str], ...]:
    """The preflight and the backup, as the template's first phase has them."""
    done, text = _box(summary, "preflight", "Preflight passed")
    checks = summary.safety.preflight
    if checks:
        text += f": {plural('check', checks.checks)}"
        text += f", {plural('warning', len(checks.warnings))}"
    backup = summary.safety.backup
    if backup is None:
        return ((done, text), (False, "Live tables backed up"))
    boxes = [
        (done, text),
        (
            True,
            f"Live tables backed up: {backup.backup_id}, {plural('row', backup.rows)}, "
            f"{show_bytes(backup.size)} ({show_time(backup.taken_at)})",
        ),
        (backup.is_verified, "Backup verified by counts, hashes and a trial restore"),
    ]
    if backup.archive:
        size = show_bytes(backup.archive_size)
        boxes.append((True, f"Archive written: {backup.archive}, {size}"))
    return tuple(boxes)


def _publish_boxes(summary: Summary) -> tuple[tuple[bool, str], ...]:
    counts = [table for table in summary.tables if table.published is not None]
    rows = ", ".join(plural(table.name, table.published) for table in counts)
    done, text = _box(summary, "publish", "Rows published in one transaction")
    failed = sum(table.failed or 0 for table in counts)
    added = len(summary.safety.changes)
    return (
        (done, f"{text}: {rows}" if rows else text),
        (done, f"Keys and indexes in place{f', {added:,} added' if added else ''}"),
        (done and not failed, "Every row that was ready could be published"),
    )


def rollback_boxes(summary: Summary) -> tuple[tuple[bool, str], ...]:
    """The boxes of a rollback and of restores, done or not."""
    box, text = _box(summary, "rollback", "Published rows removed")
    done = summary.safety.rollback
    restored = [
        (
            True,
            f"Backup {restore.backup_id} restored ({clock(restore.restored_at)}, by "
            f"{restore.operator})",
        )
        for restore in summary.safety.restores
    ]
    if done is None:
        return ((box, text), *restored)
    deleted, given_back = done.rows("delete"), done.rows("restore")
    text += f": {plural('row', deleted)} deleted, {given_back:,} given back"
    dropped = f"{len(done.dropped):,} {summary.ADDED} that the run added"
    return (
        (box, text),
        (box, f"Schema taken back: {dropped} dropped"),
        (
            done.is_proved is True,
            "Proved: the live tables are what they were before the run",
        ),
        *restored,
    )


def _verification_boxes(summary: Summary) -> tuple[tuple[bool, str], ...]:
    validation = summary.validation
    done, text = _box(summary, "validate", "Live rows compared with the source")
    excepted = exceptions(summary) if validation else ()
    return (
        _box(summary, "audit.live", "Live audit passed"),
        (done, text),
        (
            validation is not None and validation.is_valid,
            "Validation found every row of this source as it should be"
            + (f", but for {', '.join(excepted)}" if excepted else ""),
        ),
    )


def _box(summary: Summary, name: str, text: str) -> tuple[bool, str]:
    """Make the box of a step: when it ended and how long it took, once it happened."""
    step = summary.step(name)
    if step is None:
        return False, text
    failed = "" if step.status == "done" else ", failed"
    return step.status == "done", f"{text} ({clock(step.finished_at)}{failed})"


def _audit_counts(summary: Summary) -> str:
    if not summary.audits:
        return ""
    counts = ", ".join(
        f"{count:,} {status}" for status, count in summary.audits.items()
    )
    return f" ({counts})"


def _steps(summary: Summary) -> list[str]:
    return [
        "## STEPS",
        "",
        "| step | start | status | rows | rows per minute | seconds | peak memory |",
        "|---|---|---|---:|---:|---:|---:|",
        *(_step_row(step) for step in summary.steps),
        "",
    ]


def _step_row(step: Step) -> str:
    rate = step.rows_per_minute
    return _row(
        step.name,
        clock(step.started_at),
        step.status,
        _count(step.rows),
        _count(None if rate is None else round(rate)),
        f"{step.seconds:.1f}",
        "-" if step.peak_memory_bytes is None else show_bytes(step.peak_memory_bytes),
    )


def _row(*cells: str) -> str:
    return f"| {' | '.join(map(markdown, cells))} |"


def _accounting(summary: Summary) -> list[str]:
    return [
        "## ACCOUNTING",
        "",
        f"| table | {' | '.join(_FATES)} |",
        "|---|" + "---:|" * len(_FATES),
        *(
            _row(table.name, *(_count(getattr(table, fate)) for fate in _FATES))
            for table in summary.tables
        ),
        "",
    ]


def _decisions(summary: Summary) -> list[str]:
    """What the newest publish decided of each row; nothing before there was one."""
    if not summary.safety.deltas:
        return []
    return [
        "## ROWS BY DECISION",
        "",
        f"| live table | {' | '.join(ACTIONS)} |",
        "|---|" + "---:|" * len(ACTIONS),
        *(
            _row(delta.table, *(_count(delta.counts[action]) for action in ACTIONS))
            for delta in summary.safety.deltas
        ),
        "",
    ]


def _alerts(summary: Summary) -> list[str]:
    return [
        "## ALERTS",
        "",
        "| alert | measured | threshold | outcome |",
        "|---|---:|---:|---|",
        *(
            _row(alert.name, alert.measured, alert.allowed, _outcome(alert))
            for alert in watched(summary)
        ),
        "",
    ]


def _outcome(alert: Alert) -> str:
    if alert.counted is None:
        return "not measured"
    return f"{alert.action.upper()}: {alert.advice}" if alert.is_raised else "passed"


def _completion(summary: Summary, why: str | None, further: Sequence[str]) -> list[str]:
    finished, judged = summary.run.finished_at, verdict(summary)
    required = why_rollback(summary)
    needed = f"YES ({required})" if required else f"NO ({why_no_rollback(summary)})"
    found, known = [*further, *issues(summary)], notes(summary)
    level = judged.level.upper()
    reasons = f" ({'; '.join(judged.why)})" if judged.why else ""
    lines = [
        f"- COMPLETION STATUS: {summary.run.status.upper().replace('_', ' ')}",
        f"- Verdict: {level}{reasons}",
        f"- End Time: {clock(finished) if finished else '-'}",
        *([f"- Result: {why}"] if why else []),
        f"- Decision: {decision(summary)}",
        f"- Rollback Required: {needed}",
        f"- Issues Encountered: {'' if found else 'NONE'}".rstrip(),
        *(f"  - {issue}" for issue in found),
        *(["- Notes:"] if known else []),
        *(f"  - {note}" for note in known),
    ]
    return ["## COMPLETION", "", *map(markdown, lines)]


def _count(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"
