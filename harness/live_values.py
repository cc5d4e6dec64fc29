"""How a value of ours is written as the type of the live column that takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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


def is_same(alias: str, column: Column, live_alias: str) -> sql.Composed:
    """Compose whether a live column has the value that ``alias`` has of it.

    An enumeration is compared as text: a value that it does not know is no error here.
    """
    if column.is_enum:
        return sql.SQL("{}::text is not distinct from {}").format(
            sql.Identifier(live_alias, column.name), sql.Identifier(alias, column.name)
        )
    return sql.SQL("{} is not distinct from {}").format(
        sql.Identifier(live_alias, column.name), as_live(alias, column)
    )


def source_hash(
    alias: str, columns: Sequence[str], live: Mapping[str, Column]
) -> sql.Composed:
    """Compose the hash of what ``alias`` holds for these live columns.

    They are hashed in alphabetical order, as ``hashing.content_hash`` does; the
    session's settings must be those of ``hashing.fix_session``.
    """
    values = [
        sql.Identifier(alias, name)
        if live[name].is_enum
        else as_live(alias, live[name])
        for name in sorted(columns)
    ]
    return sql.SQL("md5(row({})::text)").format(sql.SQL(", ").join(values))


def as_text(alias: str, columns: Sequence[str]) -> sql.Composed:
    """Compose a JSON object of a row's columns, each written as text.

    The type's own output, so that ``from_text`` gives back exactly what stood there.
    """
    pairs = [
        sql.SQL("select {}, {}::text").format(column, sql.Identifier(alias, column))
        for column in columns
    ]
    return sql.SQL(
        "(select jsonb_object_agg(kept.name, kept.content) from ({}) as kept"
        " (name, content))"
    ).format(sql.SQL(" union all ").join(pairs))


def from_text(content: sql.Composable, column: Column) -> sql.Composed:
    """Compose a live column's value out of what ``as_text`` made of the row."""
    return sql.SQL("({} ->> {})::{}").format(
        content, column.name, sql.SQL(column.type_name)
    )
