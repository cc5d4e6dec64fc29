"""The phases of a consolidation's execution-log.md, each box with its evidence.

After the execution log template of the consolidation plan, line by line. A box is
ticked only by what the ledger shows; one that is not ticked says what to run, or that
it is for people to see. Pure: turns a summary into text.
"""

from __future__ import annotations

from harness.artifacts.consolidation_summary import (
    MESSAGES,
    SESSIONS,
    Consolidation,
    fates_sentence,
    headline,
    security_issues,
)
from harness.artifacts.execution_log import Phase, render_log, rollback_boxes
from harness.artifacts.showing import show_bytes, show_time
from harness.artifacts.summary import plural
from harness.artifacts.verdict import clock
from harness.pipelines import CONSOLIDATION

Box = tuple[bool, str]

_PUBLISH = f"{CONSOLIDATION.command('publish')} --execute"
_VALIDATE = CONSOLIDATION.command("validate")


def consolidation_log(summary: Consolidation) -> str:
    """Render the log of a consolidation's run as Markdown."""
    return render_log(
        "CONSOLIDATION EXECUTION LOG",
        summary,
        phases(summary),
        " ".join(filter(None, (headline(summary), fates_sentence(summary)))),
        security_issues(summary),
    )


def phases(summary: Consolidation) -> tuple[Phase, ...]:
    """List what each phase of the template consists of and what of it was done."""
    safety = summary.safety
    undone = (
        (Phase("ROLLBACK", rollback_boxes(summary)),)
        if safety.rollback or safety.restores
        else ()
    )
    return (
        Phase("PHASE 1 - BACKUP & PREPARATION", _preparation(summary)),
        Phase("PHASE 2 - DATABASE CONSOLIDATION", _database(summary)),
        Phase("PHASE 3 - STORAGE CONSOLIDATION", _storage(summary)),
        Phase("PHASE 4 - API CONSOLIDATION", _api(summary)),
        Phase("PHASE 5 - TESTING & VERIFICATION", _verification(summary)),
        *undone,
    )


def _preparation(summary: Consolidation) -> tuple[Box, ...]:
    backup = summary.safety.backup
    taken = _open("Database backup created", "run ./inv backup --execute")
    tested = _open("Rollback procedures tested", "run ./inv backup --execute")
    if backup and backup.is_verified:
        taken = (
            True,
            f"Database backup created: {backup.backup_id}, "
            f"{plural('row', backup.rows)}, {show_bytes(backup.size)}, verified by "
            f"counts, hashes and a trial restore ({show_time(backup.taken_at)})",
        )
        tested = (
            True,
            f"Rollback procedures tested: {backup.backup_id} was restored on trial and "
            "compared",
        )
    return (
        taken,
        _storage_box(summary, "storage.plan", "Storage audit completed"),
        _unseen("Code archived", "tag the application's sources before they change"),
        tested,
    )


def _database(summary: Consolidation) -> tuple[Box, ...]:
    sessions, messages = summary.table(SESSIONS), summary.table(MESSAGES)
    rows = (
        f"{plural('session', sessions.published or 0)} and "
        f"{plural('message', messages.published or 0)}"
    )
    keys = summary.added.get("foreign key", 0)
    policies = summary.added.get("policy", 0)
    validation = summary.validation
    verified = _box(summary, "validate", "Integrity verified", _VALIDATE)
    if validation and verified[0]:
        expected = sum(validation.expected.values())
        counted = f": {expected:,} rows compared" if expected else ""
        verified = (validation.is_valid, f"{verified[1]}{counted}")
    return (
        _published(summary, "Data migration completed", rows),
        _published(summary, "Foreign keys added", f"{keys:,} new, all in place"),
        _published(
            summary,
            "RLS policies updated",
            f"{policies:,} new or dropped, all in place",
        ),
        verified,
    )


def _storage(summary: Consolidation) -> tuple[Box, ...]:
    return (
        _storage_box(summary, "storage.verify", "Files migrated"),
        _storage_box(summary, "storage.switch", "Messages name the new files"),
        _storage_box(summary, "storage.copy", "Policies updated"),
        _storage_box(summary, "storage.clean", "Legacy buckets cleaned"),
    )


def _api(summary: Consolidation) -> tuple[Box, ...]:
    """The application's own sources, which no ledger shows, and the cutover."""
    look = "run ./inv legacy-references PATH on the application's sources"
    cutover = summary.cutover
    text, command = "Compatibility views in place", "run ./inv cutover --execute"
    views = _open(text, command)
    if cutover and cutover.stands:
        views = (
            True,
            f"{text} of the legacy tables, which stand in "
            f"{cutover.archive_schema} ({show_time(cutover.executed_at)})",
        )
    elif cutover and cutover.undone_at:
        when = show_time(cutover.undone_at)
        views = False, f"{text}: undone {when}; {command}"
    return (
        _unseen("Legacy APIs updated", look),
        _unseen("Routes consolidated", look),
        _unseen("Frontend updated", look),
        views,
    )


def _verification(summary: Consolidation) -> tuple[Box, ...]:
    security = summary.security
    checked = _box(summary, "security.check", "Security validation completed")
    if security and checked[0]:
        attempts = sum(promise.attempts for promise in security.promises)
        outcomes = [
            f"; {status}: {', '.join(each.name for each in security.which(status))}"
            for status in ("pass", "warn", "not looked at")
            if security.which(status)
        ]
        tried = plural("attempt", attempts)
        checked = (
            security.is_complete,
            f"{checked[1]}: {tried}{''.join(outcomes)}",
        )
    return (
        _unseen("Integration tests passed", "run the application's tests"),
        _box(
            summary,
            "audit.live",
            "Live tables audited",
            CONSOLIDATION.command("audit.live"),
        ),
        checked,
        _unseen("Performance verified", "run ./inv bench.policies"),
        _unseen("Documentation updated", "see docs/consolidation.md"),
    )


def _published(summary: Consolidation, text: str, detail: str) -> Box:
    """The box of something that publishing does."""
    done, said = _box(summary, "publish", text, _PUBLISH)
    return (done, f"{said}: {detail}" if done else said)


def _box(
    summary: Consolidation, step: str, text: str, command: str | None = None
) -> Box:
    """The box of a step: when it ended, or what to run.

    A rollback after it takes the tick away: what was done, or shown, holds no more.
    """
    run = f"run {command or f'./inv {step}'}"
    ended, undone = summary.step(step), summary.step("rollback")
    if ended is None:
        return _open(text, run)
    known = summary.safety.rollback
    if undone and known and not summary.is_after(ended, undone):
        return False, f"{text}: rolled back; run ./inv consolidate --execute"
    if ended.status != "done":
        return False, f"{text}: failed at {clock(ended.finished_at)}; {run}"
    return True, f"{text} ({clock(ended.finished_at)})"


def _storage_box(summary: Consolidation, step: str, text: str) -> Box:
    at = summary.storage.get(step)
    if at is None:
        return _open(text, f"run ./inv {step}")
    return True, f"{text} ({show_time(at)})"


def _open(text: str, remedy: str) -> Box:
    return False, f"{text}: not yet; {remedy}"


def _unseen(text: str, remedy: str) -> Box:
    """A box that nothing in the database can tick."""
    return False, f"{text}: not to be seen from the database; {remedy}"
