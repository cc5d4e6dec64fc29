"""Reads several files as one load: each with its own state, all with one catalog.

Owns what the parts share, the tables, and what may not differ among them, the time zone
of TIMESTAMP values. Each part has its own reader: header and trailer, character set and
``sql_mode`` end with it. Opens files; writes nothing. Use it as::

    reader = LoadReader(find_dumps(["a.sql", "b.sql.gz"]), tables={"chat"})
    for event in reader.events(): ...
    reader.outcome
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from harness.load.catalog import Catalog
from harness.load.dumps import Dump, Part, total_bytes
from harness.load.errors import DumpError
from harness.load.events import CopyBlock, DumpSummary, Event, TableCount, TableFound
from harness.load.producer import has_header
from harness.load.reader import DumpReader
from harness.load.source import Progress, open_dump
from harness.load.splits import Ends
from harness.load.witness import Checksum, Witness

_DIGEST_BYTES = 1 << 20


class PartsDiffer(DumpError):
    """Files that can be read one by one and are no whole together."""


def sha256_of(dumps: Sequence[Dump]) -> str:
    """The SHA-256 that an outcome of reading these dumps has, of their files alone."""
    digests = []
    for dump in dumps:
        files = []
        for part in dump.parts:
            with Path(part.path).open("rb") as file:
                digest = _file_digest(file)
            files.append((Path(part.name).name, digest))
        digests.append((Path(dump.name).name, _combined_sha256(files)))
    return _combined_sha256(digests)


def _file_digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while block := file.read(_DIGEST_BYTES):
        digest.update(block)
    return digest.hexdigest()


@dataclass(frozen=True)
class DumpRead:
    """One ``--dump`` that was read: its files' bytes, their SHA-256, its rows.

    A dump of several files has the SHA-256 of what ``sha256sum`` prints for them, in
    the order of reading and by base name.
    """

    name: str
    bytes: int
    sha256: str
    rows: int


@dataclass
class Effort:
    """What a table's rows came to: bytes of COPY text, and seconds spent on them."""

    bytes: int = 0
    seconds: float = 0.0


@dataclass
class Outcome:
    """What a load has read; plain data, complete when every event was taken.

    ``efforts`` are by table; ``checksums`` are those of the rows that were read twice;
    the name, bytes and SHA-256 of several dumps are those of the landing's one row.
    ``parser_peak_memory_bytes`` is the memory of a process that did nothing but read,
    None without one.
    """

    summary: DumpSummary = field(default_factory=DumpSummary)
    dumps: list[DumpRead] = field(default_factory=list)
    efforts: dict[str, Effort] = field(default_factory=dict)
    checksums: list[Checksum] = field(default_factory=list)
    second_reading_seconds: float = 0.0
    parser_peak_memory_bytes: int | None = None

    @property
    def name(self) -> str:
        """What was read, in one name."""
        return ", ".join(dump.name for dump in self.dumps)

    @property
    def bytes(self) -> int:
        """The bytes of all files, compressed where they are."""
        return sum(dump.bytes for dump in self.dumps)

    @property
    def sha256(self) -> str:
        """The SHA-256 of the one dump, or of what ``sha256sum`` prints for several."""
        files = [(Path(dump.name).name, dump.sha256) for dump in self.dumps]
        return _combined_sha256(files)


