"""Writes JSON documents of any size without holding them in memory.

Owns the streaming writer and the way rows leave the database as JSON text: the server
encodes each row, so that a row passes through here as bytes and is never decoded.
Writes to the stream it is given and to nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, BinaryIO

import psycopg
from psycopg import sql

#: Neither byte can stand in JSON text, where control characters are escaped; so as
#: quote and delimiter of COPY's CSV format they keep it from changing the text.
_COPY_ROWS = sql.SQL(
    "copy (select row_to_json(line) from ({}) as line) to stdout"
    " (format csv, quote e'\\x01', delimiter e'\\x02', encoding 'UTF8')"
)


class JsonObject:
    """One JSON object, written member by member; leaving its context closes it.

    The members come in the order in which they are written. An exception leaves the
    object open, because what is incomplete must not read as complete.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._separator = b"{\n  "

    def __enter__(self) -> JsonObject:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self._stream.write(b"{}\n" if self._separator[:1] == b"{" else b"\n}\n")

    def member(self, name: str, value: object) -> None:
        """Write a member whose value is small enough to hold."""
        text = json.dumps(value, ensure_ascii=False, indent=2)
        self.encoded_member(name, text.replace("\n", "\n  ").encode())

    def encoded_member(self, name: str, value: bytes) -> None:
        """Write a member whose value is JSON text already, in UTF-8."""
        self._begin(name)
        self._stream.write(value)

    def array(self, name: str, rows: Iterable[bytes]) -> int:
        """Write an array of JSON texts, one a line, as they come.

        Returns how many there were.
        """
        self._begin(name)
        count = 0
        for row in rows:
            self._stream.write(b",\n    " if count else b"[\n    ")
            self._stream.write(row)
            count += 1
        self._stream.write(b"\n  ]" if count else b"[]")
        return count

    def _begin(self, name: str) -> None:
        key = json.dumps(name, ensure_ascii=False).encode()
        self._stream.write(self._separator + key + b": ")
        self._separator = b",\n  "


def json_rows(
    connection: psycopg.Connection[Any], query: sql.Composable
) -> Iterator[bytes]:
    """Yield each row of ``query`` as a JSON object in UTF-8, keys as its columns.

    The rows come through ``COPY``, one at a time, in the order of the query.
    """
    with connection.cursor() as cursor, cursor.copy(_COPY_ROWS.format(query)) as copy:
        for row in copy:
            yield bytes(row).rstrip(b"\n")
