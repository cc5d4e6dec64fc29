"""What a dump's comment lines tell: who wrote it, and whether to its end.

Owns the headers and trailers of the known producers. Pure: no I/O.
"""

from __future__ import annotations

import re

from harness.load.errors import Place, Unreadable
from harness.load.foreign import MYSQL_ONLY

#: Producers that sign the end of their dumps when they sign its beginning.
_SIGNED = re.compile(
    rb"-- ((?:MySQL|MariaDB) dump .*|Dump created by MySQL pump utility.*)"
)
#: A whole trailer needs no line end: what it signs stands before it. A trailer cut
#: short is none, so that what is behind it is known to be missing.
_TRAILER = re.compile(
    rb"-- Dump (?:completed(?: on \d{4}-\d\d-\d\d +\d+:\d\d:\d\d)?"
    rb"|completed on \d{4}-\d\d-\d\d(?=\s*\n)"
    rb"|end time: (?:.+(?=\n)|.+ \d+:\d\d:\d\d \d{4}))"
    rb"[\s\x1a]*"
)
_UNSIGNED = re.compile(rb"-- ((?:phpMyAdmin|Adminer|HeidiSQL|Sequel \S+|TablePlus).*)")
_SERVER = re.compile(rb"-- Server version:?\s+(\S+)")
_NOT_MYSQL = re.compile(rb"-- (PostgreSQL|SQLite|Oracle|SQL Server)\b.*", re.IGNORECASE)
#: Longer than any trailer with what may be behind it, in bytes.
TAIL_BYTES = 256
_HEAD_BYTES = 1 << 12


def has_header(head: bytes) -> bool:
    """Whether a dump begins here that signs its end."""
    lines = head[:_HEAD_BYTES].splitlines()
    return any(map(_SIGNED.match, lines))


def has_trailer(tail: bytes) -> bool:
    """Whether a dump's bytes end with the line that signs its end.

    Other lines without a statement may follow, as a client writes them.
    """
    return any(map(_TRAILER.fullmatch, tail.splitlines(keepends=True)))


class Producer:
    """Notes the comment lines of a dump as they come."""

    def __init__(self) -> None:
        self.name: str | None = None
        self.has_trailer = False
        #: Where the header stands whose trailer has not come yet.
        self.unfinished: Place | None = None

    def note(self, line: bytes, at: int, place: Place) -> None:
        """Take note of one comment line, its line end included.

        Raises ``Unreadable`` when it heads another database's dump, or when a dump
        begins before the one before it ended.
        """
        if header := _SIGNED.match(line):
            if self.unfinished:
                raise Unreadable("a second dump, begun before the first ended,", at)
            self.name = self.name or _text(header[1])
            self.unfinished = place
        elif _TRAILER.fullmatch(line):
            self.has_trailer = True
            self.unfinished = None
        elif header := _UNSIGNED.match(line):
            self.name = self.name or _text(header[1])
        elif (
            (server := _SERVER.match(line)) and self.name and "server" not in self.name
        ):
            self.name += f", server {_text(server[1])}"
        elif (other := _NOT_MYSQL.match(line)) and self.name is None:
            raise Unreadable(f"a dump of {_text(other[1])}", at, MYSQL_ONLY)


def _text(found: bytes) -> str:
    return found.decode("utf-8", "backslashreplace").strip()