class LoadReader:
    """Reads dumps once, one file behind the other.

    ``tables`` are the lower-case names that are wanted, ``None`` for every table;
    ``on_progress`` is called with the bytes of the files that were read and their
    total, 0 when it is not known; ``witness`` has rows read twice, a sample of them
    without it.
    """

    def __init__(
        self,
        dumps: Sequence[Dump],
        *,
        tables: Collection[str] | None,
        on_progress: Progress | None = None,
        witness: Witness | None = None,
    ) -> None:
        self._waiting = list(dumps)
        #: Dumps that were read as the rest of the one before them.
        self._continued: list[DumpRead] = []
        self._witness = witness or Witness()
        self._on_progress = on_progress
        self._catalog = Catalog(tables)
        self._catalog.files = frozenset(
            Path(part.path).name for dump in dumps for part in dump.parts
        )
        self._total = total_bytes(dumps)
        self._done = 0
        self._zone: tuple[str, str | None] | None = None
        self.outcome = Outcome(DumpSummary(has_trailer=True))

    def events(self) -> Iterator[Event]:
        """Yield the tables, blocks and rejected rows of every dump.

        Raises ``DumpError`` as ``DumpReader`` does, and ``PartsDiffer``; the outcome
        then tells of what was read before.
        """
        while self._waiting:
            dump = self._waiting.pop(0)
            yield from self._dump(dump)
            self.outcome.dumps += self._continued
            self._continued = []
        self._witness.finish()
        self.outcome.checksums = self._witness.checksums
        self.outcome.second_reading_seconds = self._witness.seconds
        summary = self.outcome.summary
        for table in self._catalog.unfilled():
            summary.counts.setdefault(table.name, TableCount())
            yield TableFound(table)

    def _dump(self, dump: Dump) -> Iterator[Event]:
        """Read the parts of one dump and enter it in the outcome."""
        _check_whole(dump, self._catalog)
        self.outcome.summary.warnings.extend(dump.warnings)
        _warn_of_uncounted(dump, self._catalog, self.outcome.summary)
        first, counted = self._done, DumpSummary()
        files: list[tuple[str, str]] = []
        for part in dump.parts:
            with open_dump(part.path, self._progress(), name=part.name) as source:
                chunks = source.chunks()
                start = next(chunks, b"")
                if not start and source.bytes_read and not part.may_be_empty:
                    raise DumpError(
                        f"{part.name} is compressed and holds nothing. Nothing was "
                        "loaded. The command before the pipe failed: run it without "
                        "the pipe to see why, and make the dump again."
                    )
                whole: Iterator[bytes] = chain([start], chunks)
                if dump.is_one_file:
                    whole = self._with_rest(part, whole)
                if start or not part.may_be_empty:
                    yield from self._part(dump, part, whole, counted)
                self._done += source.bytes_read
                files.append((Path(part.name).name, source.sha256))
        _check_rows(dump, counted, self._catalog)
        _extend(self.outcome.summary.views, dump.views)
        rows = sum(count.rows_read for count in counted.counts.values())
        size = self._done - first - sum(each.bytes for each in self._continued)
        self.outcome.dumps.append(
            DumpRead(dump.name, size, _combined_sha256(files), rows)
        )

    def _with_rest(self, part: Part, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The bytes of a dump, and of the files that go on where it was split.

        A file goes on with the one before it when that one has a header that promises
        a trailer, ends without it, and the file has no header of its own. Places in it
        are counted on from those of the first.
        """
        ends = Ends()
        yield from ends.watch(chunks)
        while ends.are_open and self._waiting and self._waiting[0].is_one_file:
            following = self._waiting[0]
            with open_dump(following.parts[0].path, name=following.name) as source:
                rest = source.chunks()
                start = next(rest, b"")
                if not start or has_header(start):
                    return
                self._waiting.pop(0)
                self.outcome.summary.warnings.append(
                    f"{following.name} was read as the rest of {part.name}, which ends "
                    "without '-- Dump completed'; no part between them may be missing"
                )
                yield from ends.watch(chain([start], rest))
                size, digest = source.bytes_read, source.sha256
            self._done += size
            self._continued.append(DumpRead(following.name, size, digest, 0))

    def _part(
        self, dump: Dump, part: Part, chunks: Iterator[bytes], counted: DumpSummary
    ) -> Iterator[Event]:
        catalog = self._catalog
        catalog.file, catalog.database = part.name, part.database
        reader = DumpReader(
            chunks, name=part.name, catalog=catalog, witness=self._witness
        )
        try:
            yield from self._counted(part, reader.events())
        finally:
            _add(self.outcome.summary, dump, part, reader.summary)
        _add_end(self.outcome.summary, dump, part, reader.summary)
        for table in catalog.filled:
            catalog.origins.setdefault(table, part.name)
        self._check_zone(part, reader.summary)
        _add_counts(counted, reader.summary)

    def _counted(self, part: Part, events: Iterator[Event]) -> Iterator[Event]:
        """Pass events on; note what each table costs, and where a row was rejected."""
        began = time.monotonic()
        for event in events:
            if isinstance(event, TableFound):
                # What came before was no row of this table.
                began = time.monotonic()
            elif isinstance(event, CopyBlock):
                effort = self.outcome.efforts.setdefault(event.table, Effort())
                effort.bytes += len(event.data)
                now = time.monotonic()
                effort.seconds += now - began
                began = now
            else:
                event = replace(event, file=part.name)
            yield event

    def _progress(self) -> Progress | None:
        """Progress over all files, for the one that begins now."""
        report, done, total = self._on_progress, self._done, self._total
        if report is None:
            return None
        return lambda read, _: report(done + read, total)

    def _check_zone(self, part: Part, summary: DumpSummary) -> None:
        """Raise ``PartsDiffer`` when rows of two parts stand under two time zones."""
        if not summary.counts:
            return
        name, zone = self._zone or (part.name, summary.time_zone)
        if zone != summary.time_zone:
            raise PartsDiffer(
                f"the rows of {part.name} stand under the time zone "
                f"{summary.time_zone or 'of the server'}, those of {name} under "
                f"{zone or 'that of the server'}. Nothing was loaded. Make both dumps "
                "with the same --tz-utc."
            )
        self._zone = name, zone


def _add(total: DumpSummary, dump: Dump, part: Part, found: DumpSummary) -> None:
    """Add what one part was found to be; tables and views are those of all so far."""
    producer = dump.producer or found.producer
    if producer and producer not in (total.producer or "").split("; "):
        total.producer = f"{total.producer}; {producer}" if total.producer else producer
    if found.counts:
        total.time_zone, total.charset = found.time_zone, found.charset
    total.tables, total.routines = found.tables, found.routines
    _extend(total.views, found.views)
    _extend(total.charsets, found.charsets)
    _extend(total.sql_modes, found.sql_modes)
    total.timestamps += [t for t in found.timestamps if t not in total.timestamps]
    _add_counts(total, found)
    total.warnings.extend(f"{part.name}, {warning}" for warning in found.warnings)
    total.has_trailer &= dump.is_finished or found.has_trailer


def _add_end(total: DumpSummary, dump: Dump, part: Part, found: DumpSummary) -> None:
    """Warn of a part that was read to its end, which nobody signed."""
    if not (dump.is_finished or found.has_trailer):
        total.warnings.append(
            f"{part.name} does not sign its end, so that a dump cut short between two "
            "statements could not be told from a whole one"
        )


def _add_counts(total: DumpSummary, found: DumpSummary) -> None:
    for name, count in found.counts.items():
        sum_ = total.counts.setdefault(name, TableCount())
        sum_.statements += count.statements
        sum_.rows_loaded += count.rows_loaded
        sum_.rows_rejected += count.rows_rejected
        sum_.values_coerced += count.values_coerced


def _extend(names: list[str], found: Iterable[str]) -> None:
    names.extend(name for name in found if name not in names)


def _check_whole(dump: Dump, catalog: Catalog) -> None:
    """Raise ``PartsDiffer`` when something of a wanted table is missing by its name."""
    for name, problem in dump.problems:
        if catalog.is_wanted(name):
            raise PartsDiffer(problem)
    for name in dump.undeclared:
        if catalog.is_wanted(name) and name not in catalog.tables:
            raise PartsDiffer(
                f"{dump.name} has rows of {name} and no {name}-schema.sql, so that "
                "nothing tells its columns. Nothing was loaded. Copy the directory "
                "again, make the export again without --no-schemas, or give the file "
                "of its CREATE TABLE as a --dump before it."
            )


def _warn_of_uncounted(dump: Dump, catalog: Catalog, total: DumpSummary) -> None:
    total.warnings.extend(
        f"{dump.name} has no rows of {name} and no count of them, so that an empty "
        "table could not be told from files that are missing"
        for name in dump.uncounted
        if catalog.is_wanted(name) and name not in catalog.filled
    )


def _check_rows(dump: Dump, counted: DumpSummary, catalog: Catalog) -> None:
    """Raise ``PartsDiffer`` when a wanted table has fewer rows than its producer wrote.

    More are no loss: some versions count before the export has ended.
    """
    for name, expected in dump.expected_rows.items():
        found = counted.counts.get(name, TableCount()).rows_read
        if catalog.is_wanted(name) and name not in dump.views and found < expected:
            raise PartsDiffer(
                f"{dump.name} has {found:,} rows of {name}, but its metadata tells of "
                f"{expected:,}: a file is missing or cut short. Nothing was loaded. "
                "Copy the directory again, or make the export again."
            )


def _combined_sha256(files: Sequence[tuple[str, str]]) -> str:
    """The SHA-256 of one file, or of what ``sha256sum`` prints for several."""
    if len(files) == 1:
        return files[0][1]
    listed = "".join(f"{digest}  {name}\n" for name, digest in files)
    return hashlib.sha256(listed.encode()).hexdigest()
