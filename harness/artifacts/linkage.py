"""What each linkage would carry and leave behind, side by side, in figures and words.

Owns the comparison that ``./inv linkage`` prints, ``summary.json`` and the report hold
and the end of a migration quotes. Reads the marts; writes nothing. Ids appear as
digests, texts not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from harness import settings
from harness.artifacts.relations import fetch, stands
from harness.database import Connection
from harness.queries import query

#: In the order in which they are shown.
STRATEGIES = ("strict", "infer", "infer and merge", "participants")
CONFIDENCES = ("high", "medium", "low")

#: Up to this share of links of low confidence, inferred links can be advised.
_FEW_LOW = 0.1
_MICROSECONDS_A_DAY = 86_400_000_000


@dataclass(frozen=True)
class Outcome:
    """What a strategy makes of the chats and the messages of a dump."""

    strategy: str
    is_chosen: bool
    chats_kept: int
    chats_merged: int
    chats_skipped: int
    messages_kept: int
    messages_merged: int
    messages_skipped: int

    @property
    def chats_carried(self) -> int:
        """Chats that live on, in themselves or in another."""
        return self.chats_kept + self.chats_merged

    @property
    def messages_carried(self) -> int:
        """Messages that live on."""
        return self.messages_kept + self.messages_merged


@dataclass(frozen=True)
class LeftBehind:
    """Why rows of a table stay behind under a strategy."""

    strategy: str
    table: str
    reason: str
    rows: int


@dataclass(frozen=True)
class Example:
    """A chat under a strategy; ``chat``, ``kept_chat``, ``booking`` are digests."""

    strategy: str
    chat: str
    fate: str
    kept_chat: str
    booking: str | None
    messages: int
    confidence: str | None
    distance_microseconds: int | None
    reason: str | None

    @property
    def said(self) -> str:
        """What becomes of the chat, in words."""
        told = f"chat {self.chat}, {self.messages:,} messages: {self.fate}"
        if self.fate == "merged":
            told += f" into {self.kept_chat}"
        if self.booking and self.fate != "skipped":
            told += f", booking {self.booking}"
        if self.distance_microseconds is not None:
            days = self.distance_microseconds / _MICROSECONDS_A_DAY
            told += f" {days:.1f} days away, {self.confidence} confidence"
        return told + (f", '{self.reason}'" if self.reason else "")


@dataclass(frozen=True)
class Comparison:
    """All strategies; ``confidence`` counts links by method and level."""

    outcomes: tuple[Outcome, ...]
    reasons: tuple[LeftBehind, ...]
    confidence: Mapping[str, Mapping[str, int]]
    examples: tuple[Example, ...]

    def of(self, strategy: str) -> Outcome:
        """The outcome of a strategy."""
        return next(each for each in self.outcomes if each.strategy == strategy)

    @property
    def chosen(self) -> Outcome:
        """The outcome of the strategy that the marts are built with."""
        return next(each for each in self.outcomes if each.is_chosen)

    def reasons_of(self, strategy: str) -> tuple[LeftBehind, ...]:
        """Why rows stay behind under a strategy, chats first, most frequent first."""
        return tuple(each for each in self.reasons if each.strategy == strategy)

    def examples_of(self, strategy: str) -> tuple[Example, ...]:
        """Chats of a strategy."""
        return tuple(each for each in self.examples if each.strategy == strategy)

    def as_dict(self) -> dict[str, Any]:
        """Everything as JSON has it."""
        return {
            "advice": advice(self),
            "strategies": {
                each.strategy: {
                    **{k: v for k, v in asdict(each).items() if k != "strategy"},
                    "reasons": {
                        table: {
                            left.reason: left.rows
                            for left in self.reasons_of(each.strategy)
                            if left.table == table
                        }
                        for table in ("chat", "message")
                    },
                    "examples": [
                        {k: v for k, v in asdict(one).items() if k != "strategy"}
                        for one in self.examples_of(each.strategy)
                    ],
                }
                for each in self.outcomes
            },
            "confidence": {k: dict(v) for k, v in self.confidence.items()},
        }


def read_comparison(connection: Connection) -> Comparison | None:
    """Read the comparison from the marts; None when they are of an earlier version."""
    marts = ("linkage_strategies", "linkage_reasons", "inferred_links")
    if not stands(connection, settings.marts_schema(), *marts):
        return None
    outcomes = fetch(
        connection,
        "select strategy, is_chosen, chats_kept, chats_merged, chats_skipped,"
        " messages_kept, messages_merged, messages_skipped"
        " from {marts}.linkage_strategies"
        " order by array_position(%(order)s, strategy)",
        order=list(STRATEGIES),
    )
    reasons = fetch(
        connection,
        "select strategy, table_name, reason, sum(row_count)::bigint"
        " from {marts}.linkage_reasons group by 1, 2, 3"
        " order by 2, 4 desc, 3",
    )
    confidence = {
        method: dict.fromkeys(CONFIDENCES, 0) for method in ("nearest", "merged")
    }
    for method, level, rows in fetch(
        connection,
        "select method, confidence, count(*) from {marts}.inferred_links group by 1, 2",
    ):
        confidence[method][level] = rows
    return Comparison(
        tuple(Outcome(*row) for row in outcomes),
        tuple(LeftBehind(*row) for row in reasons),
        confidence,
        _read_examples(connection),
    )


def _read_examples(connection: Connection) -> tuple[Example, ...]:
    schema = settings.transform_schema()
    if not stands(connection, schema, "int_chats_by_linkage", "int_messages_counted"):
        return ()
    rows = connection.execute(query("linkage_examples")).fetchall()
    return tuple(Example(*row) for row in rows)


def others_sentence(found: Comparison) -> str | None:
    """Say what other linkages would carry; None when nothing is left behind."""
    chosen = found.chosen
    if not (chosen.chats_skipped or chosen.messages_skipped):
        return None
    left = _counted(chosen.chats_skipped, chosen.messages_skipped)
    carried = _counted(chosen.chats_carried, chosen.messages_carried)
    others = ", ".join(
        f"{each.strategy} would carry "
        f"{_counted(each.chats_carried, each.messages_carried)}"
        for each in found.outcomes
        if not each.is_chosen
    )
    return (
        f"{left} are left behind by linkage {chosen.strategy}, which carries "
        f"{carried}; {others}. Compare them with: ./inv linkage"
    )


def advice(found: Comparison) -> str:
    """Say in one sentence which linkage suits this dump."""
    strict, people = found.of("strict"), found.of("participants")
    merging = found.of("infer and merge")
    best = max(people.messages_carried, merging.messages_carried)
    if strict.messages_carried >= best and strict.chats_carried >= max(
        people.chats_carried, merging.chats_carried
    ):
        return "Keep strict: no other linkage would carry more."
    nearest = found.confidence["nearest"]
    links = sum(nearest.values())
    low = f"{nearest['low']:,} of its {links:,} links are of low confidence"
    if people.messages_carried > merging.messages_carried or (
        links and nearest["low"] / links > _FEW_LOW
    ):
        return (
            "Take participants if the application can key chats by customer and "
            f"stylist: it carries {people.messages_carried:,} messages; where every "
            "chat must have a booking, take infer with --linkage-merge, which carries "
            f"{merging.messages_carried:,}, but look at marts.inferred_links first: "
            f"{low}."
        )
    return (
        f"Take infer with --linkage-merge: it carries {merging.messages_carried:,} "
        f"messages, strict {strict.messages_carried:,}, and {low}."
    )


def _counted(chats: int, messages: int) -> str:
    return (
        f"{chats:,} {'chat' if chats == 1 else 'chats'} and "
        f"{messages:,} {'message' if messages == 1 else 'messages'}"
    )
