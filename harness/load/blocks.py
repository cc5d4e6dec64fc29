"""What the rows of one INSERT become on their way to a COPY block.

Owns a statement's target with the two ways to convert its rows, and the collection of
rows that were read one by one. Pure: no I/O.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from harness.load.bulk import BulkConverter
from harness.load.catalog import Catalog
from harness.load.events import CoercedValue, CopyBlock, RejectedRow, TableCount
from harness.load.lexer import Mode
from harness.load.reference import Statement
from harness.load.schema import Column, Table
from harness.load.values import RowConverter, default_field


@dataclass(frozen=True)
class Insert:
    """One statement's target, and the two ways to convert its rows."""

    table: Table
    columns: tuple[Column, ...]
    mode: Mode
    #: What the second decoder is told.
    statement: Statement
    exact: RowConverter
    bulk: BulkConverter
    #: The columns that the statement leaves out and whose literal default is not NULL.
    omitted: tuple[Column, ...] = ()

    @cached_property
    def defaults(self) -> bytes:
        """What the columns that are left out hold in each row, as COPY text."""
        return b"".join(b"\t" + default_field(column) for column in self.omitted)

    @property
    def is_bulk_able(self) -> bool:
        """Whether ordinary rows may be converted in bulk."""
        return self.bulk.is_able and b"\0" not in self.defaults

    def block(self, lines: bytes, rows: int) -> CopyBlock:
        """Rows that hold the columns left out as well."""
        names = tuple(column.name for column in (*self.columns, *self.omitted))
        return CopyBlock(self.table.name, names, lines, rows)

    def completed(self, data: bytes, rows: int) -> CopyBlock:
        """Rows that lack the defaults of the columns that are left out."""
        if self.omitted:
            # Every line end in COPY text ends a row.
            data = data.replace(b"\n", self.defaults + b"\n")
        return self.block(data, rows)


@dataclass(frozen=True)
class Stretch:
    """Rows that were converted in bulk; ``opened``: how many begin in the dump."""

    copy: CopyBlock
    begun: int
    opened: int


#: What one step finds: a stretch of rows, or one row with its coerced values or none.
Found = RejectedRow | list[CoercedValue] | Stretch


@dataclass
class Span:
    """What became of rows, from ``first_row`` on, since the witness was last told.

    ``open`` counts the versioned comments that were open when they began.
    """

    open: int
    first_row: int
    landed: int = 0
    rejected: int = 0
    coerced: int = 0

    def add(self, found: Found) -> None:
        """One step was read."""
        if isinstance(found, RejectedRow):
            self.rejected += 1
        elif isinstance(found, Stretch):
            self.landed += found.copy.rows
        else:
            self.landed += 1
            self.coerced += len(found)


class Lines:
    """The lines of rows that were read exactly, until they are worth a block."""

    def __init__(self, insert: Insert, catalog: Catalog) -> None:
        self._insert = insert
        self._catalog = catalog
        self._lines: list[bytes] = []
        self.size = 0

    def add(self, line: bytes) -> None:
        """Append one line of COPY text."""
        self._lines.append(line)
        self.size += len(line)

    @property
    def rows(self) -> int:
        """How many rows were collected."""
        return len(self._lines)

    def flush(self, count: TableCount) -> Iterator[CopyBlock]:
        """Yield what was collected, if anything, and count it."""
        if self._lines:
            copy = self._insert.block(b"".join(self._lines), len(self._lines))
            rows = _lines(copy)
            count.rows_loaded += rows
            self._catalog.landed[copy.table] += rows
            yield copy
        self._lines, self.size = [], 0


def _lines(copy: CopyBlock) -> int:
    """The rows of a block by its line ends, which nothing but a row's end has."""
    return copy.data.count(b"\n")
