"""Reads the INSERT statements of a dump: what they give, row by row or in bulk.

Owns the heads of ``INSERT`` and ``REPLACE``, the choice between ``bulk`` and
``rows``, and conservation: rows landed + rejected = rows in the statement. Pure: no I/O
beyond the window.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.load.blocks import Found, Insert, Lines, Span, Stretch
from harness.load.bulk import BulkConverter, skip_strings
from harness.load.catalog import Catalog, second_database
from harness.load.errors import Incomplete, Unreadable
from harness.load.events import (
    CoercedValue,
    DumpSummary,
    Event,
    RejectedRow,
    TableCount,
    TableFound,
)
from harness.load.heads import HEAD, TARGET, listed
from harness.load.lexer import StatementEnd
from harness.load.reference import Statement
from harness.load.rows import RowReader
from harness.load.schema import Column, Table
from harness.load.session import Session
from harness.load.values import Nul, Rejected, RowConverter
from harness.load.window import Window
from harness.load.witness import Piece, Witness

_WORD = re.compile(rb"[A-Za-z]+")
_LONGEST_HEAD = 1 << 16
_SCHEMA_FIRST = (
    "Give the file with its CREATE TABLE (mysqldump --no-data) as a first dump: "
    "--dump SCHEMA --dump ROWS"
)
_DECIDES = 64
_EXACT_STRETCH = 1 << 15
_BLOCK = 1 << 18
#: So much at hand is one long row, of which the bulk would make several copies.
_LARGEST_BULK = 1 << 24
_EXCERPT = 200
#: How far to look for a statement's end before skipping its strings in bulk.
_SKIP_LOOK = 1 << 12
#: So many bytes of rows that were read one by one are worth telling the witness.
_WORTH_TELLING = 1 << 14


class Inserts:
    """Reads INSERT statements off the window, as the session and the catalog stand."""

    def __init__(
        self,
        window: Window,
        session: Session,
        catalog: Catalog,
        summary: DumpSummary,
        witness: Witness,
    ) -> None:
        self._window = window
        self._session = session
        self._catalog = catalog
        self._summary = summary
        self._witness = witness
        self._known: tuple[object, Insert] | None = None
        self._time_zone: list[str | None] = []
        self._exact_until = 0

    def read(self, delimiter: bytes, executed: int) -> Iterator[Event]:
        """Read the statement whose first word stands at the window's position.

        ``executed`` counts the versioned comments that are open around it. Raises
        ``Unreadable`` for what is no list of literals, ``Incomplete`` at the end of the
        stream.
        """
        head = self._head()
        data, at = self._window.data, self._window.position
        target = head or TARGET.match(data, at)
        database, name = self._target(target["name"] if target else b"")
        if target and not self._catalog.is_wanted(name):
            if head:
                self._window.position = head.end()
            self._skip(delimiter)
            return
        if head is None:
            if self._window.at_end and delimiter not in data[at:]:
                raise Incomplete("a statement")
            raise Unreadable(self._no_rows(data, at), at)
        insert = self._insert(head, database, name, delimiter)
        count = self._summary.counts.setdefault(name, TableCount())
        if name not in self._catalog.filled:
            self._catalog.filled.add(name)
            self._warn_of_trigger(name)
            yield TableFound(insert.table)
        count.statements += 1
        self._window.position = head.end()
        yield from self._rows(insert, count, delimiter, executed)

    def _warn_of_trigger(self, name: str) -> None:
        """A server would fire it for each row: it may alter rows or add some."""
        if trigger := self._catalog.triggered.get(name):
            self._summary.warnings.append(
                f"the trigger {trigger} stands before the rows of {name}, which are "
                "landed as they are written, without what it does"
            )

    def _head(self) -> re.Match[bytes] | None:
        window = self._window
        while True:
            head = HEAD.match(window.data, window.position)
            if head or window.at_end or window.unread > _LONGEST_HEAD:
                return head
            window.grow()

    def _target(self, name: bytes) -> tuple[str | None, str]:
        parts = self._listed(name)
        database = parts[0] if len(parts) == 2 else self._catalog.database
        return database, parts[-1].lower() if parts else ""

    @staticmethod
    def _no_rows(data: bytes, at: int) -> str:
        """Names the form of an INSERT that has no list of rows."""
        for word in _WORD.findall(data[at : at + 1000].upper())[1:]:
            if word in (b"SELECT", b"SET", b"TABLE", b"WITH"):
                return f"INSERT ... {word.decode()}"
            if word in (b"VALUES", b"VALUE"):
                return "INSERT ... VALUES without rows of literals"
        return "this INSERT"

    def _insert(
        self, head: re.Match[bytes], database: str | None, name: str, delimiter: bytes
    ) -> Insert:
        """Work out the columns, or take the last statement's when all is the same."""
        mode, charset = self._session.mode, self._session.charset
        table = self._catalog.tables.get(name)
        zone = self._session.time_zone
        key = (head[0], mode, charset, zone, database, table, delimiter)
        if self._known and self._known[0] == key:
            return self._known[1]
        table = self._declared(table, database, name, head)
        columns, omitted = self._columns(table, head)
        self._note_session(table, head.start())
        again = head[0] if delimiter == b";" else None
        insert = Insert(
            table,
            columns,
            mode,
            Statement(
                table.name,
                columns,
                table.columns,
                charset,
                mode.backslash_escapes,
                mode.ansi_quotes,
                head[0],
                delimiter,
            ),
            RowConverter(columns, charset, omitted),
            BulkConverter(columns, charset, mode, again),
            omitted,
        )
        self._known = (key, insert)
        return insert

    def _note_session(self, table: Table, at: int) -> None:
        """Keep the time zone of the rows; TIMESTAMPs may stand under one only."""
        zone = self._session.time_zone
        if any(column.has_time_zone for column in table.columns):
            if self._time_zone and self._time_zone != [zone]:
                raise Unreadable("rows under a second time zone", at)
            self._time_zone = [zone]
        self._summary.time_zone = self._time_zone[0] if self._time_zone else zone
        self._summary.charset = self._session.charset
        for column in table.columns:
            path = (table.name, column.name)
            if column.is_timestamp and path not in self._summary.timestamps:
                self._summary.timestamps.append(path)
        for name, names in (
            (self._session.charset, self._summary.charsets),
            (self._session.sql_mode, self._summary.sql_modes),
        ):
            if name not in names:
                names.append(name)

    def _declared(
        self,
        table: Table | None,
        database: str | None,
        name: str,
        head: re.Match[bytes],
    ) -> Table:
        if table is None:
            if head["columns"] is None:
                what = f"rows of {name} without its CREATE TABLE or a list of columns"
                raise Unreadable(what, head.start(), _SCHEMA_FIRST)
            columns = tuple(
                Column(column.lower(), can_be_omitted=True)
                for column in self._listed(head["columns"])
            )
            table = Table(database, name, columns, is_declared=False)
            self._catalog.tables[name] = table
            self._catalog.names.setdefault(name)
        # A file that names no database goes on with that of the files before it.
        is_own = len(self._listed(head["name"])) == 2
        if not self._catalog.has_rows_of(name, database, is_named=is_own):
            what = f"rows of {name} in a second database"
            raise second_database(what, table.database, database, head.start())
        return self._catalog.tables[name]

    def _columns(
        self, table: Table, head: re.Match[bytes]
    ) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
        """The columns that the rows give, and those left out with a literal default."""
        named = {column.name: column for column in table.columns}
        given = [name.lower() for name in self._listed(head["columns"] or b"")]
        given = given or [column.name for column in table.inserted]
        for name in given:
            if name not in named:
                raise Unreadable(f"{table.name} has no column {name}; it", head.start())
        if len(set(given)) < len(given):
            raise Unreadable("a column that is listed twice", head.start())
        omitted = [column for column in table.columns if column.name not in given]
        for column in omitted:
            if column.is_numbered:
                self._warn_of_numbers(table, column)
            elif not column.can_be_omitted and column.default is None:
                what = f"rows of {table.name} without a value for {column.name}"
                raise Unreadable(what, head.start())
        with_default = (column for column in omitted if column.default is not None)
        return tuple(named[name] for name in given), tuple(with_default)

    def _warn_of_numbers(self, table: Table, column: Column) -> None:
        """Say once that the server's numbers are not in the dump."""
        warning = (
            f"rows of {table.name} leave {column.name} to AUTO_INCREMENT; its numbers "
            "are not in the dump, so they land NULL"
        )
        if warning not in self._summary.warnings:
            self._summary.warnings.append(warning)

    def _listed(self, names: bytes) -> tuple[str, ...]:
        return listed(names, self._session.charset)

    def _rows(
        self, insert: Insert, count: TableCount, delimiter: bytes, executed: int
    ) -> Iterator[Event]:
        """Read rows up to the statement's end."""
        reader = RowReader(insert.mode)
        reader.executed = executed
        block = Lines(insert, self._catalog)
        window, name = self._window, insert.table.name
        window.kept = window.position
        self._witness.begin(insert.statement, self._catalog.file or "")
        span = Span(reader.executed, self._catalog.landed[name] + 1)
        before, opened, is_open = count.rows_read, 0, True
        while is_open:
            found = self._next(insert, reader, block)
            span.add(found)
            opened += found.opened if isinstance(found, Stretch) else 1
            if isinstance(found, RejectedRow):
                count.rows_rejected += 1
                yield found
            elif isinstance(found, list):
                count.values_coerced += len(found)
                yield from found
            elif isinstance(found, Stretch):
                yield from block.flush(count)
                count.statements += found.begun
                count.rows_loaded += found.copy.rows
                self._catalog.landed[name] += found.copy.rows
                yield found.copy
            if block.size > _BLOCK:
                yield from block.flush(count)
            is_open = self._goes_on(reader, delimiter)
            read = window.position - (window.kept or 0)
            if read > _WORTH_TELLING or not is_open:
                self._witness.see(self._piece(span))
                window.kept = window.position
                span = Span(reader.executed, span.first_row + span.landed)
        window.kept = None
        yield from block.flush(count)
        if count.rows_read - before != opened:
            read = count.rows_read - before
            what = f"a statement in which {opened} rows begin, but {read} were read,"
            raise Unreadable(what, self._window.position)
        self._witness.end()

    def _piece(self, span: Span) -> Piece:
        """What was read since the witness was last told."""
        window = self._window
        return Piece(
            window.data,
            window.kept or 0,
            window.position,
            window.base,
            window.line,
            self._catalog.file or "",
            span.open,
            span.first_row,
            span.landed,
            span.rejected,
            span.coerced,
        )

    def _next(self, insert: Insert, reader: RowReader, block: Lines) -> Found:
        """Read the next row into the block, or a stretch of rows in bulk."""
        window = self._window
        while True:
            try:
                at = window.position = reader.skip_blank(window.data, window.position)
                if window.data[at] != 0x28:
                    raise Unreadable("what stands in the place of a row", at)
                if bulk := self._bulk(insert, reader, at):
                    return bulk
                values, end = reader.read(window.data, at)
            except Incomplete:
                if not window.grow():
                    raise
            except Unreadable as unreadable:
                if not self._may_change(unreadable.position):
                    raise
                window.grow()
            else:
                break
        self._hold_exact(insert, at)
        window.position = end
        try:
            line = insert.exact.line(values)
            nuls: list[Nul] = []
            if b"\0" in line:
                line, nuls = insert.exact.without_nuls(line)
        except Rejected as rejected:
            return self._rejected(insert, at, end, rejected.reason)
        block.add(line)
        return [self._coerced(insert, at, block, nul) for nul in nuls]

    def _bulk(self, insert: Insert, reader: RowReader, at: int) -> Stretch | None:
        window = self._window
        if reader.executed or not insert.is_bulk_able:
            return None
        if window.unread > _LARGEST_BULK:
            return None
        if window.offset_of(at) < self._exact_until:
            return None
        converted = insert.bulk.convert(window.data, at)
        if not converted.rows:
            return None
        window.position = converted.end
        copy = insert.completed(converted.copy, converted.rows)
        return Stretch(copy, converted.begun, converted.opened)

    def _hold_exact(self, insert: Insert, at: int) -> None:
        """Stay with exact reading for a stretch: what broke the bulk may come again."""
        offset = self._window.offset_of(at)
        if insert.is_bulk_able and offset >= self._exact_until:
            self._exact_until = offset + _EXACT_STRETCH

    def _may_change(self, position: int) -> bool:
        """Whether more of the stream may change what is read at ``position``."""
        window = self._window
        return not window.at_end and len(window.data) - position < _DECIDES

    def _rejected(self, insert: Insert, at: int, end: int, reason: str) -> RejectedRow:
        window = self._window
        raw = window.data[at : min(end, at + _EXCERPT)]
        excerpt = raw.decode("utf-8", "backslashreplace").replace("\0", "\\0")
        return RejectedRow(
            insert.table.name, window.line_of(at), window.offset_of(at), reason, excerpt
        )

    def _coerced(self, insert: Insert, at: int, block: Lines, nul: Nul) -> CoercedValue:
        window, name = self._window, insert.table.name
        row = self._catalog.landed[name] + block.rows
        line, offset = window.line_of(at), window.offset_of(at)
        return CoercedValue(name, nul.column, row, line, offset, *nul[1:])

    def _goes_on(self, reader: RowReader, delimiter: bytes) -> bool:
        """Whether another row follows; moves behind the comma or the delimiter."""
        window = self._window
        while True:
            try:
                at = reader.skip_blank(window.data, window.position)
            except Incomplete:
                if not window.grow():
                    raise
                continue
            window.position = at
            if window.data[at] == 0x2C:
                window.position = at + 1
                return True
            if window.data[at : at + len(delimiter)].lower() == delimiter.lower():
                window.position = at + len(delimiter)
                return False
            if not self._may_change(at):
                raise Unreadable(_clause(window.data, at), at)
            window.grow()

    def _skip(self, delimiter: bytes) -> None:
        """Skip the rest of a statement whose rows nobody wants."""
        window, mode = self._window, self._session.mode
        end = StatementEnd(delimiter, mode)
        while True:
            at = window.position
            found, at = end.find(window.data, at, at + _SKIP_LOOK)
            if not found and end.is_plain and delimiter == b";":
                at = skip_strings(window.data, at, mode)
            if not found:
                found, at = end.find(window.data, at)
            window.position = at
            if found:
                return
            if not window.grow():
                raise Incomplete(end.inside)


def _clause(data: bytes, at: int) -> str:
    """Names what follows the rows and is neither a comma nor the statement's end."""
    word = _WORD.match(data, at)
    if word is None:
        return "what follows a row"
    if word[0].upper() == b"ON":
        return "ON DUPLICATE KEY UPDATE"
    return f"the clause {word[0].decode().upper()} behind the rows"
