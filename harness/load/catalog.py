"""Which tables a dump has, and what its statements do to them besides INSERT.

Owns the current database, the wanted tables' columns, views, and the refusal of
whatever would change rows or columns in a way that reading INSERTs alone would miss.
Pure: no I/O.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

from harness.load.errors import Unreadable
from harness.load.lexer import Token
from harness.load.schema import Column, Table, qualified_name, table_columns

_KINDS = [
    "TABLE",
    "VIEW",
    "TRIGGER",
    "PROCEDURE",
    "FUNCTION",
    "EVENT",
    "PACKAGE",
    "DATABASE",
    "SCHEMA",
    "USER",
    "ROLE",
    "INDEX",
    "SEQUENCE",
    "SERVER",
    "TABLESPACE",
    "LOGFILE",
    "RESOURCE",
]
_ROUTINES = ("TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "PACKAGE")
_HARMLESS_ADDITIONS = [
    "PRIMARY",
    "KEY",
    "INDEX",
    "UNIQUE",
    "CONSTRAINT",
    "FULLTEXT",
    "SPATIAL",
    "FOREIGN",
    "CHECK",
    "VECTOR",
    "PARTITION",
    "PERIOD",
    "SYSTEM",
]
_HARMLESS_ALTERATIONS = [
    "DISABLE",
    "ENABLE",
    "ENGINE",
    "AUTO_INCREMENT",
    "COMMENT",
    "ORDER",
    "FORCE",
    "ALGORITHM",
    "LOCK",
    "ROW_FORMAT",
    "STATS_PERSISTENT",
    "ALTER",
    "VALIDATE",
    "WITHOUT",
]


class Catalog:
    """The tables of the dump as far as it was read.

    ``wanted`` are lower-case names; ``None`` wants every table.
    """

    def __init__(self, wanted: Collection[str] | None) -> None:
        self._wanted = None if wanted is None else frozenset(wanted)
        self.database: str | None = None
        #: The file that is being read, and from which file a table's rows came.
        self.file: str | None = None
        #: The names of all files of the load; what the client would read from another
        #: one with its command ``source`` would be missing.
        self.files: frozenset[str] = frozenset()
        self.origins: dict[str, str] = {}
        #: How many rows of each table were given to be landed, over all files.
        self.landed: Counter[str] = Counter()
        self.tables: dict[str, Table] = {}
        self.names: dict[str, None] = {}
        self.views: dict[str, None] = {}
        #: Triggers, routines and events by kind; what they insert is no data.
        self.routines: Counter[str] = Counter()
        self._spelled: dict[str, str] = {}
        #: The database that rows named for a table created without one.
        self._adopted: str | None = None
        #: The wanted tables that rows were read for.
        self.filled: set[str] = set()
        #: The tables that a trigger stands on, and its name.
        self.triggered: dict[str, str] = {}
        self._shapes: dict[str, tuple[Column, ...]] = {}

    def is_wanted(self, name: str) -> bool:
        """Whether the rows of this table are to be read."""
        return self._wanted is None or name.lower() in self._wanted

    def unfilled(self) -> list[Table]:
        """The wanted tables that no row was read for."""
        return [table for key, table in self.tables.items() if key not in self.filled]

    def use(self, tokens: Sequence[Token]) -> None:
        """``USE database``."""
        _, self.database, behind = qualified_name(tokens, 1)
        if behind < len(tokens):
            raise Unreadable("USE without its end", tokens[behind].start)

    def create(self, tokens: Sequence[Token], *, is_whole: bool) -> None:
        """``CREATE`` of anything; ``is_whole``: the delimiter cannot stand inside."""
        at = _find(tokens, _KINDS)
        if at is None:
            return
        kind = tokens[at].text.upper()
        if kind == "TABLE":
            self._create_table(tokens, at + 1)
        elif kind == "VIEW":
            _, name, _ = qualified_name(tokens, _behind_if(tokens, at + 1))
            self.names.pop(name.lower(), None)
            self.tables.pop(name.lower(), None)
            self.views[name.lower()] = None
        elif kind in _ROUTINES:
            if not is_whole and _is_cut(tokens):
                what = f"a {kind} with a body and no DELIMITER"
                raise Unreadable(what, tokens[at].start)
            self.routines[kind.lower()] += 1
            if kind == "TRIGGER":
                self._note_trigger(tokens, at)

    def _create_table(self, tokens: Sequence[Token], at: int) -> None:
        at = _behind_if(tokens, at)
        database, name, behind = qualified_name(tokens, at)
        database, key = database or self.database, name.lower()
        self.names[key] = None
        if not self.is_wanted(key):
            self._columns(tokens, behind, key)
            return
        if self._spelled.setdefault(key, name) != name:
            what = (
                f"the tables {self._spelled[key]} and {name}, in PostgreSQL one name,"
            )
            raise Unreadable(what, tokens[at].start)
        known = self.tables.get(key)
        if known is not None and known.database != database:
            what, start = f"a second table {name}", tokens[at].start
            raise second_database(what, known.database, database, start)
        if key in self.filled:
            if tokens[at - 1].is_word("EXISTS"):
                return
            self._refuse_elsewhere(name, tokens[at])
            raise Unreadable(f"CREATE TABLE {name} after its rows", tokens[at].start)
        columns = self._columns(tokens, behind, key)
        if any(token.is_word("SELECT") for token in tokens[behind:]):
            raise Unreadable(f"CREATE TABLE {name} ... SELECT", tokens[at].start)
        if columns:
            self.tables[key] = Table(database, key, columns)

    def _columns(
        self, tokens: Sequence[Token], at: int, key: str
    ) -> tuple[Column, ...]:
        """The columns of a ``CREATE TABLE``, or those of the table it is ``LIKE``."""
        columns = table_columns(tokens, at)
        like = at + (at < len(tokens) and tokens[at].text == "(")
        if not columns and like < len(tokens) and tokens[like].is_word("LIKE"):
            _, model, _ = qualified_name(tokens, like + 1)
            columns = self._shapes.get(model.lower(), ())
        self._shapes[key] = columns
        return columns

    def _note_trigger(self, tokens: Sequence[Token], at: int) -> None:
        name = qualified_name(tokens, _behind_if(tokens, at + 1))[1]
        for index in range(at, len(tokens)):
            if tokens[index].is_word("ON"):
                _, table, _ = qualified_name(tokens, index + 1)
                self.triggered.setdefault(table.lower(), name)
                return

    def has_rows_of(self, name: str, database: str | None, *, is_named: bool) -> bool:
        """Whether rows of ``database`` are those of the table that is known.

        A table that was created without a database, and has no rows yet, is of the
        database that its INSERT itself names: DBeaver writes so.
        """
        table = self.tables[name]
        if database is None or table.database == database:
            return True
        is_open = is_named and table.database is None and name not in self.filled
        if not is_open or self._adopted not in (None, database):
            return False
        self._adopted = database
        self.tables[name] = replace(table, database=database)
        return True

    def drop(self, tokens: Sequence[Token]) -> None:
        """``DROP`` of a table, a view or a database; other drops change no rows."""
        if len(tokens) > 2 and tokens[1].is_word("DATABASE", "SCHEMA"):
            _, database, _ = qualified_name(tokens, _behind_if(tokens, 2))
            for name in self.filled:
                if self.tables[name].database == database:
                    self._refuse_filled("DROP DATABASE", name, tokens[0])
        if len(tokens) < 3 or not tokens[1].is_word("TABLE", "TABLES", "VIEW"):
            return
        at = _behind_if(tokens, 2)
        while at < len(tokens):
            _, name, behind = qualified_name(tokens, at)
            self._refuse_filled("DROP", name, tokens[at])
            self.tables.pop(name.lower(), None)
            self.names.pop(name.lower(), None)
            self.views.pop(name.lower(), None)
            at = behind + 1

    def alter(self, tokens: Sequence[Token]) -> None:
        """``ALTER TABLE``: keys may come later, as phpMyAdmin adds them."""
        if len(tokens) < 3 or not tokens[1].is_word("TABLE"):
            return
        at = _behind_if(tokens, 2)
        _, name, behind = qualified_name(tokens, at)
        if not self.is_wanted(name):
            return
        first, depth = True, 0
        for index in range(behind, len(tokens)):
            token = tokens[index]
            if first and not _is_harmless(tokens, index):
                what = f"ALTER TABLE {name} {token.text}"
                raise Unreadable(what, token.start)
            if token.kind == "operator":
                depth += (token.text == "(") - (token.text == ")")
            first = token.text == "," and token.kind == "operator" and depth == 0

    def change(self, tokens: Sequence[Token]) -> None:
        """A statement that changes rows or names: refused for wanted tables.

        What empties a table before its rows come, as HeidiSQL does, changes nothing.
        """
        verb = tokens[0].text.upper()
        empties = verb in ("DELETE", "TRUNCATE", "UPDATE")
        affected = self.filled if empties else self.filled | self.tables.keys()
        for token in tokens[1:]:
            if token.kind in ("name", "word") and token.text.lower() in affected:
                raise Unreadable(f"{verb} on the table {token.text}", tokens[0].start)

    def _refuse_filled(self, verb: str, name: str, token: Token) -> None:
        if name.lower() in self.filled:
            self._refuse_elsewhere(name, token)
            raise Unreadable(f"{verb} of {name} after its rows were read", token.start)

    def _refuse_elsewhere(self, name: str, token: Token) -> None:
        origin = self.origins.get(name.lower())
        if origin is not None and origin != self.file:
            what = f"a second table {name} (rows of the first are in {origin})"
            raise Unreadable(what, token.start)


def second_database(
    what: str, first: str | None, second: str | None, position: int
) -> Unreadable:
    """The refusal of one table's name, or of its rows, in two databases."""
    where = f"(database {second or 'unnamed'}; the first is in {first or 'unnamed'})"
    named = [f"mysqldump {database}" for database in (second, first) if database]
    way = ", or ".join(named)
    advice = f"The rows of one database are carried; dump one database: {way}"
    return Unreadable(f"{what} {where}", position, advice)


