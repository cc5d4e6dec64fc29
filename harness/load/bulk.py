r"""Converts ordinary rows in bulk: most of a dump, at the speed of ``bytes`` methods.

Owns the fast way from ``(…),(…)`` to COPY text. What it converts, ``rows`` and
``values`` would convert to the same fields; what it does not recognise it leaves to
them. Pure: no I/O.

It works because every quote that does not delimit a string is doubled or stands behind
a backslash. Once escaped backslashes and escaped quotes are replaced by two bytes that
the text does not hold, a split at the quotes yields in turn what is outside a string
and what is inside one; an empty outside is a doubled quote. The outsides are few and
alike, ``,`` or ``),(`` or ``,1,0,``, so a dictionary turns each into COPY's separators,
and whatever is not made of separators, numbers and NULL is foreign and ends the bulk.
MySQL's remaining escapes mean the same to COPY, but for ``\Z``, which COPY writes
``\x1a``. Nothing but the two bytes is ever put in that the text might hold itself, and
what is put in for an escape is printable, so none can be taken for another.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from harness.load.charsets import (
    Decoder,
    client_decoder,
    is_utf8,
    keeps_ascii_apart,
)
from harness.load.lexer import Mode
from harness.load.schema import Column
from harness.load.values import copy_escape

_STAND_INS = [bytes([code]) for code in (*range(1, 9), *range(14, 32), 127)]
#: Escapes to which COPY gives another meaning than MySQL, or none.
_UNKNOWN_ESCAPE = re.compile(rb"\\[^nrtb\"Z]", re.DOTALL)
#: Ctrl-Z, in MySQL's spelling and in COPY's.
_CTRL_Z, _COPY_CTRL_Z = b"\\Z", b"\\x1a"
#: For escapes, a pattern is several times as fast as ``bytes.replace``.
_ESCAPED_BACKSLASH = re.compile(rb"\\\\")
_ESCAPED_QUOTE = re.compile(rb"\\'")
_VALUE = re.compile(rb"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
_COMMA = re.compile(rb"[ \t\r\n]*,[ \t\r\n]*")
_FIRST_ROW_END = re.compile(rb"(?:\),\()?[-+.\dEeNUL, \t\r\n]*\)")
_UNSKIPPABLE = re.compile(rb"[\"`#;]|--|/\*")
#: Stands before the first row, so that every outside has the form of those after it.
_OPENING = b"),"
_CLOSING = b",("
_REMEMBERED = 20_000
#: What is left of COPY text without these is its shape: a tab or line end per field.
_NO_SEPARATORS = bytes(sorted(set(range(256)) - set(b"\t\n")))


class Converted(NamedTuple):
    """What was converted: COPY text, its rows, the statements begun on the way.

    ``opened`` are the rows' parentheses in the dump, counted apart from the text: the
    rows must be as many. ``end`` is the index in the data behind the last row.
    """

    copy: bytes
    rows: int
    begun: int
    opened: int
    end: int


class Hidden(NamedTuple):
    """Text whose remaining quotes all delimit, and the two bytes that stand in it.

    ``size`` is that of the original, in bytes.
    """

    text: bytes
    size: int
    backslash: bytes
    quote: bytes

    def shown(self, text: bytes) -> bytes:
        """Put back what COPY reads as a backslash and a quote."""
        if self.backslash:
            text = text.replace(self.backslash, b"\\\\").replace(self.quote, b"'")
        return text

    def length(self, end: int) -> int:
        """How many of the original bytes the first ``end`` bytes stand for."""
        if not self.backslash:
            return end
        # The rest is most often the shorter part.
        rest = self.text[end:]
        hidden = rest.count(self.backslash) + rest.count(self.quote)
        return self.size - len(rest) - hidden


class _Foreign(Exception):
    """Something outside strings that is neither separator nor number nor NULL."""


def hide_escapes(text: bytes, mode: Mode) -> Hidden | None:
    """Hide escaped backslashes and quotes; ``None`` when no byte is free for it."""
    if not mode.backslash_escapes or (b"\\\\" not in text and b"\\'" not in text):
        return Hidden(text, len(text), b"", b"")
    free = list(islice((byte for byte in _STAND_INS if byte not in text), 2))
    if len(free) < 2:
        return None
    backslash, quote = free
    hidden = _ESCAPED_QUOTE.sub(quote, _ESCAPED_BACKSLASH.sub(backslash, text))
    return Hidden(hidden, len(text), backslash, quote)


def skip_strings(data: bytes, start: int, mode: Mode) -> int:
    """Up to which index a statement certainly goes on, for rows that nobody wants."""
    hidden = hide_escapes(data[start:], mode)
    if hidden is None or b"\0" in hidden.text:
        return start
    parts = hidden.text.split(b"'")
    # An even number ends in an unfinished string, an odd one in half an outside.
    outside = b"\0".join(parts[0:-1:2])
    special = _UNSKIPPABLE.search(outside)
    if special:
        kept = 2 * outside.count(b"\0", 0, special.start())
        quotes = kept
    else:
        kept = len(parts) - 1
        quotes = kept - (len(parts) + 1) % 2
    length = sum(map(len, parts[:kept])) + quotes
    return start + hidden.length(length)


class _Separators(dict[bytes, bytes]):
    """COPY's separators for each outside that was met, worked out when it is new."""

    def __init__(self, head: bytes | None) -> None:
        super().__init__({b"": b"'"})
        again = rb"|;\s*" + re.escape(head) if head else b""
        self.row_end = re.compile(rb"\)[ \t\r\n]*(?:," + again + rb")[ \t\r\n]*\(")

    def __missing__(self, outside: bytes) -> bytes:
        fields = [_fields(row) for row in self.row_end.split(outside)]
        # Strings stand on both sides, so the text begins and ends with a separator.
        if fields[0][0] or fields[-1][-1] or [b""] in fields[1:-1]:
            raise _Foreign
        if len(fields) == len(fields[0]) == 1:
            raise _Foreign
        copy = b"\n".join(b"\t".join(row) for row in fields)
        self[outside] = copy
        return copy


