"""What the tables are that a cutover moves or refers to, and values between them.

Reads ``pg_catalog`` and writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql

from harness import legacy, structure
from harness.database import Connection
from harness.queries import query

#: The legacy tables, in the order in which everything is done with them.
NAMES = ("messages", "voice_notes")
#: A default that is the same for every row: a literal, with its type or without.
_CONSTANT = re.compile(r"('([^']|'')*'|-?[0-9.]+|true|false)(::[\w .\"\[\](),]+)?")
_WITH_ZONE, _WITHOUT_ZONE = "timestamp with time zone", "timestamp without time zone"


@dataclass(frozen=True)
class Column:
    """One column of a table, its type and default written for any search path.

    ``identity`` is as in ``pg_attribute``: ``a`` always, ``d`` by default, or empty;
    ``labels`` are those of an enumeration.
    """

    name: str
    type_name: str
    is_not_null: bool
    is_domain: bool
    default: str | None
    identity: str
    is_generated: bool
    labels: Sequence[str] | None

    @property
    def is_writable(self) -> bool:
        """Whether an insert may name the column."""
        return not self.is_generated and self.identity != "a"

    @property
    def constant(self) -> str | None:
        """The default of a column that is never null, if all rows have the same."""
        is_constant = self.default and _CONSTANT.fullmatch(self.default)
        return self.default if self.is_not_null and is_constant else None


@dataclass(frozen=True)
class Relation:
    """What has a name in a schema; ``kind`` is as in ``pg_class.relkind``."""

    name: str
    kind: str
    has_row_security: bool
    is_ours: bool
    has_id_index: bool


Columns = Mapping[str, Column]


def columns(connection: Connection, schema: str, table: str) -> dict[str, Column]:
    """Read the columns of a table by their names, in their order; none without it."""
    name = sql.Identifier(schema, table).as_string(connection)
    with structure.search_path(connection, "pg_catalog"):
        rows = connection.execute(query("cutover_columns"), {"table": name}).fetchall()
    return {row[0]: Column(*row) for row in rows}


def landed(table: str) -> dict[str, Column]:
    """The columns of a legacy table as the consolidation lands them."""
    return {
        name: Column(name, _as_landed(kind), False, False, None, "", False, None)
        for name, kind in legacy.TABLES[table].columns.items()
    }


def relations(
    connection: Connection, schema: str, names: Sequence[str]
) -> dict[str, Relation]:
    """Read what has these names in a schema."""
    rows = connection.execute(
        query("cutover_relations"), {"schema": schema, "names": list(names)}
    ).fetchall()
    return {row[0]: Relation(*row) for row in rows}


def converted(value: sql.Composable, given: str, wanted: str) -> sql.Composable:
    """Compose a value of one type as another; a time without a zone is in UTC."""
    if given == wanted:
        return value
    if given.startswith("timestamp") and wanted.startswith("timestamp"):
        if given.endswith(_WITH_ZONE[-14:]) == wanted.endswith(_WITH_ZONE[-14:]):
            return sql.SQL("{}::{}").format(value, sql.SQL(wanted))
        return sql.SQL("({} at time zone 'UTC')::{}").format(value, sql.SQL(wanted))
    return sql.SQL("{}::{}").format(value, sql.SQL(wanted))


def rows_as_landed(schema: str, table: str, present: Columns) -> sql.Composed:
    """Compose the rows of a legacy table as the consolidation lands them."""
    taken = []
    for name, kind in legacy.TABLES[table].columns.items():
        wanted = _as_landed(kind)
        value: sql.Composable = sql.SQL("null::{}").format(sql.SQL(wanted))
        if name in present:
            given = present[name].type_name
            value = converted(sql.Identifier("stored", name), given, wanted)
        taken.append(sql.SQL("{} as {}").format(value, sql.Identifier(name)))
    return sql.SQL("select {} from {} as stored").format(
        sql.SQL(", ").join(taken), sql.Identifier(schema, table)
    )


def _as_landed(kind: str) -> str:
    return _WITH_ZONE if kind == "timestamptz" else kind
