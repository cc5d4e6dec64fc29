"""Decides in which order the landed 16 bytes of ids are, and records it.

Reads the new landing tables, and writes ``is_time_swapped`` of ``loaded_columns``. What
a column's own digits leave open, the ids that it shares with other tables and with the
two JSON files decide; otherwise the load is refused.
"""

from __future__ import annotations

from collections.abc import Mapping

import psycopg
from psycopg import sql

from harness.load.errors import DumpError
from harness.load.ids import ID_COLUMNS, is_swapped, undecided
from harness.load.schema import Table
from harness.load.staging import new_schema
from harness.queries import query

_Column = tuple[str, str]

#: The columns that hold ids of one kind; of the JSON files, those in the old system.
_KINDS: tuple[tuple[_Column, ...], ...] = (
    (("chat", "id"), ("message", "chat_id")),
    (("booking", "id"), ("chat", "booking_id"), ("bookings_created", "id")),
    (
        *(("booking", "buyer_id"), ("chat", "buyer_id")),
        *(("booking", "stylist_id"), ("chat", "stylist_id")),
        ("user_id_mapping", "old_id"),
    ),
    (("message", "id"),),
)


def decide_orders(connection: psycopg.Connection, tables: Mapping[str, Table]) -> None:
    """Record which id columns hold 16 bytes in swapped order.

    Raises ``DumpError`` when a column's ids can be read in both orders.
    """
    packed = [
        (name, column.name)
        for name, columns in ID_COLUMNS.items()
        if name in tables
        for column in tables[name].columns
        if column.name in columns and column.family == "binary"
    ]
    orders = {column: _by_versions(connection, column) for column in packed}
    while open_before := [column for column in packed if orders[column] is None]:
        for column in open_before:
            orders[column] = _by_references(connection, column, orders, tables)
        if not any(orders[column] is not None for column in open_before):
            raise DumpError(
                undecided(*open_before[0]) + "; no other table or file tells which. "
                "Nothing was loaded. Dump them as text: "
                "BIN_TO_UUID(id), or BIN_TO_UUID(id, 1) where they were swapped"
            )
    for column in (column for column in packed if orders[column]):
        connection.execute(
            sql.SQL(
                "update {} set is_time_swapped = true"
                " where table_name = %s and column_name = %s"
            ).format(sql.Identifier(new_schema(), "loaded_columns")),
            column,
        )


def _by_versions(connection: psycopg.Connection, column: _Column) -> bool | None:
    rows = connection.execute(query("landed_id_versions", **_named(column)))
    return is_swapped({(plain, swapped): count for plain, swapped, count in rows})


def _by_references(
    connection: psycopg.Connection,
    column: _Column,
    orders: Mapping[_Column, bool | None],
    tables: Mapping[str, Table],
) -> bool | None:
    """The order in which a column shares ids with others, if it does in one only."""
    kind = next(kind for kind in _KINDS if column in kind)
    known = [
        sql.SQL("select {} from {}").format(
            _digits(name, orders.get((table, name))),
            sql.Identifier(new_schema(), table),
        )
        for table, name in kind
        if (table, name) != column
        and orders.get((table, name), False) is not None
        and (table in tables or table in ("bookings_created", "user_id_mapping"))
    ]
    if not known:
        return None
    found = connection.execute(
        query(
            "landed_id_matches",
            known=sql.SQL(" union all ").join(known),
            **_named(column),
        )
    ).fetchone()
    plain, swapped = found or (0, 0)
    return None if bool(plain) == bool(swapped) else bool(swapped)


def _digits(column: str, order: bool | None) -> sql.Composable:
    """The 32 digits of a column's ids: of text, or of bytes in a known order."""
    name = sql.Identifier(column)
    if order is None:
        return sql.SQL("translate(lower({}), '{{}}-', '')").format(name)
    if order:
        return sql.SQL(
            "substr({0}, 11, 8) || substr({0}, 7, 4) || substr({0}, 3, 4)"
            " || substr({0}, 19)"
        ).format(name)
    return sql.SQL("substr({}, 3)").format(name)


def _named(column: _Column) -> dict[str, sql.Composable]:
    table, name = column
    return {
        "landed": sql.Identifier(new_schema(), table),
        "column": sql.Identifier(name),
    }
