"""What the live tables are besides their rows, as the statements that would make them.

Reads ``pg_catalog`` on PostgreSQL 15 to 18 and writes nothing. A statement names what
stands in the live schema without that schema: it is meant for a session whose
``search_path`` is the live schema, or a scratch schema before it, which is how a backup
is tried out.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from harness import settings
from harness.database import Connection
from harness.queries import query

#: The kinds in the order in which their statements can be executed. Rows belong before
#: the first of ``AFTER_ROWS``.
KINDS = (
    "sequence",
    "table",
    "column",
    "default",
    "not null",
    "identity",
    "sequence ownership",
    "storage",
    "compression",
    "statistics target",
    "column option",
    "persistence",
    "table option",
    "sequence value",
    "primary key",
    "unique constraint",
    "exclusion constraint",
    "check",
    "index",
    "index option",
    "index statistics target",
    "cluster",
    "replica identity",
    "statistics",
    "foreign key",
    "disabled key",
    "incoming foreign key",
    "function",
    "view",
    "materialized view",
    "rule",
    "trigger",
    "trigger state",
    "policy",
    "policy of another table",
    "row level security",
    "owner",
    "grant",
    "column grant",
    "sequence grant",
    "comment",
    "publication",
)

#: What is made when the rows are there: keys are checked once, no trigger fires.
AFTER_ROWS = frozenset(KINDS[KINDS.index("sequence value") :])

#: What the application built on the tables; it is brought back when it is missing, and
#: otherwise nobody's business here.
DEPENDENTS = frozenset(
    {
        "function",
        "view",
        "materialized view",
        "policy of another table",
        "incoming foreign key",
    }
)

_QUERIES = (
    "structure_columns",
    "structure_options",
    "structure_keys",
    "structure_dependents",
    "structure_rights",
)


@dataclass(frozen=True)
class LiveObject:
    """One thing about a live table: ``ddl`` makes it, ``drop_ddl`` takes it away.

    Where there is nothing to take away, a flag for instance, ``drop_ddl`` is empty and
    ``ddl`` sets it. ``table`` is the view's name for what belongs to a view on a table.
    """

    table: str
    kind: str
    name: str
    ddl: str
    drop_ddl: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes two objects the same thing, if perhaps in two states."""
        return (self.table, self.kind, self.name)

    def __str__(self) -> str:
        """The object as a message names it."""
        if self.kind in ("table", *DEPENDENTS):
            return f"{self.kind} {self.name}"
        if self.kind in ("cluster", "replica identity", "row level security"):
            return f"{self.kind} of {self.table}"
        if self.kind == "comment":
            return f"comment on {self.name}"
        if self.kind == "grant":
            return f"grant on {self.table} to {self.name}"
        return f"{self.kind} {self.name} of {self.table}"


def read(
    connection: Connection,
    tables: Sequence[str],
    schema: str | None = None,
    *,
    then: Sequence[str] = (),
) -> list[LiveObject]:
    """Read what tables of a schema are, the live one by default.

    In an order in which the statements can be executed. A table that is not there has
    no objects. ``then`` names schemas whose objects are written without a schema too.
    """
    schema = schema or settings.live_schema()
    parts: dict[str, sql.Composable] = {
        "schema_name": sql.Literal(schema),
        "table_names": sql.Literal(list(tables)),
    }
    parts["relations"] = query("structure_relations", **parts)
    rows: list[tuple[Any, ...]] = []
    with search_path(connection, schema, *then):
        for name in _QUERIES:
            rows += connection.execute(query(name, **parts)).fetchall()
        rows = [_with_value(connection, row) for row in rows]
    rank = {kind: number for number, kind in enumerate(KINDS)}
    rows.sort(key=lambda row: (rank[row[1]], row[2], row[0], row[3]))
    return [
        LiveObject(table, kind, name, as_written(ddl), drop_ddl)
        for table, kind, _, name, ddl, drop_ddl in rows
    ]


#: ``name in ('a', 'b')`` of a varchar, as the server writes it: read again, it would
#: be another expression.
_LISTED = re.compile(
    r"""\(((?:\w+|"(?:[^"]|"")+")(?:\.(?:\w+|"(?:[^"]|"")+"))?)\)::text"""
    r"""\ (=\ ANY|<>\ ALL)\ \(\(ARRAY\["""
    r"""('(?:[^']|'')*'::character\ varying"""
    r"""(?:,\ '(?:[^']|'')*'::character\ varying)*)"""
    r"""\]\)::text\[\]\)""",
    re.VERBOSE,
)


def as_written(ddl: str) -> str:
    """Write an expression so that the server reads it back as the same."""
    words = {"= ANY": "in", "<> ALL": "not in"}
    return _LISTED.sub(lambda found: f"{found[1]} {words[found[2]]} ({found[3]})", ddl)


def differences(before: Iterable[LiveObject], after: Iterable[LiveObject]) -> list[str]:
    """Name what differs: missing in ``after``, extra in it, or another than before."""
    return [str(each) for each in compare(before, after)]


