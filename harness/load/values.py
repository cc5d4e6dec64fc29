r"""How one value of a row becomes one field of PostgreSQL's COPY text format.

Owns the rule for each kind of literal on each family of columns:

- NULL is ``\\N``; numbers and text are kept as written, text decoded to UTF-8.
- ``bit`` columns, and hex and bit literals on numeric ones, become decimal digits.
- Binary columns (blob, binary, geometry …) become ``\\x`` and hexadecimal digits.
- A hex literal or ``_binary`` string on a text column is its bytes in the column's set.
- A text that its character set cannot decode rejects its row.
- A NUL in a text becomes U+FFFD, which is told; in a column ``id`` it rejects its row.

Pure: no I/O. Formats: PostgreSQL's COPY page, "Text Format".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from harness.load.charsets import DEFAULT, Decoder, client_decoder, column_decoder
from harness.load.schema import Column

NULL_FIELD = b"\\N"


class Literal(NamedTuple):
    """One value as the dump writes it.

    ``kind`` is ``null``, ``default``, ``number``, ``string``, ``hex`` or ``bit``;
    ``data`` is what it means: the digits of a number, the bytes of the others.
    ``charset`` is the introducer's, ``_latin1``, without its underscore.
    """

    kind: str
    data: bytes
    charset: str | None = None


class Nul(NamedTuple):
    """A column whose text holds NULs: where the first is, from 1, and how many."""

    column: str
    position: int
    nuls: int


class Rejected(Exception):
    """A value that cannot be landed unaltered; its row is rejected with this reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


_NEEDS_ESCAPE = re.compile(rb"[\\\t\n\r]")
_COPY_ESCAPE = re.compile(rb"\\.")
_REPLACEMENT = "\ufffd".encode()
#: The column that tells a row from all others, which no replacement may alter.
_IDENTIFYING = "id"


def copy_escape(text: bytes) -> bytes:
    """Escape what COPY's text format gives a meaning."""
    if not _NEEDS_ESCAPE.search(text):
        return text
    return (
        text.replace(b"\\", b"\\\\")
        .replace(b"\t", b"\\t")
        .replace(b"\n", b"\\n")
        .replace(b"\r", b"\\r")
    )


class RowConverter:
    """Converts the values of one INSERT's columns under one client character set.

    ``omitted`` are columns that the INSERT leaves out and whose default each row gets.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        client_charset: str,
        omitted: Sequence[Column] = (),
    ) -> None:
        self._client_charset = client_charset
        self._names = [column.name for column in (*columns, *omitted)]
        self._defaults = [default_field(column) for column in omitted]
        self._fields: list[tuple[Column, _Convert]] = [
            (column, FIELDS[column.family]) for column in columns
        ]

    def line(self, values: Sequence[Literal]) -> bytes:
        """One line of COPY text, its line end included, and NULs where the texts do.

        Raises ``Rejected`` when there are too few or too many values or one of them
        cannot be landed.
        """
        if len(values) != len(self._fields):
            raise Rejected(
                f"wrong number of values: expected {len(self._fields)}, "
                f"found {len(values)}"
            )
        fields = []
        for (column, convert), value in zip(self._fields, values, strict=True):
            if value.kind == "null":
                fields.append(NULL_FIELD)
            elif value.kind == "default":
                fields.append(default_field(column))
            else:
                fields.append(convert(column, value, self._client_charset))
        return b"\t".join([*fields, *self._defaults]) + b"\n"

    def without_nuls(self, line: bytes) -> tuple[bytes, list[Nul]]:
        """The line with U+FFFD in the place of each NUL, and the values that had one.

        Raises ``Rejected`` when the row's id is one of them.
        """
        fields = zip(self._names, line.split(b"\t"), strict=True)
        nuls = [_nul(name, field) for name, field in fields if b"\0" in field]
        return line.replace(b"\0", _REPLACEMENT), nuls


def _nul(column: str, field: bytes) -> Nul:
    if column == _IDENTIFYING:
        raise Rejected(f"NUL character in column {column}")
    before = _COPY_ESCAPE.sub(b" ", field[: field.index(b"\0")]).decode()
    return Nul(column, len(before) + 1, field.count(b"\0"))


_Convert = Callable[[Column, Literal, str], bytes]


def default_field(column: Column) -> bytes:
    """What a column holds that is left out, or given the word DEFAULT.

    A literal default lands as it would from the INSERT itself, its NULs not yet
    replaced. Raises ``Rejected`` for
    what only the server can work out.
    """
    if column.default is not None:
        kind, text = column.default
        literal = Literal(kind, text.encode(), DEFAULT if kind == "string" else None)
        if kind == "bit":
            width = (len(text) + 7) // 8
            literal = Literal(kind, int(text or "0", 2).to_bytes(width, "big"))
        return FIELDS[column.family](column, literal, DEFAULT)
    if column.can_be_omitted:
        return NULL_FIELD
    raise Rejected(f"DEFAULT has no certain value in column {column.name}")


def _bit_field(column: Column, value: Literal, client_charset: str) -> bytes:
    if value.kind == "number":
        return value.data
    number = int.from_bytes(value.data, "big")
    if number.bit_length() > column.bits:
        raise Rejected(
            f"value does not fit {column.mysql_type} in column {column.name}"
        )
    return b"%d" % number


def _numeric_field(column: Column, value: Literal, client_charset: str) -> bytes:
    if value.kind in ("hex", "bit"):
        return b"%d" % int.from_bytes(value.data, "big")
    return _text_field(column, value, client_charset)


def _binary_field(column: Column, value: Literal, client_charset: str) -> bytes:
    return b"\\\\x" + value.data.hex().encode()


def _text_field(column: Column, value: Literal, client_charset: str) -> bytes:
    if value.kind == "number":
        return value.data
    if value.kind == "bit" and column.mysql_type is None:
        return b"%d" % int.from_bytes(value.data, "big")
    charset, decode = _text_charset(column, value, client_charset)
    if decode is None:
        raise Rejected(f"character set {charset} is not known in column {column.name}")
    try:
        text = decode(value.data)
    except UnicodeDecodeError:
        raise Rejected(f"invalid {charset} bytes in column {column.name}") from None
    return copy_escape(text.encode())


#: How a value of each family of columns lands.
FIELDS: dict[str, _Convert] = {
    "bit": _bit_field,
    "numeric": _numeric_field,
    "binary": _binary_field,
    "text": _text_field,
}


def _text_charset(
    column: Column, value: Literal, client_charset: str
) -> tuple[str, Decoder | None]:
    """Which character set a text is in: its introducer's, the client's or the column's.

    A binary string is stored as the bytes that it is: those of the column's own set.
    """
    charset = value.charset or client_charset
    if value.kind != "string" and value.charset is None:
        charset = "binary"
    if charset == "binary":
        return column.charset, column_decoder(column.charset)
    return charset, client_decoder(charset) or column_decoder(charset)
