"""What a run of the consolidation did, in numbers, and the sentences that say it.

Owns the records that only this pipeline has. Pure: reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from harness.artifacts.summary import (
    Summary,
    plural,
    verdict_sentence,
)

#: The live tables, as the marts are called that are published into them.
SESSIONS, EXTENDED, MESSAGES = "chat_sessions", "extended_sessions", "chat_messages"


#: So many findings of a security check are shown.
_SHOWN = 5


@dataclass(frozen=True)
class SessionCount:
    """How many new sessions have this type and status."""

    type: str
    status: str
    rows: int


@dataclass(frozen=True)
class Cutover:
    """Views in the place of the legacy tables: since when, and whether they stand."""

    executed_at: datetime
    operator: str
    archive_schema: str
    rows: Mapping[str, int]
    undone_at: datetime | None = None

    @property
    def stands(self) -> bool:
        """Whether nobody has undone it."""
        return self.undone_at is None


@dataclass(frozen=True)
class Promise:
    """One of the plan's security checks: what it holds the database to, and found.

    ``status`` is pass, warn, fail or not looked at; ``said`` says why.
    """

    name: str
    promise: str
    status: str
    attempts: int
    said: tuple[str, ...] = ()

    @property
    def shown(self) -> tuple[str, ...]:
        """What was said, as much of it as a page holds."""
        more = len(self.said) - _SHOWN
        rest = (f"and {more:,} more, see ./inv security.check",) if more > 0 else ()
        return (*self.said[:_SHOWN], *rest)


@dataclass(frozen=True)
class SecurityCheck:
    """The newest check of the live tables, made by acting as each role."""

    checked_at: datetime
    passed: bool
    promises: tuple[Promise, ...]

    @property
    def is_complete(self) -> bool:
        """Whether every check was made and passed without a warning."""
        return self.passed and len(self.which("pass")) == len(self.promises)

    @property
    def outcome(self) -> str:
        """How the check ended, in words; ``passed`` only when nothing is left open."""
        if self.is_complete or not self.passed:
            return "passed" if self.passed else "failed"
        return f"passed with points to review: {', '.join(self.open_points)}"

    @property
    def open_points(self) -> tuple[str, ...]:
        """The checks that warn or could not be made, and how much they found."""
        warned = [
            f"{each.name} warns of {len(each.said):,}" for each in self.which("warn")
        ]
        unseen = [each.name for each in self.which("not looked at")]
        return (*warned, *(f"{name} not looked at in full" for name in unseen))

    def which(self, status: str) -> tuple[Promise, ...]:
        """The checks that ended so."""
        return tuple(each for each in self.promises if each.status == status)


@dataclass(frozen=True)
class Consolidation(Summary):
    """Everything that is known of a run of the consolidation.

    ``tables`` has the legacy tables, whose rows are read, and after them the marts,
    which are published. ``types`` counts the kept messages by type; ``added`` what
    stands in the live schema by this run's doing, by kind.
    """

    SOURCES: ClassVar[tuple[str, ...]] = ("messages", "voice_notes")
    CARRIED: ClassVar[tuple[str, str]] = (SESSIONS, MESSAGES)
    COERCIONS: ClassVar[str] = "consolidated.legacy_coercions"
    ADDED: ClassVar[str] = "keys, indexes, policies, triggers and the like"

    sessions: tuple[SessionCount, ...] = ()
    types: Mapping[str, int] = field(default_factory=dict)
    added: Mapping[str, int] = field(default_factory=dict)
    storage: Mapping[str, datetime] = field(default_factory=dict)
    security: SecurityCheck | None = None
    cutover: Cutover | None = None

    @property
    def is_taken_back(self) -> bool:
        """Whether what was published is rolled back; a check may have run since."""
        return self.run.status == "rolled_back" or self.safety.rollback is not None

    def read(self, fate: str) -> int | None:
        """Count the legacy rows of both tables with a fate; None before it is known."""
        counts = [getattr(self.table(name), fate) for name in self.SOURCES]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None


def headline(summary: Consolidation) -> str:
    """Say in one sentence what happened to the legacy rows."""
    read, kept = summary.read("read"), summary.read("kept")
    rows = f"{read or 0:,} legacy messages and voice notes"
    if kept is None:
        return f"{rows} were read; nothing is built from them yet."
    status = summary.run.status
    if summary.is_taken_back:
        return f"The run was rolled back: {_rolled_back(summary)}"
    if status in ("published", "validated", "invalid"):
        messages = summary.table(MESSAGES).published or 0
        sessions = summary.table(SESSIONS).published or 0
        stood = summary.table(EXTENDED).published
        left = summary.safety.left
        return (
            f"{messages:,} of {rows} were published as chat messages, in "
            f"{plural('new session', sessions)}"
            + (f" and {stood:,} that stood" if stood else "")
            + (f" ({plural('row', left)} of earlier runs left as is)" if left else "")
            + verdict_sentence(summary)
        )
    return f"{kept:,} of {rows} are ready to publish; the live tables are untouched."


def fates_sentence(summary: Consolidation) -> str | None:
    """Say in one sentence what became of the rows that are no messages of their own."""
    merged, skipped = summary.read("merged"), summary.read("skipped")
    if merged is None or skipped is None:
        return None
    publish = summary.done("publish")
    if publish and not summary.is_taken_back and not _writes(summary):
        kept = plural("message", summary.read("kept") or 0)
        return f"Nothing was published: all {kept} stand in the live tables already."
    said = []
    if merged:
        notes = plural("row", merged)
        said.append(f"{notes} merged into a message of the same recording")
    if skipped and summary.reasons:
        top = max(summary.reasons, key=lambda reason: reason.rows)
        most = "all" if top.rows == skipped else f"{top.rows:,} of them"
        said.append(f"{plural('row', skipped)} skipped, {most} with '{top.reason}'")
    return f"Besides: {'; '.join(said)}." if said else None


def security_issues(summary: Consolidation) -> tuple[str, ...]:
    """Say what the newest security check found, and what it could not look at."""
    if summary.security is None:
        return ()
    verbs = {"fail": "failed", "warn": "warns", "not looked at": "could not be made"}
    return tuple(
        f"The security check of {promise.name} {verb}, {said}."
        for status, verb in verbs.items()
        for promise in summary.security.which(status)
        for said in promise.shown
    )


def _writes(summary: Consolidation) -> bool:
    return any(
        summary.table(name).published or summary.table(name).failed
        for name in (SESSIONS, EXTENDED, MESSAGES)
    )


def _rolled_back(summary: Consolidation) -> str:
    left = sum(
        summary.table(name).published or 0 for name in (SESSIONS, EXTENDED, MESSAGES)
    )
    if left:
        were = "was" if left == 1 else "were"
        return f"{left:,} of its rows, changed since, {were} left in the live tables."
    return "none of its rows is left in the live tables."
