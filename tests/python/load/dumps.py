"""Writes dumps as MySQL does and reads COPY text as PostgreSQL does, for the tests.

Both are written from the two formats' definitions, not from the reader's code.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from unittest import mock

from harness.load.bulk import BulkConverter
from harness.load.events import (
    CoercedValue,
    CopyBlock,
    DumpSummary,
    RejectedRow,
    TableFound,
)
from harness.load.reader import DumpReader
from harness.load.schema import Table
from harness.load.witness import Witness, row_hash

Row = tuple["str | None", ...]

_MYSQL_ESCAPES = {
    "\0": "\\0",
    "\n": "\\n",
    "\r": "\\r",
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    "\x1a": "\\Z",
}
_COPY_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def backslashed(text: str) -> str:
    """Quote as ``mysql_real_escape_string`` does."""
    return "'" + "".join(_MYSQL_ESCAPES.get(char, char) for char in text) + "'"


def doubled(text: str) -> str:
    """Quote as under NO_BACKSLASH_ESCAPES."""
    return "'" + text.replace("'", "''") + "'"


def double_quoted(text: str) -> str:
    """Quote as mydumper does: backslashes, in double quotes."""
    return '"' + "".join(_MYSQL_ESCAPES.get(char, char) for char in text) + '"'


def mixed(text: str) -> str:
    """Backslashes, but quotes doubled, as hand-written dumps have them."""
    escaped = text.replace("\\", "\\\\").replace("'", "''").replace("\0", "\\0")
    return f"'{escaped}'"


def copied(data: bytes) -> list[Row]:
    """Read COPY's text format."""
    lines = data.decode("utf-8").split("\n")
    assert lines.pop() == "", "COPY text ends with a line end"
    return [tuple(map(_copied_field, line.split("\t"))) for line in lines]


def _copied_field(field: str) -> str | None:
    if field == "\\N":
        return None
    read, chars = [], iter(field)
    for char in chars:
        if char != "\\":
            read.append(char)
            continue
        escaped = next(chars)
        if escaped == "x":
            read.append(chr(int(next(chars) + next(chars), 16)))
            continue
        assert escaped not in "01234567.", "COPY gives these a meaning of their own"
        read.append(_COPY_ESCAPES.get(escaped, escaped))
    return "".join(read)


@dataclass
class Read:
    """What a dump was read as."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    columns: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    #: The names of each row's values, in the order of ``rows``.
    given: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    rejected: list[RejectedRow] = field(default_factory=list)
    coerced: list[CoercedValue] = field(default_factory=list)
    summary: DumpSummary = field(default_factory=DumpSummary)

    @property
    def reasons(self) -> list[str]:
        return [row.reason for row in self.rejected]


def pieces(dump: bytes, size: int) -> Iterable[bytes]:
    return (dump[at : at + size] for at in range(0, len(dump), size))


def read(
    dump: bytes | str,
    *,
    tables: set[str] | None = None,
    chunks: Iterable[bytes] | None = None,
) -> Read:
    """Read a dump, all of it in one piece unless ``chunks`` are given."""
    data = dump.encode() if isinstance(dump, str) else dump
    # Every row is read by the second decoder as well.
    witness = Witness(every_row=True)
    chunks = [data] if chunks is None else chunks
    reader = DumpReader(chunks, tables=tables, witness=witness)
    found = Read(summary=reader.summary)
    for event in reader.events():
        if isinstance(event, CopyBlock):
            rows = copied(event.data)
            assert len(rows) == event.rows
            found.rows.setdefault(event.table, []).extend(rows)
            found.columns.setdefault(event.table, []).append(event.columns)
            found.given.setdefault(event.table, []).extend([event.columns] * len(rows))
        elif isinstance(event, RejectedRow):
            found.rejected.append(event)
        elif isinstance(event, CoercedValue):
            found.coerced.append(event)
        elif isinstance(event, TableFound):
            found.tables[event.table.name] = event.table
    for name, count in reader.summary.counts.items():
        assert count.rows_loaded == len(found.rows.get(name, []))
        rejected = [row for row in found.rejected if row.table == name]
        assert count.rows_rejected == len(rejected)
        coerced = [value for value in found.coerced if value.table == name]
        assert count.values_coerced == len(coerced)
    check_checksums(found, witness)
    return found


def check_checksums(found: Read, witness: Witness) -> None:
    """Hold the rows, as PostgreSQL would have them, against the second decoder's."""
    for name, table in found.tables.items():
        columns = [column.name for column in table.columns]
        hashes = []
        given = zip(found.given.get(name, []), found.rows.get(name, []), strict=True)
        for names, row in given:
            values = dict(zip(names, row, strict=True))
            digest = row_hash([values.get(column) for column in columns])
            hashes.append(struct.unpack(">qq", digest))
        sealed = [each for each in witness.checksums if each.table == name]
        assert sum(each.rows for each in sealed) == len(hashes)
        for each in sealed:
            rows = hashes[each.first_row - 1 : each.last_row]
            assert (each.high, each.low) == tuple(map(sum, zip(*rows, strict=True)))


def read_exactly(dump: bytes, *, chunks: Iterable[bytes] | None = None) -> Read:
    """Read a dump without the bulk conversion."""
    with mock.patch.object(BulkConverter, "is_able", False):
        return read(dump, chunks=chunks)


def table(name: str = "t", *columns: str, options: str = "ENGINE=InnoDB") -> str:
    """A CREATE TABLE statement."""
    body = ",\n  ".join(columns or ("`a` text", "`b` text"))
    return f"CREATE TABLE `{name}` (\n  {body}\n) {options};\n"


def signed(statements: str, header: str = "") -> bytes:
    """A dump with the header and the trailer of mysqldump."""
    return (
        "-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n"
        "--\n-- Host: localhost    Database: d\n"
        "/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;\n"
        f"/*!50503 SET NAMES utf8mb4 */;\n{header}{statements}"
        "/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;\n\n"
        "-- Dump completed on 2024-02-03  4:05:06\n"
    ).encode()


def extended(name: str, rows: Iterable[Sequence[str]], between: str = ",") -> str:
    """One INSERT of many rows of literals."""
    values = between.join(f"({','.join(row)})" for row in rows)
    return f"INSERT INTO `{name}` VALUES {values};\n"
