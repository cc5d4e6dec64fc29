"""What the live tables are now, against what the publish left behind.

The publish enters in the ledger which columns it wrote and how the live tables were
defined when it ended. A published column that is gone, or whose type or length cannot
hold the source's values, is a fault by name, and so is a key, index, check or policy
that is gone or altered. What was added since is only noted. Reads the catalog and the
ledger; writes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import sql

from harness import linkage, pipelines, settings, structure, target
from harness.database import Connection
from harness.published import PublishedTable
from harness.queries import query
from harness.structure import Difference
from harness.validate.listing import expected
from harness.validate.outcome import Scope

#: What the truth of the rows rests on: a fault where it is gone or another. A key whose
#: triggers are disabled checks nothing.
_DECIDING = frozenset(
    {
        "table",
        "column",
        "default",
        "not null",
        "identity",
        "persistence",
        "primary key",
        "unique constraint",
        "exclusion constraint",
        "check",
        "index",
        "foreign key",
        "disabled key",
        "policy",
        "row level security",
    }
)
#: What nobody's rows depend on.
_IGNORED = frozenset(
    {
        "storage",
        "compression",
        "statistics target",
        "column option",
        "table option",
        "index option",
        "index statistics target",
        "cluster",
        "replica identity",
        "statistics",
        "owner",
        "grant",
        "column grant",
        "sequence grant",
        "sequence ownership",
        "comment",
        "publication",
    }
)


@dataclass(frozen=True)
class Definition:
    """The live tables as they can be compared.

    ``columns`` are those compared, by mart. ``relations`` take the place of the live
    tables, by their names: one that has lost a column reads as if it were null.
    ``faults`` and ``notes`` are said in words.
    """

    columns: Mapping[str, Sequence[target.Column]] = field(default_factory=dict)
    relations: Mapping[str, sql.Composable] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def relation(self, name: str) -> sql.Composable:
        """What a live table is read from."""
        known = self.relations.get(name)
        return known or sql.Identifier(settings.live_schema(), name)


@dataclass
class _Found:
    """What is found while the tables are looked at."""

    columns: dict[str, list[target.Column]] = field(default_factory=dict)
    #: By live table: the columns that cannot be read as the mart's, with its type.
    lost: dict[str, dict[str, str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    #: Columns of live tables that have a fault of their own.
    named: set[tuple[str, str]] = field(default_factory=set)


def examine(connection: Connection, scope: Scope) -> Definition:
    """Compare what the live tables are with the record of the newest publish."""
    record = scope.record
    found = _Found()
    described = {
        name: {column.name: column for column in target.describe(connection, name)}
        for name in pipelines.current().written
    }
    for table in linkage.tables(connection):
        _examine_columns(
            connection, table, described[table.live_name], record.columns, found
        )
    notes: list[str] = []
    if record.objects:
        now = structure.read(connection, pipelines.current().written)
        ours = {
            tuple(row) for row in connection.execute(query("own_changes")).fetchall()
        }
        for each in structure.compare(structure.from_rows(record.objects), now):
            _sort(each, ours, scope, found, notes)
    relations = {
        name: _readable(name, described[name], lost)
        for name, lost in found.lost.items()
    }
    columns: dict[str, Sequence[target.Column]] = dict(found.columns)
    return Definition(columns, relations, tuple(found.faults), tuple(notes))


def _examine_columns(
    connection: Connection,
    table: PublishedTable,
    live: Mapping[str, target.Column],
    recorded: Mapping[str, Sequence[str]],
    found: _Found,
) -> None:
    """See which published columns can be compared, and say of the others why not."""
    wanted = recorded.get(table.name) or [
        name for name in table.columns if name in live or name not in table.optional
    ]
    compared = found.columns.setdefault(table.name, [])
    for name in table.columns:
        column = live.get(name)
        if column is not None and not column.fits(table.columns[name]):
            said = (
                f"is {column.type_name}, which cannot hold every {table.columns[name]}"
            )
        elif column is None and name in wanted:
            said = "is gone, and was published"
        else:
            if column is not None and name in wanted:
                compared.append(column)
                if too_long := _too_long(connection, table, column):
                    _add_fault(found, table, name, too_long)
            continue
        found.lost.setdefault(table.live_name, {})[name] = table.columns[name]
        if name in wanted:
            _add_fault(found, table, name, said)


def _add_fault(found: _Found, table: PublishedTable, column: str, said: str) -> None:
    if (table.live_name, column) not in found.named:
        found.named.add((table.live_name, column))
        found.faults.append(f"the column {table.live_name}.{column} {said}")


def _too_long(
    connection: Connection, table: PublishedTable, column: target.Column
) -> str | None:
    """Say that a column is too short for what the source has, if it is."""
    if column.max_length is None:
        return None
    row = connection.execute(
        sql.SQL("select max(length({}::text)) from {}").format(
            sql.Identifier(column.name), expected(table.name)
        )
    ).fetchone()
    longest = (row and row[0]) or 0
    if longest <= column.max_length:
        return None
    return f"is {column.type_name}, and the source has up to {longest:,} characters"


def _readable(
    name: str, live: Mapping[str, target.Column], lost: Mapping[str, str]
) -> sql.Composed:
    """Compose a live table with its lost columns as nulls of the marts' types."""
    columns = [sql.Identifier(column) for column in live if column not in lost]
    nulls = [
        sql.SQL("null::{} as {}").format(sql.SQL(kind), sql.Identifier(column))
        for column, kind in lost.items()
    ]
    return sql.SQL("(select {} from {})").format(
        sql.SQL(", ").join([*columns, *nulls]),
        sql.Identifier(settings.live_schema(), name),
    )


def _sort(
    difference: Difference,
    ours: Collection[tuple[Any, ...]],
    scope: Scope,
    found: _Found,
    notes: list[str],
) -> None:
    """Put a difference among the faults or the notes, in words."""
    each = difference.either
    is_ours = (each.table, each.name) in ours
    is_extra = difference.wanted is None
    if each.kind in _IGNORED or (each.table, each.name) in found.named:
        return
    if is_extra and each.kind != "disabled key":
        if not is_ours:
            notes.append(f"{each} was added since the publish")
        return
    is_fault = is_ours or (each.kind in _DECIDING and not scope.in_use)
    said = _sentence(difference)
    if is_fault:
        found.faults.append(said)
    else:
        notes.append(said)


def _sentence(difference: Difference) -> str:
    each = difference.either
    if difference.found is not None and difference.found.ddl.endswith(" unlogged"):
        return (
            f"the table {each.table} is unlogged since the publish: a crash of the "
            "server would empty it"
        )
    if difference.wanted is None:
        return f"{each} checks nothing since the publish"
    if difference.found is None:
        return f"{each} is gone since the publish"
    is_now = difference.found.ddl.partition(f"{each.kind} ")[2] or difference.found.ddl
    return f"{each} is not as the publish left it: {is_now.strip()}"
