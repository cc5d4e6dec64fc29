"""Has rows read by a second decoder, and seals what must have landed of them.

Owns which rows are read twice, every one or a sample, and their checksums, which know
no order: the sums of both halves of each row's MD5. A count that differs from the first
reading's stops the load here; a value that differs is found where the landing table is
held against the checksums. Pure: no I/O.
"""

from __future__ import annotations

import hashlib
import struct
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from harness.load.errors import DumpError
from harness.load.reference import Decoder, Statement, Unlike

#: A longer text goes into its row's hash by its own, so that the whole stays short.
LONGEST_TEXT = 1 << 20
#: How many bytes of a sample are read: at a table's beginning, where a file, a list of
#: columns or a character set is new, and of what lies between.
_FIRST_BYTES, _NEW_BYTES, _SPREAD_BYTES = 1 << 14, 1 << 11, 1 << 13
#: How far apart the samples of one table are, in bytes.
_SPREAD = 1 << 22
#: Longer pieces are in no sample, and so much of the tables' ends is held at most.
_LONGEST_PIECE, _HELD_BYTES = 1 << 22, 1 << 23
#: The rows of one checksum, or this share of the table so far when that is more.
_ROWS_EACH, _SHARE = 100, 1_000
_HALVES = struct.Struct(">qq")


class NotVerified(DumpError):
    """What was landed, or is to be, is not what the second decoder reads."""


class Checksum(NamedTuple):
    """Rows of a landing table, by their number, and the sums of their hashes.

    ``line`` and ``byte_offset`` are where the first of them begins in ``file``.
    """

    table: str
    first_row: int
    rows: int
    high: int
    low: int
    file: str
    line: int
    byte_offset: int

    @property
    def last_row(self) -> int:
        """The number of the last row."""
        return self.first_row + self.rows - 1


class Piece(NamedTuple):
    """What the reader has read in one step: a row or many, and what follows them.

    It is ``data`` from ``start`` to ``end``; ``base`` and ``line`` are the byte offset
    and the line of ``data`` itself. ``first_row`` is the number of the first row that
    landed; ``landed``, ``rejected`` and ``coerced`` are the reader's counts; ``open``
    counts the versioned comments that are open at the beginning.
    """

    data: bytes
    start: int
    end: int
    base: int
    line: int
    file: str
    open: int
    first_row: int
    landed: int
    rejected: int
    coerced: int


class Range(NamedTuple):
    """Rows of one table, by their numbers in the landing."""

    table: str
    first_row: int
    last_row: int


