"""What each linkage must carry, worked out from a dump's rows by trying everything.

Shares no code with the models or the harness. Times are compared as text, which is
their order in these dumps, and counted in microseconds.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

Row = Sequence[str | None]
_VALUE = re.compile(r"'((?:[^'\\]|\\.)*)'|([^,()']+)", re.DOTALL)
_ROW = re.compile(r"\(((?:'(?:[^'\\]|\\.)*'|[^()'])*)\)", re.DOTALL)


def rows(dump: Path, table: str) -> list[Row]:
    """Read the rows of a table of a sample, whose values hold no parentheses bare."""
    text = dump.read_text(encoding="utf-8", errors="surrogateescape")
    found = re.findall(rf"INSERT INTO `{table}` VALUES\n(.*?);\n", text, re.DOTALL)
    return [
        [None if bare == "NULL" else bare or text for text, bare in _VALUE.findall(row)]
        for statement in found
        for row in _ROW.findall(statement)
    ]


def microseconds(time: str) -> int:
    """The time as whole microseconds since some day."""
    return (datetime.fromisoformat(time) - datetime(1970, 1, 1)) // timedelta(
        microseconds=1
    )


def assign(chats: Sequence[int], bookings: Sequence[int]) -> tuple[int, dict[int, int]]:
    """Find the least total distance of min(n, m) links by trying every choice.

    Returns it with the links, by place in order of time; of several assignments the one
    whose places on the larger side are the smallest, looked at from the first.
    """
    fewer, more = sorted((chats, bookings), key=len)
    if len(chats) == len(bookings):
        fewer, more = chats, bookings
    total, places = min(
        (sum(abs(a - more[b]) for a, b in zip(fewer, places, strict=True)), places)
        for places in itertools.combinations(range(len(more)), len(fewer))
    )
    links = dict(enumerate(places))
    if fewer is not chats:
        links = {chat: booking for booking, chat in links.items()}
    return total, links


def least_total(chats: Sequence[int], bookings: Sequence[int]) -> int:
    """The least total over all assignments, also those that cross."""
    fewer, more = sorted((chats, bookings), key=len)
    return min(
        sum(abs(a - b) for a, b in zip(fewer, chosen, strict=True))
        for chosen in itertools.permutations(more, len(fewer))
    )


@dataclass
class Sample:
    """The rows of a sample, ids in lower case, and what the earlier phases brought."""

    chats: list[Row]
    messages: list[Row]
    bookings: dict[str, Row]
    people: Mapping[str, str]

    @classmethod
    def read(cls, folder: Path) -> Sample:
        """Read a sample's folder."""
        dump = next(folder.glob("*.sql"))
        created = json.loads((folder / "bookings-created.json").read_text())["results"]
        mapping = json.loads((folder / "user-id-mapping.json").read_text())["mapping"]
        migrated = {r["id"].lower() for r in created if r["success"]}
        return cls(
            rows(dump, "chat"),
            rows(dump, "message"),
            {
                str(r[0]).lower(): r
                for r in rows(dump, "booking")
                if str(r[0]).lower() in migrated
            },
            {old.lower(): new.lower() for old, new in mapping.items()},
        )

    def carried(self, strategy: str) -> dict[str, str]:
        """Map each chat that a strategy carries to the chat that it lives on in."""
        active = {low(c[0]): c for c in self.chats if c[6] == "1"}
        keys: dict[str, object] = {}
        late: set[str] = set()
        if strategy == "participants":
            for chat, c in active.items():
                people = (self.people.get(low(c[1])), self.people.get(low(c[2])))
                if all(people):
                    keys[chat] = people
        else:
            keys = {
                i: low(c[3]) for i, c in active.items() if low(c[3]) in self.bookings
            }
        if strategy.startswith("infer"):
            keys.update(self._given({i: c for i, c in active.items() if i not in keys}))
        if strategy == "infer and merge":
            late = set(active) - set(keys)
            keys.update(self._merged(active, keys))
        groups = defaultdict(list)
        for chat, key in keys.items():
            groups[key].append((chat in late, active[chat][7], chat))
        return {chat: min(groups[key])[2] for chat, key in keys.items()}

    def _given(self, needing: Mapping[str, Row]) -> dict[str, str]:
        claimed = {low(c[3]) for c in self.chats if c[3]}
        free = defaultdict(list)
        for booking, b in self.bookings.items():
            if booking not in claimed:
                free[low(b[8]), low(b[9])].append((b[6], booking))
        chats = defaultdict(list)
        for chat, c in needing.items():
            chats[low(c[1]), low(c[2])].append((c[7], chat))
        given = {}
        for pair, of_pair in chats.items():
            left, right = sorted(of_pair), sorted(free[pair])
            times = [
                [microseconds(str(at)) for at, _ in each] for each in (left, right)
            ]
            for chat_place, booking_place in assign(*times)[1].items():
                given[left[chat_place][1]] = right[booking_place][1]
        return given

    def _merged(
        self, active: Mapping[str, Row], keys: Mapping[str, object]
    ) -> dict[str, object]:
        linked = defaultdict(list)
        for chat, booking in keys.items():
            b = self.bookings[str(booking)]
            linked[low(b[8]), low(b[9])].append((str(active[chat][7]), chat))
        found = {}
        for chat, c in active.items():
            others = linked[low(c[1]), low(c[2])]
            if chat not in keys and others:
                at = microseconds(str(c[7]))
                nearest = min(others, key=lambda o: (abs(microseconds(o[0]) - at), *o))
                found[chat] = keys[nearest[1]]
        return found

    def messages_of(self, strategy: str) -> set[str]:
        """The messages that a strategy carries, given that the samples repeat no id."""
        carried = self.carried(strategy)
        chats = {low(c[0]): c for c in self.chats}
        kept = set()
        bookings = self._bookings_of(strategy)
        for m in self.messages:
            chat = low(m[1])
            if chat not in carried or m[3] not in ("buyer", "stylist"):
                continue
            if strategy == "participants":
                people = chats[chat][1:3]
            else:
                people = self.bookings[bookings[chat]][8:10]
            if low(people[m[3] == "stylist"]) in self.people:
                kept.add(low(m[0]))
        return kept

    def _bookings_of(self, strategy: str) -> dict[str, str]:
        """The booking of each carried chat: that of the chat that it lives on in."""
        carried = self.carried(strategy)
        own = {low(c[0]): low(c[3]) for c in self.chats if low(c[3]) in self.bookings}
        needing = {
            low(c[0]): c for c in self.chats if c[6] == "1" and low(c[0]) not in own
        }
        given = {**own, **self._given(needing)}
        if strategy == "participants":
            return {}
        return {chat: given[kept] for chat, kept in carried.items()}


def low(value: str | None) -> str:
    """The value in lower case; empty for null."""
    return (value or "").lower()