@dataclass(frozen=True)
class Difference:
    """One object that differs; ``wanted`` or ``found`` is None where it is missing."""

    wanted: LiveObject | None
    found: LiveObject | None

    @property
    def either(self) -> LiveObject:
        """The object, in whichever state there is."""
        either = self.wanted or self.found
        assert either is not None  # noqa: S101 - an object that is nowhere differs nowhere
        return either

    def __str__(self) -> str:
        """The difference as a message names it."""
        if self.found is None:
            return f"{self.wanted} is missing"
        if self.wanted is None:
            return f"{self.found} is extra"
        return f"{self.wanted} differs"


def compare(
    before: Iterable[LiveObject], after: Iterable[LiveObject]
) -> list[Difference]:
    """Find what differs, in the order of ``before``, then what is extra.

    Of a missing table only the table is named; of views and functions, only those that
    are missing.
    """
    wanted = {each.key: each for each in before}
    found = {each.key: each for each in after}
    made = {key[0] for key, each in wanted.items() if each.kind == "table"}
    missing = {table for table in made if (table, "table", table) not in found}
    differing = []
    for key, each in wanted.items():
        there = found.get(key)
        goes_with_it = each.table in missing and each.kind != "table"
        if each.kind == "disabled key" or (there is None and goes_with_it):
            continue
        if there is None:
            if each.table in made or each.kind in DEPENDENTS:
                differing.append(Difference(each, None))
        elif each.kind in DEPENDENTS or each.kind == "table":
            continue
        elif each.table in made and there.ddl != each.ddl:
            differing.append(Difference(each, there))
    for key, each in found.items():
        if key not in wanted and each.kind not in DEPENDENTS and each.table in made:
            differing.append(Difference(None, each))
    differing += _reordered(wanted, found, differing)
    return differing


def as_rows(objects: Iterable[LiveObject]) -> list[list[str]]:
    """What the tables are, as the ledger keeps it; ``from_rows`` reads it."""
    return [
        [each.table, each.kind, each.name, each.ddl]
        for each in objects
        if is_structure(each)
    ]


def from_rows(rows: Iterable[Sequence[str]]) -> list[LiveObject]:
    """What the tables were, out of ``as_rows``; without what takes them away."""
    return [LiveObject(table, kind, name, ddl, "") for table, kind, name, ddl in rows]


def fingerprint(objects: Iterable[LiveObject]) -> str:
    """Hash what the tables are.

    What their sequences hold and what is built on them does not count.
    """
    known = list(objects)
    tables = {each.name for each in known if each.kind == "table"}
    hashed = hashlib.sha256()
    lines = sorted(
        "\x1f".join((*each.key, each.ddl))
        for each in known
        if each.table in tables and is_structure(each)
    )
    hashed.update("\x1e".join(lines).encode())
    return hashed.hexdigest()


def is_structure(each: LiveObject) -> bool:
    """Whether only a change of the tables changes it, and neither use nor a view."""
    return each.kind not in DEPENDENTS and each.kind != "sequence value"


@contextmanager
def search_path(connection: Connection, *schemas: str) -> Iterator[None]:
    """Look names up in these schemas, and in no temporary table, for a while."""
    row = connection.execute("select current_setting('search_path')").fetchone()
    path = sql.SQL(", ").join(sql.Identifier(name) for name in (*schemas, "pg_temp"))
    connection.execute(sql.SQL("set local search_path to {}").format(path))
    yield
    # After an error the transaction takes the setting back itself.
    connection.execute(
        "select set_config('search_path', %s, true)", [row[0] if row else ""]
    )


def _with_value(connection: Connection, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Put into a sequence's row what it holds."""
    if row[1] != "sequence value":
        return row
    reference = row[4]
    value = connection.execute(
        sql.SQL("select last_value, is_called from {}").format(sql.SQL(reference))
    ).fetchone()
    last_value, is_called = value or (1, False)
    # "restart" gives the sequence new storage, so that setval is taken back with the
    # transaction, which it is not otherwise.
    ddl = sql.SQL("alter sequence {} restart; select setval({}, {}, {})").format(
        sql.SQL(reference),
        sql.Literal(reference),
        sql.Literal(last_value),
        sql.Literal(is_called),
    )
    return (*row[:4], ddl.as_string(), row[5])


def _reordered(
    wanted: dict[tuple[str, str, str], LiveObject],
    found: dict[tuple[str, str, str], LiveObject],
    differing: Sequence[Difference],
) -> list[Difference]:
    """Find tables whose columns are the same but stand in another order."""
    others = {d.either.table for d in differing if d.either.kind in ("table", "column")}
    reordered = []
    for key, each in wanted.items():
        if each.kind != "table" or each.table in others or key not in found:
            continue
        orders = [
            [each.name for each in side.values() if each.key[:2] == (key[0], "column")]
            for side in (wanted, found)
        ]
        if orders[0] != orders[1]:
            reordered.append(Difference(each, found[key]))
    return reordered