def _fields(values: bytes) -> list[bytes]:
    """Split the numbers and NULLs of one row; only the outermost may be empty."""
    fields = _COMMA.split(values.strip(b" \t\r\n"))
    for index, field in enumerate(fields):
        if field == b"NULL":
            fields[index] = b"\\N"
        elif field and not _VALUE.fullmatch(field):
            raise _Foreign
    if b"" in fields[1:-1]:
        raise _Foreign
    return fields


class BulkConverter:
    """Converts the ordinary rows of one INSERT's columns.

    ``head`` is the statement up to its first row: statements that begin with the same
    bytes are converted together with it; ``None`` when none may be.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        client_charset: str,
        mode: Mode,
        head: bytes | None,
    ) -> None:
        self._tabs = len(columns) - 1
        self._mode = mode
        self._separators = _Separators(head)
        self._head = head
        charset = _one_charset(columns, client_charset)
        is_plain = charset is not None and keeps_ascii_apart(charset)
        self._decode: Decoder | None = (
            client_decoder(charset or "") if is_plain else None
        )
        self._is_utf8 = bool(charset) and is_utf8(charset or "")

    @property
    def is_able(self) -> bool:
        """Whether these columns hold text and numbers only, in one character set."""
        return self._decode is not None

    def convert(self, data: bytes, start: int) -> Converted:
        """Convert as many rows as possible from the parenthesis at ``start`` on.

        No rows mean that the first one is not whole or not ordinary.
        """
        nothing = Converted(b"", 0, 0, 0, start)
        hidden = hide_escapes(data[start:], self._mode)
        if hidden is None or b"\0" in hidden.text:
            return nothing
        if self._mode.backslash_escapes and _UNKNOWN_ESCAPE.search(hidden.text):
            return nothing
        if len(self._separators) > _REMEMBERED:
            self._separators.clear()
            self._separators[b""] = b"'"
        try:
            return (
                self._convert_to_last_row(hidden, start)
                or self._convert_ordinary(hidden, start)
                or nothing
            )
        except UnicodeDecodeError:
            return nothing

    def _convert_to_last_row(self, hidden: Hidden, start: int) -> Converted | None:
        """Convert all rows up to the last that is whole, if every one is ordinary."""
        text = hidden.text
        length = text.rfind(b"),") + 1
        length = max(length, text.rfind(b");", length) + 1)
        parts = (_OPENING + text[:length] + _CLOSING).split(b"'")
        # An even number: what looked like a row's end stands inside a string.
        if length == 0 or len(parts) % 2 == 0:
            return None
        return self._converted(parts, hidden, length, start)

    def _convert_ordinary(self, hidden: Hidden, start: int) -> Converted | None:
        """Convert the rows before the first that is not ordinary."""
        parts = (_OPENING + hidden.text).split(b"'")
        if not self._cut(parts):
            return None
        length = sum(map(len, parts)) + len(parts) - 1 - len(_OPENING)
        parts[-1] += _CLOSING
        return self._converted(parts, hidden, length, start)

    def _converted(
        self, parts: list[bytes], hidden: Hidden, length: int, start: int
    ) -> Converted | None:
        """Convert whole rows, ``length`` bytes of the text; ``None``: not ordinary."""
        outsides = parts[0::2]
        try:
            copy = self._joined(parts, outsides, hidden)
        except _Foreign:
            return None
        shape = copy.translate(None, _NO_SEPARATORS)
        row = b"\t" * self._tabs + b"\n"
        rows = len(shape) // len(row)
        if shape != b"\n" + row * rows:
            return None
        outside = b"".join(outsides)
        begun = opened_in_heads = 0
        if self._head:
            begun = outside.count(self._head)
            opened_in_heads = begun * self._head.count(b"(")
        # One more opens in the artificial closing.
        opened = outside.count(b"(") - opened_in_heads - 1
        end = start + hidden.length(length)
        return Converted(copy[1:], rows, begun, opened, end)

    def _cut(self, parts: list[bytes]) -> bool:
        """Leave whole rows only in ``parts``; ``False`` when there is not one."""
        # The last outside is cut short or stands before a string that is.
        last = (len(parts) - 1) // 2 * 2
        known = self._first_foreign(parts, last)
        for index in range(known, -1, -2):
            outside = parts[index]
            if index < known:
                end = outside.rfind(b")") + 1
            elif ends := [match.start() for match in self._row_ends(outside, index)]:
                end = ends[-1 if index == last else 0] + 1
            else:
                match = _FIRST_ROW_END.match(outside)
                end = match.end() if match else 0
            if end > (1 if index == 0 else 0):
                parts[index:] = [outside[:end]]
                return True
        return False

    def _row_ends(self, outside: bytes, index: int) -> list[re.Match[bytes]]:
        """Where rows end in an outside; the artificial first end is none."""
        at = 1 if index == 0 else 0
        return list(self._separators.row_end.finditer(outside, at))

    def _first_foreign(self, parts: list[bytes], last: int) -> int:
        """The index of the first foreign outside before ``last``, or ``last``."""
        separators = self._separators
        try:
            for outside in set(parts[0:last:2]):
                separators[outside]
        except _Foreign:
            for index in range(0, last, 2):
                try:
                    separators[parts[index]]
                except _Foreign:
                    return index
        return last

    def _joined(
        self, parts: list[bytes], outsides: list[bytes], hidden: Hidden
    ) -> bytes:
        """The COPY text of whole rows, in UTF-8, with a line end before the first."""
        separators = list(map(self._separators.__getitem__, outsides))
        if not self._mode.backslash_escapes and b"\\" in hidden.text:
            parts[1::2] = map(copy_escape, parts[1::2])
        elif _has_controls(hidden.text) and _has_controls(b"".join(parts[1::2])):
            parts[1::2] = map(_escape_controls, parts[1::2])
        parts[0::2] = separators
        copy = b"".join(parts)
        if self._mode.backslash_escapes:
            # While escaped backslashes are hidden, no other \Z is there.
            copy = copy.replace(_CTRL_Z, _COPY_CTRL_Z)
        copy = hidden.shown(copy)
        if copy.isascii() or self._decode is None:
            return copy
        text = self._decode(copy)
        return copy if self._is_utf8 else text.encode()


def _has_controls(text: bytes) -> bool:
    return b"\t" in text or b"\n" in text or b"\r" in text


def _escape_controls(text: bytes) -> bytes:
    """Escape raw white space where backslashes are escapes already."""
    return text.replace(b"\t", b"\\t").replace(b"\n", b"\\n").replace(b"\r", b"\\r")


def _one_charset(columns: Sequence[Column], client_charset: str) -> str | None:
    """The one character set of all text, or ``None`` when only ``rows`` can tell."""
    if any(column.family in ("bit", "binary") for column in columns):
        return None
    if client_charset != "binary":
        return client_charset
    charsets = {column.charset for column in columns if column.family == "text"}
    return charsets.pop() if len(charsets) == 1 else None
