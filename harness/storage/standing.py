"""What a standing switch means to the other stages: rows that name copies are no edits.

Publishing keeps what a row was switched to, landing and validating read it as it was
before, and a rollback waits until the switch is taken back. Reads the ledger alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from harness import settings
from harness.database import Connection
from harness.errors import Refused
from harness.queries import query

#: The columns of each live table that a switch writes, the reference first.
COLUMNS = {
    "chat_messages": ("file_url", "file_name", "file_size"),
    "media": ("file_path",),
}


def stands(connection: Connection, table: str) -> bool:
    """Whether rows of a live table name copies because of a switch."""
    if table not in COLUMNS:
        return False
    relation = sql.Identifier(settings.ledger_schema(), "storage_references")
    row = connection.execute(
        "select to_regclass(%s) is not null", [relation.as_string(connection)]
    ).fetchone()
    if not (row and row[0]):
        return False
    found = connection.execute(query("storage_standing"), {"table": table}).fetchone()
    return bool(found and found[0])


def require_none(connection: Connection, tables: Sequence[str]) -> None:
    """Raise ``Refused`` while rows of these tables are switched, or policies stand."""
    switched = [table for table in tables if stands(connection, table)]
    row = connection.execute(
        query("storage_policies_stand"), {"tables": list(tables)}
    ).fetchone()
    if not switched and not (row and row[0]):
        return
    what = (
        f"rows of {', '.join(switched)} name the copies of their files"
        if switched
        else "the policies of the files ask for the sessions"
    )
    raise Refused(
        f"{what}. Nothing was changed. Take storage back first: "
        "./inv storage.rollback --execute"
    )


def as_before(
    alias: str, table: str, column: str, type_name: str, *, stands: bool
) -> sql.Composable:
    """Compose a live column's value as it was before a switch that stands."""
    live = sql.Identifier(alias, column)
    if not stands or column not in COLUMNS.get(table, ()):
        return live
    return sql.SQL(
        "(select case when switched.row_id is null then {live}"
        " else (switched.before ->> {name})::{type} end"
        " from (values (1)) as one (row) left join {switched} as switched on {matches})"
    ).format(
        live=live,
        name=sql.Literal(column),
        type=sql.SQL(type_name),
        switched=_references(),
        matches=_matches(alias, table),
    )


def as_switched(
    table: str, column: str, value: sql.Composable, *, stands: bool
) -> sql.Composable:
    """Compose what an update writes: what the row was switched to, else the mart's.

    Only as long as the mart names the file that was copied. Aliases are ``live`` and
    ``mart``.
    """
    if not stands or column not in COLUMNS.get(table, ()):
        return value
    return sql.SQL(
        "(select case when switched.row_id is null then {value} else {live} end"
        " from (values (1)) as one (row) left join {switched} as switched"
        " on {matches} and switched.reference = {reference})"
    ).format(
        value=value,
        live=sql.Identifier("live", column),
        switched=_references(),
        matches=_matches("live", table),
        reference=sql.Identifier("mart", COLUMNS[table][0]),
    )


def _matches(alias: str, table: str) -> sql.Composed:
    """Compose that a standing reference is of this live row, which says the same."""
    return sql.SQL(
        "switched.table_name = {table} and switched.row_id = {id}"
        " and switched.switched_at is not null and switched.restored_at is null"
        " and switched.new_reference = {reference}"
    ).format(
        table=sql.Literal(table),
        id=sql.Identifier(alias, "id"),
        reference=sql.Identifier(alias, COLUMNS[table][0]),
    )


def _references() -> sql.Identifier:
    return sql.Identifier(settings.ledger_schema(), "storage_references")
