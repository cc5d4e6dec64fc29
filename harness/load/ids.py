"""The forms in which a dump writes its ids, and the order of 16 bytes that are one.

Owns which columns are ids, the forms of a UUID, and the choice between the two orders
that MySQL's ``UUID_TO_BIN`` stores: as written, and with the time parts swapped. Pure:
no I/O.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness import settings
from harness.load.values import NULL_FIELD

#: The columns that hold ids, by table.
ID_COLUMNS: dict[str, tuple[str, ...]] = {
    table: tuple(name for name in columns if name == "id" or name.endswith("_id"))
    for table, columns in settings.REQUIRED_COLUMNS.items()
}
#: Columns without which no row of their table can be carried.
NEEDED: frozenset[tuple[str, str]] = frozenset(
    [("chat", "id"), ("message", "id"), ("message", "chat_id"), ("booking", "id")]
)

USUAL = "UUID"
UNUSUAL = "UUID without dashes, in braces or as a URN"
BYTES = "UUID in 16 bytes"
SWAPPED = "UUID in 16 bytes, time parts swapped"
SPELLED = "UUID spelled in bytes"

_UNUSUAL = rb"(?:[0-9a-f]{4}-?){7}[0-9a-f]{4}"
_USUAL = re.compile(rb"^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.I | re.M)
_TEXT = re.compile(rb"(?:urn:uuid:)?%b|\{%b\}" % (_UNUSUAL, _UNUSUAL), re.I)
_HEX = re.compile(rb"\\x((?:[0-9a-f]{2})+)")
_VERSIONS = frozenset("12345678")

#: How often each pair of digits occurs: the version as written, and if it was swapped.
Versions = Mapping[tuple[str, str], int]


def is_swapped(versions: Versions) -> bool | None:
    """Whether UUIDs of 16 bytes have their time parts swapped; ``None`` if it is open.

    RFC 9562 has versions 1 to 8, whose digit is the 13th; ``UUID_TO_BIN(id, 1)`` moves
    it to the front. An order fits when at least 99 % of the ids have a version in it.
    When both fit, that of one version counts against one of three and more. Bytes that
    are no UUIDs of the RFC (ULIDs) are as written, unless more would fit when swapped.
    """
    total = sum(versions.values())
    if total == 0:
        return False
    orders = [Counter[str](), Counter[str]()]
    for pair, count in versions.items():
        for order, digit in zip(orders, pair, strict=True):
            order[digit] += count
    plain, swapped = (
        sum(order[digit] for digit in _VERSIONS & order.keys()) for order in orders
    )
    fits = [100 * (total - known) <= total for known in (plain, swapped)]
    if fits[0] != fits[1]:
        return fits[1]
    if not fits[0]:
        return None if swapped > plain else False
    kinds = [len(order) for order in orders]
    if min(kinds) == 1 and max(kinds) >= 3:
        return kinds[1] == 1
    return None


@dataclass
class IdProfile:
    """What an id column holds: its values by form, and the shape of one that is none.

    ``versions`` are the digits that decide the order of 16 bytes.
    """

    forms: Counter[str] = field(default_factory=Counter)
    versions: Counter[tuple[str, str]] = field(default_factory=Counter)
    others: int = 0
    shape: str | None = None

    def add(self, values: tuple[bytes, ...]) -> None:
        """Count the values of some rows, as COPY fields."""
        usual = len(_USUAL.findall(b"\n".join(values)))
        if usual == len(values):
            self.forms[USUAL] += usual
            return
        for value in values:
            if value != NULL_FIELD:
                self._add_one(value.replace(rb"\\", b"\\"))

    @property
    def is_swapped(self) -> bool | None:
        """Whether its 16 bytes are in swapped order; ``None`` if it is open."""
        return is_swapped(self.versions)

    @property
    def named_forms(self) -> list[str]:
        """The forms of its ids, the most frequent first."""
        named = [form for form, _ in self.forms.most_common()]
        if self.is_swapped:
            return [SWAPPED if form == BYTES else form for form in named]
        return named

    @property
    def is_carried(self) -> bool:
        """Whether most of its values can be ids, as the landing is expected to be."""
        return self.others <= sum(self.forms.values())

    def _add_one(self, value: bytes) -> None:
        packed = _HEX.fullmatch(value)
        if packed and len(packed[1]) == 32:
            self.forms[BYTES] += 1
            digits = packed[1].decode()
            if digits != swap(digits):
                self.versions[digits[12], digits[0]] += 1
            return
        text = bytes.fromhex(packed[1].decode()) if packed else value
        if _USUAL.fullmatch(text):
            self.forms[SPELLED if packed else USUAL] += 1
        elif len(value) != 36 and _TEXT.fullmatch(text):
            self.forms[SPELLED if packed else UNUSUAL] += 1
        else:
            self.others += 1
            self.shape = self.shape or _shape(value)


def swap(digits: str) -> str:
    """The hexadecimal digits of 16 bytes in the other order than as written."""
    return digits[8:16] + digits[4:8] + digits[:4] + digits[16:]


def not_carried(table: str, column: str, kind: str | None, found: IdProfile) -> str:
    """Say that a column's values cannot be ids, with no value of a row."""
    rows = found.others + sum(found.forms.values())
    return (
        f"no id can be carried from {table}.{column} ({kind or 'no declared type'}): "
        f"{found.others:,} of {rows:,} values are no UUID; the first looks like "
        f"{found.shape}. Nothing was loaded. Ids are UUIDs, as text or in 16 bytes. "
        "Dump a copy of the table whose id columns hold UUIDs: char(36) or binary(16)"
    )


def undecided(table: str, column: str) -> str:
    """Say that 16 bytes are a UUID in both orders."""
    return (
        f"the ids of {table}.{column} are UUIDs in 16 bytes, and can be read both as "
        "written and with the time parts swapped (UUID_TO_BIN(id, 1))"
    )


def _shape(value: bytes) -> str:
    """How a value looks: 9 for a digit, x for any other character but signs."""
    if _HEX.fullmatch(value):
        return f"{(len(value) - 2) // 2} bytes"
    text = value.decode(errors="replace")
    shape = re.sub(r"[^\W\d_]", "x", re.sub(r"\d", "9", text))
    shape = re.sub(r"[^9x{}:_.-]", "?", shape)
    return repr(shape if len(shape) <= 40 else shape[:40] + "…")
