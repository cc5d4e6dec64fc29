"""What a dump's ``CREATE TABLE`` says of a table's columns.

Owns ``Table`` and ``Column`` and their reading from a statement's tokens. Keys,
constraints and partitions are no columns. Pure: no I/O.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.load.charsets import DEFAULT
from harness.load.lexer import Token

_BIT = frozenset({"bit"})
_NUMERIC = frozenset(
    [
        "tinyint",
        "smallint",
        "mediumint",
        "int",
        "integer",
        "bigint",
        "decimal",
        "dec",
        "numeric",
        "fixed",
        "float",
        "double",
        "real",
        "bool",
        "boolean",
        "serial",
        "year",
        "int1",
        "int2",
        "int3",
        "int4",
        "int8",
        "middleint",
    ]
)
_BINARY = frozenset(
    [
        "binary",
        "varbinary",
        "tinyblob",
        "blob",
        "mediumblob",
        "longblob",
        "geometry",
        "point",
        "linestring",
        "polygon",
        "multipoint",
        "multilinestring",
        "multipolygon",
        "geometrycollection",
        "geomcollection",
        "vector",
    ]
)
_CHARACTER = frozenset(
    [
        "char",
        "varchar",
        "tinytext",
        "text",
        "mediumtext",
        "longtext",
        "enum",
        "set",
        "character",
        "nchar",
        "nvarchar",
    ]
)
_NOT_A_COLUMN = (
    "PRIMARY",
    "KEY",
    "INDEX",
    "UNIQUE",
    "CONSTRAINT",
    "FULLTEXT",
    "SPATIAL",
    "FOREIGN",
    "CHECK",
)
_TYPE_WORDS = ("UNSIGNED", "SIGNED", "ZEROFILL", "PRECISION", "VARYING")


@dataclass(frozen=True)
class Column:
    """One column: its lower-case name and its type as MySQL declares it.

    ``mysql_type`` is in lower case, ``datetime(6)``; ``None`` when no ``CREATE TABLE``
    told it. ``declared_charset`` is the column's own or the table's.
    ``can_be_omitted`` says that an INSERT without the column certainly lands NULL: it
    is generated, or its default is NULL. ``default`` is a literal default: its kind,
    ``string``, ``number`` or ``bit``, and its text. ``is_numbered`` marks an
    AUTO_INCREMENT: the server numbers a row that leaves it out, or gives it NULL.
    """

    name: str
    mysql_type: str | None = None
    declared_charset: str | None = None
    is_generated: bool = False
    is_invisible: bool = False
    can_be_omitted: bool = False
    default: tuple[str, str] | None = None
    is_numbered: bool = False

    @property
    def has_time_zone(self) -> bool:
        """Whether its values are TIMESTAMPs, or may be: no ``CREATE TABLE`` told."""
        return self._base in ("timestamp", "")

    @property
    def is_timestamp(self) -> bool:
        """Whether its values are certainly TIMESTAMPs."""
        return self._base == "timestamp"

    @property
    def family(self) -> str:
        """How its values are read: ``bit``, ``numeric``, ``binary`` or ``text``."""
        if self._base in _BIT:
            return "bit"
        if self._base in _NUMERIC:
            return "numeric"
        if self._base in _BINARY:
            return "binary"
        if self._base in _CHARACTER and self.declared_charset == "binary":
            return "binary"
        return "text"

    @property
    def charset(self) -> str:
        """The character set of its stored text; JSON, dates and numbers have one."""
        if self._base in _CHARACTER and self.declared_charset:
            return self.declared_charset
        return DEFAULT

    @property
    def _base(self) -> str:
        return (self.mysql_type or "").split("(")[0].split(" ")[0]

    @property
    def bits(self) -> int:
        """The width of a ``bit`` column."""
        digits = (self.mysql_type or "").partition("(")[2].partition(")")[0]
        return int(digits) if digits.isdigit() else 1


@dataclass(frozen=True)
class Table:
    """A table of the dump: its database, its lower-case name and its columns.

    ``is_declared`` is false when no ``CREATE TABLE`` was seen and the columns are those
    of the INSERT's own list.
    """

    database: str | None
    name: str
    columns: tuple[Column, ...]
    is_declared: bool = True

    @property
    def inserted(self) -> tuple[Column, ...]:
        """The columns that an INSERT without a list of its own gives, in order."""
        return tuple(column for column in self.columns if not column.is_invisible)


def qualified_name(tokens: Sequence[Token], at: int) -> tuple[str | None, str, int]:
    """Read ``name`` or ``database.name``: the database, the name, the index behind."""
    first = _identifier(tokens, at)
    if at + 2 < len(tokens) and tokens[at + 1].text == ".":
        return first, _identifier(tokens, at + 2), at + 3
    return None, first, at + 1


def _identifier(tokens: Sequence[Token], at: int) -> str:
    """The identifier at ``at``; a dump with double quotes may write it as a string."""
    if at < len(tokens) and tokens[at].kind in ("name", "word", "string", "number"):
        return tokens[at].text
    return ""


def table_columns(tokens: Sequence[Token], at: int) -> tuple[Column, ...]:
    """Read the columns of a ``CREATE TABLE`` from the parenthesis at ``at``.

    Returns no columns for ``LIKE`` and ``SELECT``, whose columns another table knows.
    """
    if at >= len(tokens) or tokens[at].text != "(" or tokens[at].kind != "operator":
        return ()
    items, end = _split(tokens, at)
    table_charset = _charset(tokens[end:])
    return tuple(_column(item, table_charset) for item in items if _is_column(item))


def _split(tokens: Sequence[Token], at: int) -> tuple[list[Sequence[Token]], int]:
    """Split at the commas between one pair of parentheses; the index behind them."""
    items, depth, first = [], 0, at + 1
    for index in range(at, len(tokens)):
        if tokens[index].kind != "operator":
            continue
        text = tokens[index].text
        depth += (text == "(") - (text == ")")
        if depth == 0 or (depth == 1 and text == ","):
            items.append(tokens[first:index])
            first = index + 1
        if depth == 0:
            return items, index + 1
    return items, len(tokens)


def _is_column(item: Sequence[Token]) -> bool:
    if len(item) < 2:
        return False
    if item[0].kind in ("name", "string"):
        return True
    if item[0].is_word(*_NOT_A_COLUMN, "LIKE"):
        return False
    is_period = item[0].is_word("PERIOD") and item[1].is_word("FOR")
    return item[0].kind == "word" and not is_period and not _is_key(item)


def _is_key(item: Sequence[Token]) -> bool:
    """Whether this is a key of any server's own kind: no type is called KEY or INDEX.

    CLUSTERING KEY is TokuDB's, SHARD KEY and SORT KEY are SingleStore's; VECTOR INDEX
    is MariaDB's and TiDB's.
    """
    is_clustering = item[0].is_word("CLUSTERING") and item[1].is_word("UNIQUE")
    return item[1].is_word("KEY", "INDEX") or is_clustering


def _column(item: Sequence[Token], table_charset: str | None) -> Column:
    mysql_type, at = _type(item)
    rest = item[at:]
    generated = any(
        token.is_word("GENERATED") or (token.is_word("AS") and _opens(rest, index + 1))
        for index, token in enumerate(rest)
    )
    return Column(
        name=item[0].text.lower(),
        mysql_type=mysql_type,
        declared_charset=_charset(rest) or table_charset,
        is_generated=generated,
        is_invisible=any(token.is_word("INVISIBLE") for token in rest),
        can_be_omitted=generated or _defaults_to_null(mysql_type, rest),
        default=None if generated else _literal_default(rest),
        is_numbered=any(token.is_word("AUTO_INCREMENT") for token in rest),
    )


def _opens(tokens: Sequence[Token], at: int) -> bool:
    return at < len(tokens) and tokens[at].text == "("


def _type(item: Sequence[Token]) -> tuple[str, int]:
    """The type with its length and sign, and the index behind it."""
    text, at = item[1].text.lower(), 2
    if _opens(item, at):
        _, end = _split(item, at)
        text += "".join(_in_type(token) for token in item[at:end])
        at = end
    while at < len(item) and item[at].is_word(*_TYPE_WORDS):
        text += " " + item[at].text.lower()
        at += 1
    return text, at


def _in_type(token: Token) -> str:
    if token.kind == "string":
        return "'" + token.text.replace("'", "''") + "'"
    return token.text.lower()


def _charset(tokens: Sequence[Token]) -> str | None:
    """The character set that a column's attributes or a table's options name."""
    for index, is_collation in _charset_words(tokens):
        value = index + 1
        if value < len(tokens) and tokens[value].text == "=":
            value += 1
        if value < len(tokens):
            name = tokens[value].text.lower()
            return name.partition("_")[0] if is_collation else name
    return None


def _charset_words(tokens: Sequence[Token]) -> Iterator[tuple[int, bool]]:
    """Where a character set's name follows, and after these, a collation's."""
    for index, token in enumerate(tokens):
        follows = index > 0 and tokens[index - 1].is_word("CHARACTER", "CHAR")
        if token.is_word("CHARSET") or (token.is_word("SET") and follows):
            yield index, False
    for index, token in enumerate(tokens):
        if token.is_word("COLLATE"):
            yield index, True


def _literal_default(rest: Sequence[Token]) -> tuple[str, str] | None:
    """The default's kind and text; ``None`` when it is NULL, computed or not there."""
    for index, token in enumerate(rest):
        if not token.is_word("DEFAULT"):
            continue
        value = [*rest[index + 1 : index + 3], None, None]
        first, second = value[0], value[1]
        if first is None or any(t.is_word("AUTO_INCREMENT") for t in rest):
            return None
        if first.kind in ("string", "number"):
            return first.kind, first.text
        if second is None:
            return None
        if first.kind == "operator" and first.text in "+-" and second.kind == "number":
            return "number", first.text + second.text
        if first.is_word("B") and second.kind == "string" and second.start == first.end:
            return "bit", second.text
        return None
    return None


def _defaults_to_null(mysql_type: str, rest: Sequence[Token]) -> bool:
    """Whether an INSERT that leaves the column out certainly stores NULL."""
    nullable = any(token.is_word("NULL") for token in rest)
    if mysql_type == "serial" or (mysql_type.startswith("timestamp") and not nullable):
        return False
    for index, token in enumerate(rest):
        follower = rest[index + 1] if index + 1 < len(rest) else None
        if token.is_word("NOT") and follower is not None and follower.is_word("NULL"):
            return False
        if token.is_word("AUTO_INCREMENT"):
            return False
        if token.is_word("DEFAULT"):
            return follower is not None and follower.is_word("NULL")
    return True