class Witness:
    """Watches the reading of a load and has rows read twice.

    ``every_row`` has all of them read twice, else a sample; ``only`` has these rows
    read alone, each with a checksum of its own, which is how a difference is found.
    """

    def __init__(self, *, every_row: bool = False, only: Range | None = None) -> None:
        self.checksums: list[Checksum] = []
        self._every_row = every_row
        self._only = only
        self._decoder: Decoder | None = None
        self._table = ""
        self._continues = False
        self._contexts: set[tuple[object, ...]] = set()
        self._seen: Counter[str] = Counter()
        self._quota = 0
        self._next_sample: dict[str, int] = {}
        #: The last piece of each table, if it was not read twice, and what was of it.
        self._held: dict[str, tuple[Decoder, Piece, int]] = {}
        self._open: Checksum | None = None
        self._fault: NotVerified | None = None
        #: What the second reading took so far.
        self.seconds = 0.0

    def begin(self, statement: Statement, file: str) -> None:
        """A statement's rows follow."""
        if self._table != statement.table:
            self._quota = 0
        self._decoder, self._table = Decoder(statement), statement.table
        self._continues = False
        context = (
            file,
            statement.table,
            tuple(column.name for column in statement.given),
            statement.charset,
            statement.backslash_escapes,
            statement.ansi_quotes,
        )
        if context not in self._contexts:
            self._contexts.add(context)
            is_first = statement.table not in self._next_sample
            self._next_sample.setdefault(statement.table, _SPREAD)
            self._quota = max(self._quota, _FIRST_BYTES if is_first else _NEW_BYTES)

    def see(self, piece: Piece) -> None:
        """The reader has read this piece of the statement that began last."""
        if self._decoder is None:
            return
        began = time.perf_counter()
        limit = self._limit(piece)
        if not self._continues:
            self._decoder.open = piece.open
        read = self._read(self._decoder, piece, limit) if limit else 0
        self._continues = limit >= piece.end - piece.start
        if not self._continues and self._only is None:
            self._hold(self._decoder, piece, read)
        self.seconds += time.perf_counter() - began

    def end(self) -> None:
        """The statement has ended.

        Raises ``NotVerified`` when a second reading found other rows in it.
        """
        if self._fault:
            raise self._fault

    def finish(self) -> None:
        """Read the ends of the tables, when every file was read to its own.

        Raises ``NotVerified`` as ``end`` does.
        """
        began = time.perf_counter()
        while self._held:
            self._release()
        self._seal()
        self.seconds += time.perf_counter() - began
        self.end()

    def _limit(self, piece: Piece) -> int:
        """How many bytes of the piece are read twice."""
        size = piece.end - piece.start
        if self._only is not None:
            first, last = self._only.first_row, self._only.last_row
            ends_before = piece.first_row + piece.landed <= first
            is_other = self._table != self._only.table or piece.first_row > last
            return 0 if ends_before or is_other else size
        if self._every_row:
            return size
        table = self._table
        self._seen[table] += size
        if self._seen[table] >= self._next_sample[table]:
            self._next_sample[table] = self._seen[table] + _SPREAD
            self._quota = max(self._quota, _SPREAD_BYTES)
        if size > _LONGEST_PIECE:
            return 0
        limit = min(self._quota, size)
        self._quota -= limit
        return limit

    def _hold(self, decoder: Decoder, piece: Piece, read: int) -> None:
        """Keep the piece: it may be its table's last."""
        self._held.pop(self._table, None)
        if len(piece.data) > _LONGEST_PIECE:
            return
        self._held[self._table] = (decoder, piece, read)
        if len(self._held) * len(piece.data) > _HELD_BYTES:
            self._release()

    def _release(self) -> None:
        """Read the end of the table that has waited longest."""
        decoder, piece, read = self._held.pop(next(iter(self._held)))
        decoder.open = piece.open
        self._read(decoder, piece, piece.end - piece.start, read)

    def _read(self, decoder: Decoder, piece: Piece, limit: int, sealed: int = 0) -> int:
        """Read rows that begin before ``limit``; returns how many of them land.

        The first ``sealed`` of them have their checksum already.
        """
        landed = rejected = coerced = 0
        is_whole = True
        try:
            for row in decoder.rows(piece.data[piece.start : piece.end]):
                if row.start >= limit:
                    is_whole = False
                    break
                if row.texts is None:
                    rejected += 1
                    continue
                if landed >= sealed:
                    self._add(decoder.table, piece, landed, row.start, row.texts)
                landed += 1
                coerced += row.coerced
        except Unlike as unlike:
            self._note(_unlike(decoder.table, piece, unlike.position, "no row"))
            return landed
        found = (landed, rejected, coerced)
        expected = (piece.landed, piece.rejected, piece.coerced)
        if is_whole and found != expected:
            said = _counted(*found), _counted(*expected)
            self._note(_unlike(decoder.table, piece, 0, *said))
        return landed

    def _note(self, fault: NotVerified) -> None:
        self._fault = self._fault or fault

    def _add(
        self, table: str, piece: Piece, index: int, at: int, texts: Sequence[str | None]
    ) -> None:
        """Add one row to the checksum that is open, or open another."""
        number = piece.first_row + index
        high, low = _HALVES.unpack(row_hash(texts))
        last = self._open
        if last and (last.table, last.file) == (table, piece.file):
            limit = max(_ROWS_EACH, last.first_row // _SHARE)
            limit = 1 if self._only else limit
            if last.last_row + 1 == number and last.rows < limit:
                self._open = last._replace(
                    rows=last.rows + 1, high=last.high + high, low=last.low + low
                )
                return
        self._seal()
        line, offset = _place(piece, at)
        self._open = Checksum(table, number, 1, high, low, piece.file, line, offset)

    def _seal(self) -> None:
        if self._open:
            self.checksums.append(self._open)
        self._open = None


def checksum_of(
    table: str, rows: Iterable[Sequence[str | None]], file: str
) -> Checksum:
    """The one checksum of a whole table, whose rows are numbered in this order."""
    count, sums = 0, (0, 0)
    for texts in rows:
        high, low = _HALVES.unpack(row_hash(texts))
        count, sums = count + 1, (sums[0] + high, sums[1] + low)
    return Checksum(table, 1, count, *sums, file, 1, 0)


def row_hash(texts: Sequence[str | None]) -> bytes:
    """The MD5 of a row: each text with its length before it, ``N`` for NULL.

    ``harness/sql/landing_checksums.sql`` has the same from the landing table.
    """
    parts = []
    for text in texts:
        if text is None:
            parts.append(b"N")
            continue
        data = text.encode()
        if len(data) > LONGEST_TEXT:
            digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
            parts.append(b"%d#%b" % (len(data), digest.encode()))
        else:
            parts.append(b"%d:%b" % (len(data), data))
    return hashlib.md5(b"".join(parts), usedforsecurity=False).digest()


def _place(piece: Piece, at: int) -> tuple[int, int]:
    index = piece.start + at
    return piece.line + piece.data.count(b"\n", 0, index), piece.base + index


def _counted(landed: int, rejected: int, coerced: int) -> str:
    return f"{landed} rows to land, {rejected} to reject and {coerced} values to coerce"


def _unlike(
    table: str, piece: Piece, at: int, found: str, expected: str = "a row"
) -> NotVerified:
    line, offset = _place(piece, at)
    where = f"{piece.file or 'the dump'}, line {line}, byte {offset}"
    return NotVerified(
        f"the rows of {table} are not certain: from {where} on the loader reads "
        f"{expected}, its second decoder {found}. Nothing was loaded. Please report "
        "this as a bug, with the lines at that place.",
        line=line,
        byte_offset=offset,
    )
