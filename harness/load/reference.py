"""The second decoder: reads rows once more, plainly and slowly, to prove the first.

Owns a reading of INSERT rows that shares no code with ``bulk``, ``rows``, ``values``
and ``lexer``: one byte decides what comes next, nothing is looked up ahead and nothing
is put in another's place. It is told a statement's columns, character set and quoting,
and where the first row begins; where rows end, what their values are and which of them
cannot be landed it finds itself. Pure: no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from harness.load.charsets import column_decoder
from harness.load.schema import Column

_BLANKS = b" \t\r\n\f\v"
_WORD = re.compile(rb"[A-Za-z0-9_$\x80-\xff]*")
_NUMBER = re.compile(rb"[0-9.eE+-]*")
#: Everything in a string up to a byte that may end it or escape another.
_RUN = {0x27: re.compile(rb"[^'\\]*"), 0x22: re.compile(rb'[^"\\]*')}
#: What an escaped byte means, where it does not mean itself.
_MEANINGS = {
    0x30: b"\x00",
    0x62: b"\x08",
    0x6E: b"\x0a",
    0x72: b"\x0d",
    0x74: b"\x09",
    0x5A: b"\x1a",
    0x25: b"\\%",
    0x5F: b"\\_",
}
_WORDS = {b"TRUE": b"1", b"FALSE": b"0"}
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Unlike(Exception):
    """Text at ``position`` that is no row of literals."""

    def __init__(self, position: int) -> None:
        super().__init__(position)
        self.position = position


class NotLanded(Exception):
    """A row that the landing cannot hold as the dump has it."""


class Value(NamedTuple):
    """A literal: its kind, its bytes and the character set that it names."""

    kind: str
    data: bytes = b""
    charset: str | None = None


_NULL = Value("null")


@dataclass(frozen=True)
class Statement:
    """What is known of a statement before its rows are read.

    ``given`` are the columns whose values its rows list, ``landed`` those of the
    landing table. ``head`` is the statement up to its first row: further statements
    that begin alike may follow.
    """

    table: str
    given: Sequence[Column]
    landed: Sequence[Column]
    charset: str
    backslash_escapes: bool
    ansi_quotes: bool
    head: bytes
    delimiter: bytes


class Row(NamedTuple):
    """One row: where it begins and ends, its texts as they land, and what was coerced.

    ``texts`` are those of the landing table's columns; ``None`` for a row that is to be
    rejected. ``coerced`` counts the texts in which a NUL was replaced.
    """

    start: int
    end: int
    texts: list[str | None] | None
    coerced: int


class Decoder:
    """Reads the rows of one statement, in as many pieces as there are.

    ``open`` counts the versioned comments that are open: their content is read.
    """

    def __init__(self, statement: Statement) -> None:
        self.open = 0
        self._statement = statement
        self._text = b""
        places = {column.name: n for n, column in enumerate(statement.given)}
        #: The landing table's columns, how they are read, and which value is theirs.
        self._landing = [
            (column, column.family, places.get(column.name))
            for column in statement.landed
        ]

    @property
    def table(self) -> str:
        """The table whose rows are read."""
        return self._statement.table

    def rows(self, text: bytes) -> Iterator[Row]:
        """Read the rows of a piece, which begins and ends between two rows.

        Raises ``Unlike`` when it holds something else.
        """
        self._text = text
        delimiter = self._statement.delimiter.lower()
        at = self._blank(0)
        while at < len(text):
            if text[at] == 0x28:
                start = at
                values, at = self._row(at + 1)
                yield self._landed(start, at, values)
            elif text[at] == 0x2C:
                at += 1
            elif text[at : at + len(delimiter)].lower() == delimiter:
                at = self._next_statement(at + len(delimiter))
            else:
                raise Unlike(at)
            at = self._blank(at)

    def _next_statement(self, at: int) -> int:
        at = self._blank(at)
        if at < len(self._text):
            head = self._statement.head
            if self._text[at : at + len(head)] != head:
                raise Unlike(at)
            at += len(head)
        return at

    def _byte(self, at: int) -> int:
        """The byte at ``at``; a row that ends before it is none."""
        if at >= len(self._text):
            raise Unlike(at)
        return self._text[at]

    def _blank(self, at: int) -> int:
        """Skip white space and comments; enter versioned ones and leave them."""
        text = self._text
        while at < len(text):
            byte = text[at]
            if byte in _BLANKS:
                at += 1
                continue
            if byte not in b"/*#-":
                return at
            two = text[at : at + 2]
            if two == b"/*":
                at = self._comment(at)
            elif two == b"*/" and self.open:
                self.open -= 1
                at += 2
            elif byte == 0x23 or (two == b"--" and _parts(text[at + 2 : at + 3])):
                at = text.find(b"\n", at) + 1 or len(text)
            else:
                return at
        return at

    def _comment(self, at: int) -> int:
        text = self._text
        mark = at + 2 + (text[at + 2 : at + 3] == b"M")
        if text[mark : mark + 1] == b"!":
            after = mark + 1
            while after < mark + 7 and text[after : after + 1].isdigit():
                after += 1
            version = text[mark + 1 : after]
            if len(version) < 5:
                after, version = mark + 1, b""
            if version.strip(b"9") or not version:
                self.open += 1
                return after
        end = text.find(b"*/", at + 2)
        if end < 0:
            raise Unlike(at)
        return end + 2

    def _row(self, at: int) -> tuple[list[Value], int]:
        """The values up to the closing parenthesis, and the place behind it."""
        values: list[Value] = []
        at = self._blank(at)
        if self._byte(at) == 0x29:
            return values, at + 1
        while True:
            value, at = self._value(self._blank(at))
            values.append(value)
            at = self._blank(at)
            closing = self._byte(at)
            at += 1
            if closing == 0x29:
                return values, at
            if closing != 0x2C:
                raise Unlike(at - 1)

    def _value(self, at: int) -> tuple[Value, int]:
        first = self._byte(at)
        if first == 0x27 or (first == 0x22 and not self._statement.ansi_quotes):
            data, at = self._string(at)
            return Value("string", data), at
        if first in b"0123456789+-.":
            return self._number(at)
        if first == 0x5C and self._byte(at + 1) == 0x4E:
            return _NULL, at + 2
        return self._named(at)

    def _string(self, at: int) -> tuple[bytes, int]:
        """What is between the quote at ``at`` and the next, and the place behind."""
        text, quote = self._text, self._text[at]
        escapes = self._statement.backslash_escapes
        parts = []
        at += 1
        while True:
            run = _RUN[quote].match(text, at)
            if run:
                parts.append(run[0])
                at = run.end()
            byte = self._byte(at)
            if byte == quote and text[at + 1 : at + 2] == text[at : at + 1]:
                parts.append(text[at : at + 1])
                at += 2
            elif byte == quote:
                return b"".join(parts), at + 1
            elif escapes:
                escaped = self._byte(at + 1)
                parts.append(_MEANINGS.get(escaped) or bytes([escaped]))
                at += 2
            else:
                parts.append(b"\\")
                at += 1

    def _number(self, at: int) -> tuple[Value, int]:
        text = self._text
        prefix = text[at : at + 2]
        if prefix in (b"0x", b"0b"):
            word = _word(text, at + 2)
            kind = "hex" if prefix == b"0x" else "bit"
            return Value(kind, _digits(kind, word)), at + 2 + len(word)
        match = _NUMBER.match(text, at)
        digits = match[0] if match else b""
        return Value("number", digits), at + len(digits)

    def _named(self, at: int) -> tuple[Value, int]:
        """A value that begins with a word: a constant, or what the word says of it."""
        word = _word(self._text, at)
        upper, after = word.upper(), at + len(word)
        if upper == b"NULL":
            return _NULL, after
        if upper in _WORDS:
            return Value("number", _WORDS[upper]), after
        if upper == b"DEFAULT":
            return Value("default"), after
        if word[:1] == b"_":
            value, after = self._value(self._blank(after))
            return value._replace(charset=word[1:].decode().lower()), after
        if upper == b"CONVERT":
            return self._converted(self._blank(after))
        if upper in (b"X", b"B", b"N") and self._byte(after) == 0x27:
            data, after = self._string(after)
            if upper == b"N":
                return Value("string", data, "utf8"), after
            kind = "hex" if upper == b"X" else "bit"
            return Value(kind, _digits(kind, data)), after
        raise Unlike(at)

    def _converted(self, at: int) -> tuple[Value, int]:
        """``(text USING utf8mb4)``: bytes are in that set, a text stays what it is."""
        if self._byte(at) != 0x28:
            raise Unlike(at)
        value, at = self._value(self._blank(at + 1))
        at = self._blank(at)
        using = _word(self._text, at)
        at = self._blank(at + len(using))
        charset = _word(self._text, at)
        at = self._blank(at + len(charset))
        if using.upper() != b"USING" or self._byte(at) != 0x29:
            raise Unlike(at)
        if value.kind == "hex" or value.charset == "binary":
            value = value._replace(charset=charset.decode().lower())
        return value, at + 1

    def _landed(self, start: int, end: int, values: Sequence[Value]) -> Row:
        """The row's texts in the landing table, or that it is rejected."""
        try:
            texts = self._texts(values)
        except NotLanded:
            return Row(start, end, None, 0)
        coerced = 0
        for place, column in enumerate(self._statement.landed):
            text = texts[place]
            if text is not None and "\0" in text:
                if column.name == "id":
                    return Row(start, end, None, 0)
                texts[place] = text.replace("\0", _REPLACEMENT)
                coerced += 1
        return Row(start, end, texts, coerced)

    def _texts(self, values: Sequence[Value]) -> list[str | None]:
        if len(values) != len(self._statement.given):
            raise NotLanded
        texts = []
        charset = self._statement.charset
        for column, family, place in self._landing:
            if place is not None and values[place].kind != "default":
                text = _text(column, family, values[place], charset)
            elif column.default is not None:
                text = _text(column, family, _default(column), "utf8mb4")
            elif place is None or column.can_be_omitted:
                text = None
            else:
                raise NotLanded
            texts.append(text)
        return texts


