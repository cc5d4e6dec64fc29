"""Reads one row of an INSERT exactly, value by value.

Owns the grammar of a row: literals, introducers, white space, comments and values
inside versioned comments. What is no literal (a function, an expression, a subquery) is
``Unreadable``, by name. This is the reader's definition of a row; ``bulk`` does the
same for ordinary rows at a multiple of the speed. Pure: no I/O.
"""

from __future__ import annotations

import re

from harness.load.errors import Incomplete, Unreadable
from harness.load.lexer import Mode, skip_blank, string_end, unquote
from harness.load.values import Literal

#: The ordinary value and the comma or parenthesis behind it.
_ORDINARY = re.compile(
    rb"[ \t\r\n]*(?:'([^'\\]*)'|(NULL)|([-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?))"
    rb"[ \t\r\n]*([,)])"
)
_NUMBER = re.compile(
    rb"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?![\w$.\x80-\xff])"
)
_HEX = re.compile(rb"0x([0-9A-Fa-f]+)(?![\w$\x80-\xff])|[xX]'([0-9A-Fa-f]*)'")
_BIT = re.compile(rb"0b([01]+)(?![\w$\x80-\xff])|[bB]'([01]*)'")
_INTRODUCER = re.compile(rb"_([A-Za-z0-9]+)")
_WORD = re.compile(rb"[\w$\x80-\xff]+")
_BACKSLASH_N = re.compile(rb"\\N(?![\w$\x80-\xff])")
#: Every text has its characters in Unicode, so nothing is lost on the way.
_USING = re.compile(rb"USING\s+(utf8(?:mb[34])?)\s*\)", re.IGNORECASE)
_NULL = Literal("null", b"")
_WORDS = {
    b"NULL": _NULL,
    b"TRUE": Literal("number", b"1"),
    b"FALSE": Literal("number", b"0"),
    b"DEFAULT": Literal("default", b""),
}


