"""What the reader tells of a dump: tables, COPY blocks, single rows, a summary.

Owns these types and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.load.schema import Table


@dataclass(frozen=True)
class TableFound:
    """A wanted table is in the dump; comes before its first block, or at the end."""

    table: Table


@dataclass(frozen=True)
class CopyBlock:
    """Whole rows of one table in PostgreSQL's COPY text format, UTF-8.

    ``columns`` are those that the rows give, in their order; the table's others are
    NULL.
    """

    table: str
    columns: tuple[str, ...]
    data: bytes
    rows: int


@dataclass(frozen=True)
class RejectedRow:
    """A row that cannot be landed unaltered, where it begins, and why.

    ``line`` counts from 1, ``byte_offset`` from 0 in the decompressed stream of
    ``file``, which is empty when the reader reads no file.
    """

    table: str
    line: int
    byte_offset: int
    reason: str
    excerpt: str
    file: str = ""


@dataclass(frozen=True)
class CoercedValue:
    """A text that lands with U+FFFD in the place of each NUL, which no text can hold.

    ``row`` is the row's number in its landing table; ``position`` that of the first NUL
    among the text's characters, from 1; ``nuls`` how many there are. ``line``,
    ``byte_offset`` and ``file`` are those of the row, as in ``RejectedRow``.
    """

    table: str
    column: str
    row: int
    line: int
    byte_offset: int
    position: int
    nuls: int
    file: str = ""


Event = TableFound | CopyBlock | RejectedRow | CoercedValue


@dataclass
class TableCount:
    """How many INSERT statements and rows a table has; read = loaded + rejected.

    ``values_coerced`` counts the values that landed otherwise than the dump has them.
    """

    statements: int = 0
    rows_loaded: int = 0
    rows_rejected: int = 0
    values_coerced: int = 0

    @property
    def rows_read(self) -> int:
        """Every row that the dump holds for the table."""
        return self.rows_loaded + self.rows_rejected


@dataclass
class DumpSummary:
    """What a whole dump was found to be; complete when every event was taken.

    ``tables`` and ``views`` name everything the dump creates, wanted or not.
    ``time_zone`` and ``charset`` are those under which the wanted rows stand;
    ``charsets`` and ``sql_modes`` name all that stood over rows. ``timestamps`` names
    table and column of each TIMESTAMP that has rows. ``routines`` counts triggers,
    procedures, functions and events by kind.
    """

    producer: str | None = None
    has_trailer: bool = False
    time_zone: str | None = None
    charset: str | None = None
    tables: list[str] = field(default_factory=list)
    views: list[str] = field(default_factory=list)
    charsets: list[str] = field(default_factory=list)
    sql_modes: list[str] = field(default_factory=list)
    timestamps: list[tuple[str, str]] = field(default_factory=list)
    routines: dict[str, int] = field(default_factory=dict)
    counts: dict[str, TableCount] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
