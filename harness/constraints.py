"""What publishing changes about the live schema, and how each change is undone.

Finds the keys, checks and indexes that a specification names and the live tables do not
have in an equivalent form; makes such changes, and those that others found, enters each
in the ledger, and undoes only what the ledger names.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from psycopg import sql

from harness import linkage, pipelines, settings
from harness.database import Connection
from harness.published import AllowedValues, Index, PublishedTable
from harness.queries import query

#: The kinds of change, as the ledger names them. Indexes are of use until the rows are
#: gone; tables that a run made for its rows go when all is proved, if they are empty.
TARGET_TABLES = frozenset({"target table"})
AFTER_ROWS = frozenset({"index"})
BEFORE_ROWS = frozenset(
    {
        "constraint",
        "schema",
        "function",
        "table",
        "trigger",
        "policy",
        "row level security",
        "publication",
        "grant",
    }
)
ALL = TARGET_TABLES | AFTER_ROWS | BEFORE_ROWS


@dataclass(frozen=True)
class Change:
    """One change of the live schema: ``ddl`` makes it, ``undo_ddl`` takes it back.

    ``check_ddl`` then checks a key that was added without looking at the rows;
    ``parent`` is the table that a foreign key refers to.
    """

    kind: str
    table: str
    name: str
    ddl: str
    undo_ddl: str
    check_ddl: str | None = None
    parent: str | None = None


def missing_changes(connection: Connection) -> list[Change]:
    """Find what the specification asks for and the live schema does not have yet.

    A key counts as there when one of the same columns and parent stands under any name;
    so does a plain index of the same columns. What names a column that the live table
    does without is not asked for.
    """
    present = {tuple(row) for row in connection.execute(query("live_keys")).fetchall()}
    columns = dict(connection.execute(query("live_column_names")).fetchall())
    indexes = [
        index
        for index in pipelines.current().indexes
        if set(index.columns) <= set(columns.get(index.table, ()))
    ]
    missing = [
        change
        for signatures, change in _specified(
            linkage.tables(connection), indexes, columns
        )
        if not present & set(signatures)
    ]
    return missing + [
        _check(connection, allowed)
        for allowed in pipelines.current().allowed
        if _is_free(connection, allowed)
    ]


def parents(changes: Sequence[Change]) -> list[str]:
    """The live tables that new keys refer to, which adding them locks as well."""
    return sorted({change.parent for change in changes if change.parent})


def altered(changes: Sequence[Change]) -> set[str]:
    """The tables of the pipeline at work that changes keep readers away from."""
    tables = {change.table for change in changes if change.kind not in AFTER_ROWS}
    return tables & set(pipelines.current().written)


def apply(connection: Connection, run_id: str, changes: Sequence[Change]) -> None:
    """Make the additions and enter them in the ledger, in the caller's transaction."""
    for change in changes:
        connection.execute(change.ddl.encode())
    for change in changes:
        if change.check_ddl:
            connection.execute(change.check_ddl.encode())
    enter(connection, run_id, changes)


def enter(connection: Connection, run_id: str, changes: Sequence[Change]) -> None:
    """Enter changes that are made in the ledger."""
    connection.cursor().executemany(
        sql.SQL(
            "insert into {}.schema_changes"
            " (run_id, kind, table_name, name, ddl, undo_ddl)"
            " values (%s, %s, %s, %s, %s, %s)"
        ).format(sql.Identifier(settings.ledger_schema())),
        [
            (
                run_id,
                change.kind,
                change.table,
                change.name,
                change.ddl,
                change.undo_ddl,
            )
            for change in changes
        ],
    )


def undo(
    connection: Connection,
    run_id: str | None,
    kinds: Collection[str],
    *,
    execute: bool = True,
) -> list[str]:
    """Undo the changes of these kinds that a run made and return their names.

    Without ``run_id`` those of every run. The newest go first. What somebody dropped
    since is passed over. A table that a run made stays when somebody has written into
    it. Without ``execute`` they are only named.
    """
    ledger = sql.Identifier(settings.ledger_schema())
    rows = connection.execute(
        sql.SQL(
            "select change_id, kind, name, undo_ddl from {}.schema_changes"
            " where run_id = coalesce(%s, run_id) and kind = any(%s)"
            " and rolled_back_at is null order by change_id desc"
        ).format(ledger),
        [run_id, list(kinds)],
    ).fetchall()
    if not execute:
        return [_named(kind, name) for _, kind, name, _ in rows]
    undone = []
    for change_id, kind, name, ddl in rows:
        if kind in TARGET_TABLES and _has_rows(connection, name):
            continue
        connection.execute(ddl.encode())
        connection.execute(
            sql.SQL(
                "update {}.schema_changes set rolled_back_at = now()"
                " where change_id = %s"
            ).format(ledger),
            [change_id],
        )
        undone.append(_named(kind, name))
    return undone


def changed_tables(connection: Connection, run_id: str) -> list[str]:
    """The live tables that undoing a run's changes keeps readers away from."""
    rows = connection.execute(query("changed_tables"), {"run_id": run_id}).fetchall()
    return [row[0] for row in rows]