def _find(tokens: Sequence[Token], words: Sequence[str]) -> int | None:
    for index, token in enumerate(tokens):
        if token.is_word(*words):
            return index
    return None


def _behind_if(tokens: Sequence[Token], at: int) -> int:
    """The index behind ``IF [NOT] EXISTS``, if that stands at ``at``."""
    if at < len(tokens) and tokens[at].is_word("IF"):
        return at + (3 if at + 1 < len(tokens) and tokens[at + 1].is_word("NOT") else 2)
    return at


def _is_cut(tokens: Sequence[Token]) -> bool:
    """Whether a routine's body was cut at a delimiter that stands inside it."""
    words = [token.text.upper() for token in tokens if token.kind == "word"]
    return "BEGIN" in words and words.count("BEGIN") > words.count("END")


def _is_harmless(tokens: Sequence[Token], at: int) -> bool:
    """Whether an alteration keeps the columns' number, order and names."""
    follower = tokens[at + 1] if at + 1 < len(tokens) else None
    if tokens[at].is_word("RENAME"):
        return follower is not None and follower.is_word("INDEX", "KEY")
    if tokens[at].is_word("ADD", "DROP"):
        if follower is None or follower.is_word(*_HARMLESS_ADDITIONS):
            return follower is not None
        behind = tokens[at + 2 : at + 3]
        is_key = any(token.is_word("KEY", "INDEX", "UNIQUE") for token in behind)
        return follower.kind == "word" and is_key
    if tokens[at].is_word("MODIFY"):
        rest = tokens[at:]
        return not any(token.is_word("FIRST", "AFTER") for token in rest)
    if tokens[at].is_word("CONVERT", "DEFAULT", "CHARSET", "CHARACTER", "COLLATE"):
        return True
    return tokens[at].is_word(*_HARMLESS_ALTERATIONS)
