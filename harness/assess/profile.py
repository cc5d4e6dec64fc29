"""What a table's rows are like: NULLs, dates that are none, text encoded twice.

Owns the counts by column, taken from COPY blocks as they stream by, and the rule for
suspecting a text. Keeps counts, never a row. Pure: no I/O.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import methodcaller

from harness.load.charsets import LATIN1
from harness.load.events import CoercedValue, CopyBlock, RejectedRow
from harness.load.ids import ID_COLUMNS, IdProfile
from harness.load.schema import Column, Table
from harness.load.values import NULL_FIELD

_DATES = frozenset({"date", "datetime", "timestamp"})
_NO_DATE = re.compile(rb"^(?:0000-\d\d-\d\d|\d{4}-00-\d\d|\d{4}-\d\d-00)", re.MULTILINE)
_split: Callable[[bytes], list[bytes]] = methodcaller("split", b"\t")


_LATIN1_BYTES = {character: code for code, character in LATIN1.items()}


def is_double_encoded(text: bytes) -> bool:
    """Whether a UTF-8 text looks as if it had been encoded to UTF-8 twice.

    It does when each of its characters is one of MySQL's latin1, and the bytes of these
    are UTF-8 again, of other than ASCII characters: ``é`` that was taken for two latin1
    characters is ``Ã©``. Text that was meant so is very rare; text of which only a part
    was encoded twice is not found when it holds a character beyond latin1.
    """
    try:
        once, _ = codecs.charmap_encode(text.decode(), "strict", _LATIN1_BYTES)
        once.decode()
    except UnicodeError:
        return False
    return not once.isascii()


@dataclass
class ColumnProfile:
    """One column: how many values are NULL, no real date, suspected, or hold a NUL.

    ``ids`` says what the values are where the models take them for ids.
    """

    column: Column
    ids: IdProfile | None = None
    nulls: int = 0
    zero_dates: int = 0
    double_encoded: int = 0
    with_nul: int = 0

    def add(self, values: tuple[bytes, ...]) -> None:
        """Count the values of some rows, as COPY fields."""
        nulls = values.count(NULL_FIELD)
        self.nulls += nulls
        if nulls == len(values):
            return
        if self.ids:
            self.ids.add(values)
        if self._base in _DATES:
            self.zero_dates += len(_NO_DATE.findall(b"\n".join(values)))
        elif self.column.family == "text":
            # The first byte of a character, taken for one of latin1, begins with C3.
            self.double_encoded += sum(
                b"\xc3" in value and is_double_encoded(value) for value in values
            )

    @property
    def has_findings(self) -> bool:
        """Whether there is something to say of it."""
        return bool(
            self.nulls or self.zero_dates or self.double_encoded or self.with_nul
        )

    @property
    def _base(self) -> str:
        return (self.column.mysql_type or "").partition("(")[0]


@dataclass
class Reason:
    """Why rows of a table would be rejected: how many, and where the first stands."""

    table: str
    reason: str
    rows: int
    file: str
    line: int
    byte_offset: int


@dataclass
class TableProfile:
    """One table: its columns, the rows that would land, their bytes as COPY text."""

    table: Table
    rows: int = 0
    bytes: int = 0
    rejected: int = 0
    columns: dict[str, ColumnProfile] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ids = ID_COLUMNS.get(self.table.name, ())
        for column in self.table.columns:
            found = IdProfile() if column.name in ids else None
            self.columns[column.name] = ColumnProfile(column, found)

    def add(self, block: CopyBlock) -> None:
        """Count the rows of one block."""
        self.rows += block.rows
        self.bytes += len(block.data)
        lines = block.data.split(b"\n")
        del lines[block.rows :]
        given = zip(*map(_split, lines), strict=True)
        for name, values in zip(block.columns, given, strict=True):
            self.columns[name].add(values)
        for name in self.columns.keys() - set(block.columns):
            self.columns[name].nulls += block.rows


class Profile:
    """All tables of a load, and the rows that would be rejected, by reason."""

    def __init__(self) -> None:
        self.tables: dict[str, TableProfile] = {}
        self.reasons: dict[tuple[str, str], Reason] = {}

    def found(self, table: Table) -> None:
        """A table is there."""
        self.tables[table.name] = TableProfile(table)

    def reject(self, row: RejectedRow) -> None:
        """A row would be rejected."""
        self.tables[row.table].rejected += 1
        first = Reason(row.table, row.reason, 0, row.file, row.line, row.byte_offset)
        self.reasons.setdefault((row.table, row.reason), first).rows += 1

    def coerce(self, value: CoercedValue) -> None:
        """A value would be landed otherwise than the dump has it."""
        self.tables[value.table].columns[value.column].with_nul += 1
