"""What a run did, in numbers, and the sentences that say it.

Owns the frozen records that the end table, ``summary.json``, the execution log and the
report are made of. Pure: reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from harness.artifacts.linkage import Comparison, others_sentence
from harness.artifacts.safety import Safety

#: Where a run's summary is kept, and the version of its shape.
SUMMARY_FILE = "summary.json"
SUMMARY_FORMAT = 1

#: The specification's reason for a chat whose booking is not in PostgreSQL.
BOOKING_NOT_MIGRATED = "Booking was not migrated to PostgreSQL"

#: Below this share of rows kept, why so few is worth a sentence.
_LITTLE = 0.5

_PLURALS = {"media": "media"}


@dataclass(frozen=True)
class Run:
    """The run as the ledger has it; times are UTC."""

    run_id: str
    pipeline: str
    status: str
    started_at: datetime
    finished_at: datetime | None
    operator: str
    code_version: str
    target: str


@dataclass(frozen=True)
class Input:
    """A file that the run read; ``size`` in bytes."""

    kind: str
    name: str
    size: int
    sha256: str
    rows: int


@dataclass(frozen=True)
class Step:
    """A step of the run that ended; memory in bytes, None where it was not measured.

    Memory is the most that its process had held by then, and the parser's beside it.
    """

    name: str
    status: str
    started_at: datetime
    finished_at: datetime
    seconds: float
    rows: int | None = None
    peak_memory_bytes: int | None = None

    @property
    def rows_per_minute(self) -> float | None:
        """How fast its rows went; None where it counts none or took no time."""
        if self.rows is None or not self.seconds:
            return None
        return 60 * self.rows / self.seconds


@dataclass(frozen=True)
class TableCount:
    """What became of one table's rows; None for what has not happened or cannot.

    ``published`` counts the rows that this run inserted or updated and nobody rolled
    back, so on a second run of the same input it is 0.
    """

    name: str
    read: int | None = None
    kept: int | None = None
    merged: int | None = None
    skipped: int | None = None
    rejected: int | None = None
    published: int | None = None
    failed: int | None = None

    @property
    def accounted(self) -> int | None:
        """Rows whose fate is known: equal to ``read`` unless a row was lost."""
        fates = (self.kept, self.merged, self.skipped, self.rejected)
        known = [count for count in fates if count is not None]
        return sum(known) if len(known) == len(fates) else None

    @property
    def adds_up(self) -> bool:
        """Whether every row read has one fate; true as long as nothing is decided."""
        return self.accounted is None or self.accounted == self.read


@dataclass(frozen=True)
class Reason:
    """Why ``rows`` rows of a table were skipped."""

    table: str
    reason: str
    rows: int


@dataclass(frozen=True)
class Rejection:
    """Why ``rows`` rows of the dump could not be read."""

    table: str
    reason: str
    rows: int


@dataclass(frozen=True)
class Failure:
    """Why ``rows`` rows that were ready could not be published."""

    table: str
    reason: str
    rows: int


@dataclass(frozen=True)
class Coercion:
    """How often a rule changed a value that the new column cannot hold."""

    table: str
    column: str
    rule: str
    rows: int


@dataclass(frozen=True)
class Audit:
    """The latest outcome, other than a pass, of a dbt node or of an expectation."""

    name: str
    kind: str
    status: str
    severity: str | None
    failures: int | None
    message: str | None


@dataclass(frozen=True)
class Checkpoint:
    """The newest run of a Great Expectations checkpoint, ``landing`` or ``live``."""

    name: str
    passed: bool
    expectations: int
    problems: tuple[Audit, ...]


@dataclass(frozen=True)
class Validation:
    """The latest comparison of the live tables with the source.

    ``expected`` counts by live table the rows that must be there, ``findings`` the
    rows that are not as they must be, by kind; ``errors`` says it in sentences.
    ``notes`` say what has changed about the live tables since and is no fault.
    """

    validated_at: datetime
    is_valid: bool
    errors: tuple[str, ...]
    expected: Mapping[str, int]
    findings: Mapping[str, Mapping[str, int]]
    notes: tuple[str, ...] = ()

    def found(self, kind: str) -> int:
        """Count the rows of all live tables that were found to be so."""
        return sum(counts.get(kind, 0) for counts in self.findings.values())


@dataclass(frozen=True)
class Earlier:
    """How many live rows an earlier run has published and nobody rolled back."""

    run_id: str
    rows: int


@dataclass(frozen=True)
class Summary:
    """Everything that is known of a run.

    ``has_marts`` says whether dbt's tables hold this run; when another run was loaded
    since, the fates come from what this run's own ``summary.json`` kept of them.
    ``unlinked_chats`` are those skipped for their booking that name none at all;
    ``removed_rows`` were published before, deleted by somebody, and left so;
    ``image_messages`` are those of the messages that are kept; ``earlier`` has the
    live rows of the pipeline that are not this run's.
    """

    #: The tables whose rows are read, those that conversations and messages are
    #: counted by, where the coercions are listed, and what a run adds to the schema.
    SOURCES: ClassVar[tuple[str, ...]] = ("chat", "message")
    CARRIED: ClassVar[tuple[str, str]] = ("chat", "message")
    COERCIONS: ClassVar[str] = "marts.coercions"
    ADDED: ClassVar[str] = "keys and indexes"

    run: Run
    inputs: tuple[Input, ...]
    steps: tuple[Step, ...]
    tables: tuple[TableCount, ...]
    reasons: tuple[Reason, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    failures: tuple[Failure, ...] = ()
    coercions: tuple[Coercion, ...] = ()
    audits: Mapping[str, int] | None = None
    problems: tuple[Audit, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    validation: Validation | None = None
    removed_rows: int = 0
    unlinked_chats: int = 0
    migrated_bookings: int | None = None
    image_messages: int | None = None
    has_marts: bool = False
    safety: Safety = field(default_factory=Safety)
    linkage: Comparison | None = None
    earlier: tuple[Earlier, ...] = ()

    def table(self, name: str) -> TableCount:
        """The counts of a table of the dump; all None when it was not read."""
        found = (table for table in self.tables if table.name == name)
        return next(found, TableCount(name))

    def step(self, name: str) -> Step | None:
        """The newest step of this name, if it happened."""
        found = (step for step in reversed(self.steps) if step.name == name)
        return next(found, None)

    def is_after(self, step: Step, other: Step) -> bool:
        """Whether a step came after another; the ledger's order says so, no clock."""
        places = {id(each): place for place, each in enumerate(self.steps)}
        return places[id(step)] > places[id(other)]

    def done(self, name: str) -> Step | None:
        """The newest step of this name, if it happened and passed."""
        step = self.step(name)
        return step if step and step.status == "done" else None

    @property
    def seconds(self) -> float:
        """How long the run's steps took together, in seconds."""
        return sum(step.seconds for step in self.steps)

    def reasons_of(self, table: str) -> tuple[Reason, ...]:
        """Why rows of a table were skipped, most frequent first."""
        return tuple(reason for reason in self.reasons if reason.table == table)


