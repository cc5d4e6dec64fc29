"""How a value of ours is written as the type of the live column that takes it."""

from __future__ import annotations

from psycopg import sql

from harness.target import Column


def as_live(alias: str, column: Column) -> sql.Composed:
    """Compose the column of ``alias`` as the live column's type.

    A live column that knows no time zone gets the time in UTC.
    """
    value = sql.Identifier(alias, column.name)
    if column.type_name == "timestamp without time zone":
        return sql.SQL("({} at time zone 'UTC')").format(value)
    # format_type quotes what needs it: the name comes from the catalogue, as SQL.
    return sql.SQL("{}::{}").format(value, sql.SQL(column.type_name))
