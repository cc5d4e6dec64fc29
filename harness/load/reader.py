"""Reads a MySQL or MariaDB dump: bytes in, COPY blocks and rejected rows out.

Owns the course of a dump from statement to statement, and its end: a dump that was cut
short is an error, never a shorter dump. Pure: it reads an iterable of bytes, holds one
window of them, and knows no database. Use it as::

    reader = DumpReader(chunks, tables={"chat", "message"})
    for event in reader.events(): ...
    reader.summary
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import PurePath

from harness.load.catalog import Catalog
from harness.load.charsets import client_decoder
from harness.load.errors import CAT, DumpError, Incomplete, Place, Unreadable
from harness.load.events import DumpSummary, Event, TableCount, TableFound
from harness.load.foreign import HEAD_BYTES, find_binary, find_foreign
from harness.load.inserts import Inserts
from harness.load.lexer import (
    StatementEnd,
    Token,
    comment_end,
    line_end,
    skip_blank,
    tokenize,
)
from harness.load.messages import find_message, is_warning, kind_of
from harness.load.producer import Producer
from harness.load.session import Session
from harness.load.statements import ALL, CHANGES
from harness.load.window import Window
from harness.load.witness import Witness

_BOM = b"\xef\xbb\xbf"
_SPACES = re.compile(rb"[ \t\r\n\f\v]*")
_WORD = re.compile(rb"[A-Za-z_]*")
_DELIMITER_LINE = re.compile(rb"delimiter[ \t]+(\S+)[^\n]*(?:\n|\Z)", re.IGNORECASE)
_USE_END = re.compile(rb"[;\n]")
_USE_LINE = re.compile(
    rb"(use[ \t]+(?:`[^`\n]+`|\"[^\"\n]+\"|[^\s;`'\"]+))[ \t]*(?:(;)|\r?\n|\Z)",
    re.IGNORECASE,
)
_SOURCE_LINE = re.compile(
    rb"source[ \t]+(\S+?)[ \t]*;?[ \t]*(?:\r?\n|\Z)", re.IGNORECASE
)
_AGAIN = (
    "Make the dump again, as INSERTs of literal values: "
    "mysqldump --result-file=FILE DATABASE"
)
_APART = (
    "The client's messages went into the dump. Make it again without 2>&1: "
    "mysqldump --result-file=FILE DATABASE"
)


class DumpReader:
    """Reads one dump once.

    ``chunks`` are the decompressed bytes in pieces of any size; ``tables`` the
    lower-case names of the tables whose rows are wanted, ``None`` for every table;
    ``name`` what errors call the dump. A dump that is one part of several is given the
    ``catalog`` and the ``witness`` of all; the caller then asks the catalog for the
    tables without rows, and lets the witness finish.
    """

    def __init__(
        self,
        chunks: Iterable[bytes],
        *,
        tables: Collection[str] | None = None,
        name: str = "the dump",
        catalog: Catalog | None = None,
        witness: Witness | None = None,
    ) -> None:
        self._name = name
        self._window = Window(chunks)
        self._session = Session()
        self._catalog = catalog or Catalog(tables)
        self._is_part = catalog is not None
        self.witness = witness or Witness()
        self._producer = Producer()
        self._delimiter = b";"
        self._has_statements = False
        self.summary = DumpSummary()
        self._inserts = Inserts(
            self._window, self._session, self._catalog, self.summary, self.witness
        )

    def events(self) -> Iterator[Event]:
        """Yield the dump's tables, blocks and rejected rows in their order.

        Raises ``DumpError`` when the dump is empty, is cut short, or holds something
        that cannot be read exactly; what was yielded before is then not to be kept.
        """
        self._open()
        try:
            while self._find_statement():
                yield from self._statement()
        except Unreadable as unreadable:
            raise self._error(self._with_message(unreadable)) from None
        except Incomplete as incomplete:
            raise self._cut_short(f"in the middle of {incomplete.inside}") from None
        finally:
            self._describe()
        self._finish()
        if not self._is_part:
            self.witness.finish()
            for table in self._catalog.unfilled():
                self.summary.counts[table.name] = TableCount()
                yield TableFound(table)

    def _open(self) -> None:
        window = self._window
        while window.unread < HEAD_BYTES and window.grow():
            pass
        if not window.data:
            raise DumpError(
                f"{self._name} is empty. Nothing was loaded. Make the dump again."
            )
        if foreign := find_binary(window.data[:HEAD_BYTES]):
            raise DumpError(
                f"{self._name} is {foreign.what}. Nothing was loaded. {foreign.advice}"
            )
        if window.data.startswith(_BOM):
            window.position = len(_BOM)

    def _find_statement(self) -> bool:
        """Move to the next statement, noting comments; ``False`` at the end."""
        window = self._window
        while True:
            spaces = _SPACES.match(window.data, window.position)
            at = window.position = spaces.end() if spaces else window.position
            if at + 3 > len(window.data) and not window.at_end:
                window.grow()
            elif at == len(window.data):
                return False
            elif not self._skip_comment(at):
                return True

    def _skip_comment(self, at: int) -> bool:
        """Skip a comment or an empty statement that stands at ``at``."""
        window = self._window
        data = window.data
        try:
            if data.startswith((b"#", b"--"), at):
                # The client takes every -- that begins a statement for a comment.
                window.position = line_end(data, at, at_end=window.at_end)
                line = data[at : window.position]
                self._producer.note(line, at, self._place(at))
                if is_warning(line):
                    self._warn_of_message(kind_of(line), at)
                return True
            if data.startswith(b"/*", at):
                end, entered = comment_end(data, at)
                if not entered:
                    window.position = end
                return not entered
        except Incomplete:
            if window.at_end:
                raise
            window.grow()
            return True
        if data.startswith(self._delimiter, at):
            window.position = at + len(self._delimiter)
            return True
        if data[at:] == b"\x1a":
            # Ctrl-Z, the end of a file under DOS.
            window.position += not window.grow()
            return True
        return False

    def _skip_message(self) -> bool:
        """Skip a line that the client wrote into the file, with a warning."""
        window = self._window
        while not window.at_end and b"\n" not in window.data[window.position :]:
            window.grow()
        at = window.position
        message = find_message(window.data, at)
        if message is None:
            return False
        if message.advice:
            raise Unreadable(f"the message {message.text!r}", at, message.advice)
        self._warn_of_message(message.kind, at)
        window.position = message.end
        return True

    def _warn_of_message(self, kind: str, at: int) -> None:
        line = self._place(at).line
        self.summary.warnings.append(
            f"line {line}: a line of the client was skipped, a message about {kind}"
        )

    def _with_message(self, unreadable: Unreadable) -> Unreadable:
        """Say that a client's line stands inside a statement, if that is the cause."""
        data, at = self._window.data, unreadable.position
        for start in (at, data.rfind(b"\n", 0, at) + 1):
            if unreadable.advice is None and (message := find_message(data, start)):
                what = f"the message {message.text!r} inside a statement"
                return Unreadable(what, start, _APART)
        return unreadable

    def _statement(self) -> Iterator[Event]:
        """Read the statement at the window's position."""
        window = self._window
        at, executed, word = self._first_word()
        if word not in ALL and self._skip_unknown(at, executed, word):
            return
        self._has_statements = True
        if word in ("INSERT", "REPLACE"):
            self._check_charset(at)
            window.position = at
            yield from self._inserts.read(self._delimiter, executed)
        elif word == "DELIMITER" and not executed:
            self._set_delimiter()
        elif word == "USE" and not executed and (line := self._use_line()):
            self._catalog.use(tokenize(line[1], self._session.mode))
            window.position = line.end()
        elif word == "SOURCE" and not executed:
            self._source_line()
        else:
            statement = self._whole_statement()
            decode = client_decoder(self._session.charset)
            tokens = tokenize(statement, self._session.mode, decode)
            self._check_one_statement(word, tokens)
            try:
                self._carry_out(word, tokens)
            except Unreadable as unreadable:
                at = window.position + unreadable.position
                raise Unreadable(unreadable.what, at, unreadable.advice) from None
            window.position += len(statement) + len(self._delimiter)

    def _skip_unknown(self, at: int, executed: int, word: str) -> bool:
        """Skip what begins with no word of a statement; raise for what is none."""
        window = self._window
        if not word and window.data.startswith(self._delimiter, at):
            window.position = at + len(self._delimiter)
            return True
        if not executed:
            window.position = at
            if self._skip_message():
                return True
            at = window.position
        if foreign := find_foreign(window.data[at:]):
            raise Unreadable(foreign.what, at, foreign.advice)
        start = word or repr(chr(window.data[at]))
        raise Unreadable(f"a statement that begins with {start}", at)

    def _first_word(self) -> tuple[int, int, str]:
        """Where the first word stands, inside how many versioned comments, the word."""
        window = self._window
        while True:
            try:
                at, executed = skip_blank(window.data, window.position)
                word = _WORD.match(window.data, at)
                if word and word.end() < len(window.data):
                    return at, executed, word[0].decode().upper()
            except Incomplete:
                pass
            if not window.grow():
                raise Incomplete("a statement")

    def _set_delimiter(self) -> None:
        window = self._window
        while b"\n" not in window.data[window.position :] and not window.at_end:
            window.grow()
        line = _DELIMITER_LINE.match(window.data, window.position)
        if line is None:
            raise Unreadable("DELIMITER without a delimiter", window.position)
        self._delimiter = line[1]
        window.position = line.end()

    def _source_line(self) -> None:
        """``source file``: passed over when that file is one of the load's own.

        The client would read it at this place; its rows come from the file itself.
        """
        window = self._window
        while b"\n" not in window.data[window.position :] and not window.at_end:
            window.grow()
        line = _SOURCE_LINE.match(window.data, window.position)
        if line is None:
            raise Unreadable("SOURCE without a file", window.position)
        path = line[1].decode("utf-8", "backslashreplace")
        if PurePath(path.replace("\\", "/")).name not in self._catalog.files:
            what = f"source {path}, which is not given as another dump,"
            raise Unreadable(what, window.position)
        window.position = line.end()

    def _use_line(self) -> re.Match[bytes] | None:
        """``USE`` as the client's own command, which a line's end closes as well."""
        window = self._window
        if self._delimiter != b";":
            return None
        while not window.at_end and not _USE_END.search(window.data, window.position):
            window.grow()
        return _USE_LINE.match(window.data, window.position)

    def _check_one_statement(self, word: str, tokens: list[Token]) -> None:
        r"""A ``\G``, or a forgotten ``;``, must not hide the statement behind it."""
        position = self._window.position
        is_table = any(token.is_word("TABLE") for token in tokens[1:4])
        for token, after in zip(tokens, [*tokens[1:], tokens[-1]], strict=True):
            if token.kind == "operator" and token.text == "\\":
                what = f"the client's command \\{after.text}"
                raise Unreadable(what, position + token.start)
            if token.text == ":" and token.kind == "operator" and is_table:
                start = self._window.data.rfind(b"\n", 0, position + token.start) + 1
                if message := find_message(self._window.data, max(start, position)):
                    what = f"the message {message.text!r} inside a statement"
                    raise Unreadable(what, position + token.start, _APART)
            is_insert = token.is_word("INSERT", "REPLACE") and after.is_word("INTO")
            if is_insert and word not in ("CREATE", "ALTER", "EXPLAIN"):
                what = f"{token.text.upper()} INTO inside a {word} statement"
                raise Unreadable(what, position + token.start)
        if word in ("CALL", "EXECUTE"):
            line = self._place(position).line
            self.summary.warnings.append(
                f"line {line}: {word} is not carried out; rows it would make are not "
                "in the dump"
            )

    def _whole_statement(self) -> bytes:
        """The statement at the window's position, without its delimiter."""
        window = self._window
        end = StatementEnd(self._delimiter, self._session.mode)
        scanned = 0
        while True:
            found, at = end.find(window.data, window.position + scanned)
            if found:
                return window.data[window.position : at - len(self._delimiter)]
            scanned = at - window.position
            if not window.grow():
                raise Incomplete(end.inside)

    def _carry_out(self, word: str, tokens: list[Token]) -> None:
        """Do what a statement means for the reading of what follows."""
        place = self._place(self._window.position)
        session, catalog = self._session, self._catalog
        if word == "SET":
            session.set(tokens, place)
        elif word == "CREATE":
            catalog.create(tokens, is_whole=self._delimiter != b";")
        elif word == "DROP":
            catalog.drop(tokens)
        elif word == "ALTER":
            catalog.alter(tokens)
        elif word == "USE":
            catalog.use(tokens)
        elif word in CHANGES:
            catalog.change(tokens)
        elif word == "LOCK":
            session.lock(place)
        elif word == "UNLOCK":
            session.unlock()
        elif word in ("START", "BEGIN"):
            session.begin(place)
        elif word == "COMMIT":
            session.commit()
        elif word == "ROLLBACK":
            raise Unreadable("ROLLBACK", 0)

    def _check_charset(self, at: int) -> None:
        charset = self._session.charset
        if charset != "binary" and client_decoder(charset) is None:
            raise Unreadable(f"text in the character set {charset}", at)

    def _finish(self) -> None:
        """Check that the dump ends where its producer ended it."""
        producer = self._producer
        if producer.unfinished:
            raise self._cut_short(
                "without the line '-- Dump completed' that its header promises"
            )
        if not self._has_statements:
            raise self._cut_short("before its first statement")
        if self._session.open and not producer.has_trailer:
            what, place = next(iter(self._session.open.items()))
            raise self._cut_short(
                f"too early: {what} (line {place.line}, byte {place.byte_offset})"
            )
        if self._delimiter != b";":
            raise self._cut_short("between DELIMITER lines")

    def _describe(self) -> None:
        """Say what the dump was found to be, up to wherever it was read."""
        producer, summary = self._producer, self.summary
        summary.producer = producer.name
        summary.has_trailer = producer.has_trailer
        summary.tables = list(self._catalog.names)
        summary.views = list(self._catalog.views)
        summary.routines = dict(self._catalog.routines)

    def _place(self, at: int) -> Place:
        return Place(self._window.line_of(at), self._window.offset_of(at))

    def _error(self, unreadable: Unreadable) -> DumpError:
        line, offset = self._place(unreadable.position)
        return DumpError(
            f"{self._name}, line {line}, byte {offset}: {unreadable.what} cannot be "
            f"read exactly. Nothing was loaded. {unreadable.advice or _AGAIN}",
            line=line,
            byte_offset=offset,
        )

    def _cut_short(self, how: str) -> DumpError:
        line, offset = self._place(len(self._window.data))
        return DumpError(
            f"{self._name} is cut short: it ends {how}, at line {line}, byte {offset}. "
            "Nothing was loaded. Make the dump again, or copy the file again. Of a "
            "split dump give every part, in their order: --dump PART --dump PART, "
            f"or {CAT}",
            line=line,
            byte_offset=offset,
        )