def plural(name: str, count: int | None = None) -> str:
    """Name a table's rows, after their count if there is one: ``1 chat``, ``chats``."""
    one = name.removesuffix("s")
    word = one if count == 1 else _PLURALS.get(name, f"{one}s")
    return word if count is None else f"{count:,} {word}"


def headline(summary: Summary) -> str:
    """Say in one sentence what happened to the run's chats and messages."""
    chats, messages = summary.table("chat"), summary.table("message")
    if chats.kept is None or messages.kept is None:
        landed = f"{_of(messages.read, 'message')} and {_of(chats.read, 'chat')}"
        return f"{landed} were read from the dump; nothing is built from them yet."
    kept = (
        f"{messages.kept:,} of {_of(messages.read, 'message')} and "
        f"{chats.kept:,} of {_of(chats.read, 'chat')}"
    )
    status = summary.run.status
    if status == "rolled_back":
        return f"The run was rolled back: {_rolled_back(summary)}"
    if status in ("published", "validated", "invalid"):
        return _published(summary) + verdict_sentence(summary)
    return f"{kept} are ready to publish; the live tables are untouched."


def linkage_sentence(summary: Summary) -> str | None:
    """Say what other linkages would carry; None when nothing is left, or not known."""
    return others_sentence(summary.linkage) if summary.linkage else None


def reasons_sentence(summary: Summary) -> str | None:
    """Say in one sentence why nothing, or less than half, was carried or published.

    None when there is nothing to explain: most rows were kept and written, or nothing
    has been built yet.
    """
    for name in ("chat", "message"):
        table = summary.table(name)
        if table.kept is None or table.read is None or table.merged is None:
            return None
        if table.read == 0 and name == "chat":
            return "Nothing was carried: the dump holds no chats."
        if table.read and (table.kept + table.merged) / table.read < _LITTLE:
            return _why_so_little(summary, table)
    return _why_none_published(summary)


def _why_so_little(summary: Summary, table: TableCount) -> str:
    """Name the most frequent fate of the rows that were not kept."""
    kept, read = table.kept or 0, table.read or 0
    whose = plural(table.name)
    nothing = not (summary.table("chat").kept or summary.table("message").kept)
    opening = (
        "Nothing was carried"
        if nothing
        else f"{'Only ' if kept else ''}{kept:,} of {read:,} {whose} "
        f"{'was' if kept == 1 else 'were'} carried"
    )
    reasons = summary.reasons_of(table.name)
    if not reasons:
        lost = plural(table.name, table.rejected or 0)
        return f"{opening}: {lost} were rejected while loading."
    top = reasons[0]
    who = f"all {read:,} {whose}" if top.rows == read else plural(table.name, top.rows)
    verb = "was" if top.rows == 1 else "were"
    return f"{opening}: {who} {verb} skipped, '{top.reason}'{_explain(summary, top)}."


