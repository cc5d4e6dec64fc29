"""Where MySQL's tokens begin and end, in bytes.

Owns white space, comments, quotes, identifiers and the ends of statements, as the
``mysql`` client and the server see them; knows nothing of tables or values. Every
function takes ``data`` and a position and raises ``Incomplete`` when the answer lies
beyond the bytes at hand. Pure: no I/O.

Rules from the MySQL 8.4 Reference Manual, sections 11.1.1 (strings), 11.2 (identifiers)
and 11.7 (comments), and MariaDB's page on comment syntax.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from harness.load.charsets import Decoder
from harness.load.errors import Incomplete

#: A version that no server has: ``/*!99999`` or ``/*M!999999\\-`` hides its content.
_NEVER_5, _NEVER_6 = 99999, 999999
_LONGEST_OPENING = len(b"/*M!999999")

_SPACE = re.compile(rb"[ \t\r\n\f\v]*")
_VERSIONED = re.compile(rb"/\*M?!(\d{5,6})?")
_TOKEN = re.compile(
    rb"(?P<name>`(?:[^`]|``)*`)"
    rb"|(?P<number>\d+(?:\.\d*)?(?:[eE][-+]?\d+)?(?![\w$\x80-\xff])|\.\d+)"
    rb"|(?P<word>[\w$\x80-\xff]+)"
    rb"|(?P<variable>@@?(?:`[^`]*`|[\w$.\x80-\xff]*))"
    rb"|(?P<operator>:=|.)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Mode:
    """What the dump's own ``SET SQL_MODE`` says of quoting.

    ``backslash_escapes`` is off under ``NO_BACKSLASH_ESCAPES``; ``ansi_quotes`` makes
    ``"`` quote identifiers.
    """

    backslash_escapes: bool = True
    ansi_quotes: bool = False

    def escapes_in(self, quote: bytes) -> bool:
        """Whether backslashes escape between these quotes."""
        identifies = quote == b"`" or (self.ansi_quotes and quote == b'"')
        return self.backslash_escapes and not identifies


class Token(NamedTuple):
    """One token of a statement: its kind, its meaning as text, and where it stands."""

    kind: str
    text: str
    start: int
    end: int

    def is_word(self, *words: str) -> bool:
        """Whether this is one of these keywords, given in upper case."""
        return self.kind == "word" and self.text.upper() in words


def string_end(data: bytes, start: int, mode: Mode) -> int:
    """The index behind the closing quote of the string that opens at ``start``.

    Works for all three quotes; a backtick knows no backslashes.
    """
    quote = data[start : start + 1]
    escapes = mode.escapes_in(quote)
    at = start + 1
    while True:
        at = data.find(quote, at)
        if at < 0:
            raise Incomplete("a string" if quote != b"`" else "an identifier")
        if escapes and _is_escaped(data, at):
            at += 1
        elif at + 1 == len(data):
            raise Incomplete("a statement")
        elif data[at + 1] == quote[0]:
            at += 2
        else:
            return at + 1


def _is_escaped(data: bytes, at: int) -> bool:
    """Whether an odd number of backslashes stands before ``at``."""
    first = at - 1
    while data[first] == 0x5C:
        first -= 1
    return (at - 1 - first) % 2 == 1


def skip_blank(
    data: bytes, at: int, executed: int = 0, *, at_end: bool = False
) -> tuple[int, int]:
    """Skip white space and comments; step into versioned comments and out of them.

    ``executed`` counts the versioned comments that are open, whose content is part of
    the statement. ``at_end`` says that the stream ends with ``data``, so that a line
    comment may end there. Returns the new position and the new count.
    """
    while True:
        at = _SPACE.match(data, at).end()  # type: ignore[union-attr]
        first = data[at : at + 1]
        if first == b"/" and (data.startswith(b"/*", at) or at + 1 == len(data)):
            at, entered = comment_end(data, at)
            executed += entered
        elif first == b"#" or (first == b"-" and is_dash_comment(data, at)):
            at = line_end(data, at, at_end=at_end)
        elif executed and first == b"*" and data.startswith(b"*/", at):
            at, executed = at + 2, executed - 1
        else:
            return at, executed


def is_dash_comment(data: bytes, at: int) -> bool:
    """Whether ``--`` and a space, a control character or the end stand at ``at``."""
    if not data.startswith(b"--", at):
        return False
    return at + 2 >= len(data) or data[at + 2] <= 0x20 or data[at + 2] == 0x7F


def line_end(data: bytes, at: int, *, at_end: bool) -> int:
    """The index behind the line comment that opens at ``at``."""
    end = data.find(b"\n", at)
    if end >= 0:
        return end + 1
    if at_end:
        return len(data)
    raise Incomplete("a comment")


def comment_end(data: bytes, at: int) -> tuple[int, int]:
    """The index behind the comment that opens at ``at``, and whether it was entered.

    A versioned comment is entered: the index is that of its content. Its content counts
    whatever the version, as a current server of the dump's own kind would run it.
    """
    end = data.find(b"*/", at + 2)
    if end < 0 and len(data) - at <= _LONGEST_OPENING:
        raise Incomplete("a comment")
    versioned = _VERSIONED.match(data, at)
    if versioned and not _is_never_executed(versioned[1]):
        return versioned.end(), 1
    if end < 0:
        raise Incomplete("a comment")
    return end + 2, 0


def _is_never_executed(version: bytes | None) -> bool:
    if version is None:
        return False
    return int(version) >= (_NEVER_5 if len(version) == 5 else _NEVER_6)


@lru_cache
def _special(delimiter: bytes) -> re.Pattern[bytes]:
    """Matches what may end a statement or hide its end."""
    return re.compile(rb"['\"`#]|--|/\*|\*/|" + re.escape(delimiter), re.IGNORECASE)


class StatementEnd:
    """Finds the delimiter that ends a statement, however the stream is cut into pieces.

    One object looks for one end. ``find`` may be called again with more data.
    """

    def __init__(self, delimiter: bytes, mode: Mode) -> None:
        self._delimiter = delimiter
        self._mode = mode
        self._executed = 0
        self.inside = "a statement"
        self._special = _special(delimiter)

    @property
    def is_plain(self) -> bool:
        """Whether no versioned comment is open, so that text may be skipped in bulk."""
        return self._executed == 0

    def find(self, data: bytes, at: int, limit: int | None = None) -> tuple[bool, int]:
        """Look for the end from ``at`` on, up to about ``limit`` when it is given.

        Returns ``True`` and the index behind the delimiter, or ``False`` and the index
        from which to look again, when ``limit`` was reached or there is more data.
        """
        while match := self._special.search(data, at):
            if limit is not None and at > limit:
                return False, at
            token = match[0]
            start = match.start()
            if token.lower() == self._delimiter.lower() and not self._executed:
                return True, match.end()
            try:
                at = self._step(data, start, token)
            except Incomplete as incomplete:
                self.inside = incomplete.inside
                return False, start
        self.inside = "a statement"
        return False, max(at, len(data) - max(len(self._delimiter), 2) + 1)

    def _step(self, data: bytes, start: int, token: bytes) -> int:
        if token in (b"'", b'"', b"`"):
            return string_end(data, start, self._mode)
        if token == b"/*":
            end, entered = comment_end(data, start)
            self._executed += entered
            return end
        if token == b"*/" and self._executed:
            self._executed -= 1
        elif token == b"#" or (token == b"--" and self._is_comment(data, start)):
            return line_end(data, start, at_end=False)
        return start + len(token)

    @staticmethod
    def _is_comment(data: bytes, start: int) -> bool:
        if start + 2 == len(data):
            raise Incomplete("a comment")
        return is_dash_comment(data, start)


def tokenize(
    statement: bytes, mode: Mode, decode: Decoder | None = None
) -> list[Token]:
    """Split one whole statement into tokens, comments left out, versioned ones entered.

    Kinds: ``name`` (a quoted identifier, unquoted), ``string`` (unescaped), ``word``,
    ``number``, ``variable`` (with its ``@``) and ``operator``. Text that is no UTF-8 is
    decoded by ``decode``: mysqldump writes definitions in UTF-8 whatever its
    character set, others write them in the client's.
    """
    tokens = []
    at, executed = skip_blank(statement, 0, at_end=True)
    padded = statement + b"\n"
    while at < len(statement):
        if padded[at] in b"'\"":
            end = string_end(padded, at, mode)
            kind = "name" if mode.ansi_quotes and padded[at] == 0x22 else "string"
            text = unquote(padded[at:end], mode)
        else:
            match = _TOKEN.match(padded, at)
            if match is None:
                raise Incomplete("a statement")
            end, kind = match.end(), match.lastgroup or "operator"
            text = unquote(match[0], mode) if kind == "name" else match[0]
        tokens.append(Token(kind, _decoded(text, decode), at, end))
        at, executed = skip_blank(padded, end, executed, at_end=True)
    return tokens


def _decoded(text: bytes, decode: Decoder | None) -> str:
    for attempt in (bytes.decode, decode):
        if attempt:
            with suppress(UnicodeDecodeError):
                return attempt(text)
    return text.decode("utf-8", "backslashreplace")


_ESCAPES = {
    b"0": b"\0",
    b"b": b"\b",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"Z": b"\x1a",
    b"%": b"\\%",
    b"_": b"\\_",
}
#: A long string is unescaped in pieces: each escape in a piece costs memory meanwhile.
_PIECE_BYTES = 1 << 20
_ESCAPED = {
    b"'": re.compile(rb"\\(.)|''", re.DOTALL),
    b'"': re.compile(rb'\\(.)|""', re.DOTALL),
}


def unquote(quoted: bytes, mode: Mode) -> bytes:
    r"""The bytes that a quoted string or identifier stands for.

    An unknown escape drops its backslash; ``\\%`` and ``\\_`` keep it.
    """
    quote, text = quoted[:1], quoted[1:-1]
    if not mode.escapes_in(quote) or b"\\" not in text:
        return text.replace(quote + quote, quote) if quote in text else text

    def meaning(match: re.Match[bytes]) -> bytes:
        escaped: bytes | None = match[1]
        return quote if escaped is None else _ESCAPES.get(escaped, escaped)

    pieces, start = [], 0
    while start < len(text):
        # A piece ends where no escape and no doubled quote can be cut in two.
        end = start + _PIECE_BYTES
        while end < len(text) and text[end - 1] in (0x5C, quote[0]):
            end += 1
        pieces.append(_ESCAPED[quote].sub(meaning, text[start:end]))
        start = end
    return b"".join(pieces)