def _parts(byte: bytes) -> bool:
    """Whether two dashes before this byte, or before the end, open a comment."""
    return byte <= b" " or byte == b"\x7f"


def _word(text: bytes, at: int) -> bytes:
    match = _WORD.match(text, at)
    return match[0] if match else b""


def _digits(kind: str, digits: bytes) -> bytes:
    """The bytes that hexadecimal or binary digits stand for."""
    bits = len(digits) * (4 if kind == "hex" else 1)
    number = int(digits or b"0", 16 if kind == "hex" else 2)
    return number.to_bytes((bits + 7) // 8, "big")


def _default(column: Column) -> Value:
    kind, text = column.default or ("null", "")
    if kind == "bit":
        return Value("bit", _digits("bit", text.encode()))
    return Value(kind, text.encode())


def _text(column: Column, family: str, value: Value, charset: str) -> str | None:
    """How a value lands: see the rules in ``values``."""
    if value.kind == "null":
        return None
    if family == "binary":
        return "\\x" + value.data.hex()
    if value.kind == "number":
        return value.data.decode("ascii")
    is_digits = value.kind in ("hex", "bit")
    is_untyped_bit = value.kind == "bit" and column.mysql_type is None
    if family == "bit" or is_untyped_bit or (is_digits and family == "numeric"):
        number = int.from_bytes(value.data, "big")
        if family == "bit" and number >= 1 << column.bits:
            raise NotLanded
        return str(number)
    name = value.charset or ("binary" if is_digits else charset)
    decode = column_decoder(column.charset if name == "binary" else name)
    if decode is None:
        raise NotLanded
    try:
        return decode(value.data)
    except UnicodeDecodeError:
        raise NotLanded from None