class RowReader:
    """Reads rows of one INSERT; knows which versioned comments are open."""

    def __init__(self, mode: Mode) -> None:
        self._mode = mode
        self.executed = 0

    def skip_blank(self, data: bytes, at: int) -> int:
        """Skip what stands between rows; raises ``Incomplete`` at the end of ``data``.

        ``executed`` changes only when the whole of it was there.
        """
        at, executed = skip_blank(data, at, self.executed)
        if at == len(data):
            raise Incomplete("a statement")
        self.executed = executed
        return at

    def read(self, data: bytes, at: int) -> tuple[list[Literal], int]:
        """Read the row whose parenthesis opens at ``at``.

        Returns its values and the index behind it. Raises ``Incomplete`` when ``data``
        ends inside it and ``Unreadable`` when something in it is no literal.
        """
        executed = self.executed
        values: list[Literal] = []
        after, _ = _skip(data, at + 1, executed)
        if data[after : after + 1] == b")":
            return values, after + 1
        at += 1
        while True:
            match = _ORDINARY.match(data, at) if not executed else None
            if match:
                values.append(_ordinary(match))
                at, closing = match.end(), match[4]
            else:
                at, executed = _skip(data, at, executed)
                value, at = self._value(data, at)
                values.append(value)
                at, executed = _skip(data, at, executed)
                closing = data[at : at + 1]
                at += 1
            if closing == b")":
                self.executed = executed
                return values, at
            if closing != b",":
                raise Unreadable("an expression among the values", at - 1)
            # A comma may be the last thing inside a versioned comment: /*! 0x00,*/'a'

    def _value(self, data: bytes, at: int) -> tuple[Literal, int]:
        introducer = _INTRODUCER.match(data, at)
        if introducer is None:
            return self._literal(data, at, None)
        after, _ = _skip(data, _ended(data, introducer.end()), 0)
        charset = introducer[1].decode().lower()
        value, end = self._literal(data, after, charset)
        if value.kind not in ("string", "hex", "bit"):
            raise Unreadable("a name among the values", at)
        return value._replace(charset=charset), end

    def _literal(
        self, data: bytes, at: int, charset: str | None
    ) -> tuple[Literal, int]:
        quote = data[at : at + 1]
        if quote == b"'" or (quote == b'"' and not self._mode.ansi_quotes):
            return self._string(data, at)
        if match := _HEX.match(data, at):
            return Literal("hex", _hex_bytes(match, at)), _ended(data, match.end())
        if match := _BIT.match(data, at):
            return Literal("bit", _bit_bytes(match)), _ended(data, match.end())
        if match := _NUMBER.match(data, at):
            return Literal("number", match[0]), _ended(data, match.end())
        if match := _BACKSLASH_N.match(data, at):
            return _NULL, _ended(data, match.end())
        return self._word(data, at)

    def _string(self, data: bytes, at: int) -> tuple[Literal, int]:
        end = string_end(data, at, self._mode)
        after, _ = _skip(data, end, 0)
        if data[after : after + 1] in (b"'", b'"'):
            raise Unreadable("two strings side by side", after)
        return Literal("string", unquote(data[at:end], self._mode)), end

    def _word(self, data: bytes, at: int) -> tuple[Literal, int]:
        word = _WORD.match(data, at)
        end = _ended(data, word.end() if word else at + 1)
        if word is None:
            raise Unreadable(_shown(data[at : at + 1]) + " among the values", at)
        if word[0].upper() in _WORDS:
            return _WORDS[word[0].upper()], end
        if word[0] in (b"x", b"X", b"b", b"B", b"n", b"N") and data[end] == 0x27:
            string_end(data, end, self._mode)
            if word[0] in (b"n", b"N"):
                value, end = self._string(data, end)
                return value._replace(charset="utf8"), end
            raise Unreadable(f"a malformed {_shown(word[0])}'' literal", at)
        after, _ = _skip(data, end, 0)
        if data[after : after + 1] == b"(" and word[0].upper() == b"CONVERT":
            return self._converted(data, after + 1)
        if data[after : after + 1] == b"(":
            raise Unreadable(f"the function {_shown(word[0])}()", at)
        raise Unreadable(f"the expression {_shown(word[0])}", at)

    def _converted(self, data: bytes, inside: int) -> tuple[Literal, int]:
        """``CONVERT(text USING utf8mb4)``, as mydumper writes JSON."""
        start, _ = _skip(data, inside, 0)
        value, end = self._value(data, start)
        end, _ = _skip(data, end, 0)
        using = _USING.match(data, end)
        if using is None or value.kind not in ("string", "hex"):
            # Where it stands may be the end of the bytes at hand, and more decides.
            raise Unreadable("the function CONVERT()", end)
        if value.kind == "hex" or value.charset == "binary":
            value = value._replace(charset=using[1].decode().lower())
        return value, _ended(data, using.end())


def _skip(data: bytes, at: int, executed: int) -> tuple[int, int]:
    at, executed = skip_blank(data, at, executed)
    return _ended(data, at), executed


def _ended(data: bytes, at: int) -> int:
    """``at``, when a byte is there; a token at the end of ``data`` may go on."""
    if at >= len(data):
        raise Incomplete("a statement")
    return at


def _ordinary(match: re.Match[bytes]) -> Literal:
    if match[1] is not None:
        return Literal("string", match[1])
    return _NULL if match[2] else Literal("number", match[3])


def _hex_bytes(match: re.Match[bytes], at: int) -> bytes:
    """The bytes of a hex literal; ``0x`` with an odd number of digits gets a zero."""
    digits: bytes = match[2] if match[1] is None else match[1]
    if len(digits) % 2 and match[1] is None:
        raise Unreadable("a malformed x'' literal", at)
    return bytes.fromhex(digits.decode().rjust(len(digits) + len(digits) % 2, "0"))


def _bit_bytes(match: re.Match[bytes]) -> bytes:
    digits: bytes = match[2] if match[1] is None else match[1]
    return int(digits or b"0", 2).to_bytes((len(digits) + 7) // 8, "big")


def _shown(text: bytes) -> str:
    return text[:40].decode("utf-8", "backslashreplace")