def _named(kind: str, name: str) -> str:
    """A change as a person reads it; keys and indexes are known by their names."""
    return name if kind in ("constraint", "index") else f"{kind} {name}"


def _has_rows(connection: Connection, table: str) -> bool:
    row = connection.execute(
        "select to_regclass(%s) is not null", [_live(table).as_string(connection)]
    ).fetchone()
    if not (row and row[0]):
        return False
    found = connection.execute(
        sql.SQL("select exists (select from {})").format(_live(table))
    ).fetchone()
    return bool(found and found[0])


Signature = tuple[str, str, str, str]


def _specified(
    tables: Sequence[PublishedTable],
    indexes: Sequence[Index],
    columns: Mapping[str, Collection[str]],
) -> list[tuple[list[Signature], Change]]:
    """Pair each addition with the signatures that count as the same.

    A signature is (kind, table, columns, parent), as ``live_keys.sql`` writes them.
    """
    found: list[tuple[list[Signature], Change]] = []
    for table in tables:
        keys = [(column,) for column in table.unique]
        for key in [*keys, table.unique_together] if table.unique_together else keys:
            orders = (",".join(key), ",".join(reversed(key)))
            signatures = [("unique", table.name, names, "") for names in orders]
            found.append((signatures, _unique(table.name, key)))
    for table in tables:
        for column, parent in table.all_references.items():
            if column in table.references or column in columns.get(table.name, ()):
                signature = ("foreign key", table.name, column, parent)
                found.append(([signature], _foreign_key(table, column, parent)))
    for index in indexes:
        by_name = ("index name", index.table, index.name, "")
        kind = "index" if index.method == "btree" else f"index {index.method}"
        by_columns = (kind, index.table, ",".join(index.columns), "")
        signatures = [by_name] if index.predicate else [by_name, by_columns]
        found.append((signatures, _index(index)))
    return found


def _unique(table: str, columns: Sequence[str]) -> Change:
    definition = sql.SQL("unique ({})").format(
        sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    return _constraint(table, f"{table}_{'_'.join(columns)}_key", definition)


def _foreign_key(table: PublishedTable, column: str, parent: str) -> Change:
    name = table.key_names.get(column, f"{table.name}_{column}_fkey")
    rule = table.on_delete.get(column)
    definition = sql.SQL("foreign key ({}) references {} (id){} not valid").format(
        sql.Identifier(column),
        _live(parent),
        sql.SQL(f" on delete {rule}" if rule else ""),
    )
    return replace(_checked(table.name, name, definition), parent=parent)


def _is_free(connection: Connection, allowed: AllowedValues) -> bool:
    """Whether nothing says yet which values a column may have."""
    row = connection.execute(
        query("live_column_checks"),
        {
            "table": _live(allowed.table).as_string(connection),
            "column": allowed.column,
        },
    ).fetchone()
    return row == (False,)


def _check(connection: Connection, allowed: AllowedValues) -> Change:
    """Compose the check of a column, with the values that live rows have besides."""
    column = sql.Identifier(allowed.column)
    others = connection.execute(
        sql.SQL(
            "select distinct {column} from {table}"
            " where {column} <> all (%s::text[]) order by 1"
        ).format(column=column, table=_live(allowed.table)),
        [list(allowed.values)],
    ).fetchall()
    values = [*allowed.values, *(value for (value,) in others)]
    definition = sql.SQL("check ({} in ({})) not valid").format(
        column, sql.SQL(", ").join(map(sql.Literal, values))
    )
    return _checked(allowed.table, allowed.name, definition)


def _checked(table: str, name: str, definition: sql.Composable) -> Change:
    """A constraint that is added first and checked afterwards, under a lesser lock."""
    check = sql.SQL("alter table {} validate constraint {}").format(
        _live(table), sql.Identifier(name)
    )
    return replace(_constraint(table, name, definition), check_ddl=check.as_string())


def _constraint(table: str, name: str, definition: sql.Composable) -> Change:
    key = sql.Identifier(name)
    add = sql.SQL("alter table {} add constraint {} {}").format(
        _live(table), key, definition
    )
    drop = sql.SQL("alter table {} drop constraint if exists {}").format(
        _live(table), key
    )
    return Change("constraint", table, name, add.as_string(), drop.as_string())


def _index(index: Index) -> Change:
    columns = sql.SQL(", ").join(sql.Identifier(column) for column in index.columns)
    where = sql.SQL(f" where {index.predicate}" if index.predicate else "")
    method = sql.SQL("" if index.method == "btree" else f" using {index.method}")
    create = sql.SQL("create index {} on {}{} ({}){}").format(
        sql.Identifier(index.name), _live(index.table), method, columns, where
    )
    drop = sql.SQL("drop index if exists {}").format(_live(index.name))
    return Change(
        "index", index.table, index.name, create.as_string(), drop.as_string()
    )


def _live(name: str) -> sql.Identifier:
    return sql.Identifier(settings.live_schema(), name)