def _explain(summary: Summary, reason: Reason) -> str:
    """Say what the skip for a missing booking rests on, in figures."""
    if reason.reason != BOOKING_NOT_MIGRATED or summary.migrated_bookings is None:
        return ""
    migrated = f"the {summary.migrated_bookings:,} migrated bookings"
    unlinked = summary.unlinked_chats
    if not unlinked:
        return f" (their booking_id is not among {migrated})"
    if unlinked == reason.rows:
        return f" (their booking_id is null, so not among {migrated})"
    return (
        f" (their booking_id is null, in {unlinked:,}, or not among {migrated},"
        f" in {reason.rows - unlinked:,})"
    )


def _why_none_published(summary: Summary) -> str | None:
    """Explain a publish that found its rows there already."""
    tables = [summary.table(name) for name in ("chat", "message")]
    if summary.run.status == "rolled_back" or not summary.done("publish"):
        return None
    if any(table.published or table.failed for table in tables):
        return None
    if summary.removed_rows:
        left = f"{summary.removed_rows:,} that somebody deleted since stay deleted"
        return f"Nothing was published: all rows were before, and {left}."
    chats, messages = tables
    return (
        f"Nothing was published: all {_of(chats.kept, 'chat')} and "
        f"{_of(messages.kept, 'message')} stand in the live tables already."
    )


def _published(summary: Summary) -> str:
    chats, messages = summary.table("chat"), summary.table("message")
    if not (messages.kept or chats.kept):
        read = f"{_of(messages.read, 'message')} and {_of(chats.read, 'chat')}"
        return f"None of {read} could be published"
    return (
        f"{messages.published or 0:,} of {_of(messages.read, 'message')} and "
        f"{chats.published or 0:,} of {_of(chats.read, 'chat')} were published"
        + delta_sentence(summary.safety)
    )


def delta_sentence(known: Safety) -> str:
    """Say what of it were updates, and how much of earlier runs was left alone."""
    said = []
    updated = known.delta("update")
    if updated:
        said.append(f"{plural('row', updated)} by an update")
    if known.left:
        said.append(f"{plural('row', known.left)} of earlier runs left as they are")
    return f" ({', '.join(said)})" if said else ""


def verdict_sentence(summary: Summary) -> str:
    """Say at a sentence's end what the validation found of this run's rows."""
    found = summary.validation
    if found is None:
        return "; the live tables are not validated yet."
    if not found.is_valid:
        return "; validation found live rows that are not as they should be."
    expected = sum(found.expected.values())
    if not expected:
        return "; no row of this source has to be live."
    excepted = exceptions(summary)
    others = f", but for {', '.join(excepted)}" if excepted else ""
    return f"; every row of this source is live as the source has it{others}."


def exceptions(summary: Summary) -> tuple[str, ...]:
    """Count the rows that are not as the source has them, and may be so, by kind."""
    found = summary.validation
    failed = sum(row.rows for row in summary.failures)
    return tuple(
        f"{count:,} {what}"
        for count, what in (
            (failed, "that failed to publish"),
            (found.found("left") if found else 0, "left as users had them"),
            (found.found("changed") if found else 0, "changed by users since"),
        )
        if count
    )


def earlier_sentence(summary: Summary) -> str | None:
    """Name the live rows of earlier runs; None when there are none."""
    if not summary.earlier:
        return None
    rows = plural("row", sum(each.rows for each in summary.earlier))
    runs = ", ".join(f"{each.run_id}: {each.rows:,}" for each in summary.earlier)
    gone = summary.safety.delta("gone")
    absent = f" {gone:,} of them are not of this run's source." if gone else ""
    return f"{rows} that earlier runs published are live as well ({runs}).{absent}"


def changed_sentence(summary: Summary) -> str:
    """Say what the run has changed in the live tables by now."""
    newest = [
        step.name
        for step in summary.steps
        if step.status == "done" and step.name in ("publish", "rollback", "restore")
    ]
    if not newest:
        return "The run has changed no live table."
    return f"The {newest[-1]} is done and committed."


def _rolled_back(summary: Summary) -> str:
    left = sum(table.published or 0 for table in summary.tables)
    if left:
        were = "was" if left == 1 else "were"
        return f"{left:,} of its rows, changed since, {were} left in the live tables."
    return "none of its rows is left in the live tables."


def _of(count: int | None, name: str) -> str:
    return plural(name, count or 0)
