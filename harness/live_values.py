"""How a value of ours is written as, and compared with, a live column of some type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg import sql

from harness.target import Column

#: Compared as text, byte by byte: a collation may call different texts equal, and
#: numbers in jsonb are equal however they are written.
_COMPARED_AS_TEXT = frozenset({"text", "character varying", "jsonb"})


def as_live(alias: str, column: Column) -> sql.Composed:
    """Compose the column of ``alias`` as the live column's type.

    The value is never cut to the column's length or precision: what is too long must
    be an error where it is written, and a difference where it is compared. A live
    column that knows no time zone gets the time in UTC.
    """
    value = sql.Identifier(alias, column.name)
    if column.base_type == "timestamp without time zone":
        return sql.SQL("({} at time zone 'UTC')").format(value)
    # The scale of a numeric column shows in its text, and so in the hashes of earlier
    # publishes; a value beyond it is an error, not another value.
    kind = column.type_name if column.base_type == "numeric" else column.base_type
    # format_type quotes what needs it: the name comes from the catalogue, as SQL.
    return sql.SQL("{}::{}").format(value, sql.SQL(kind))


def is_same(
    alias: str, column: Column, live: str | sql.Composable = "live"
) -> sql.Composed:
    """Compose whether a live column has exactly the value that ``alias`` has of it.

    ``live`` is the live table's alias, or an expression that takes the column's place.
    Texts are compared by their bytes, and nothing is cast to the live column's length
    or precision.
    """
    found = sql.Identifier(live, column.name) if isinstance(live, str) else live
    value: sql.Composable = sql.Identifier(alias, column.name)
    if column.is_enum or column.base_type in _COMPARED_AS_TEXT:
        return sql.SQL(
            '({})::text collate "C" is not distinct from {}::text collate "C"'
        ).format(found, value)
    if column.base_type == "timestamp without time zone":
        value = as_live(alias, column)
    return sql.SQL("{} is not distinct from {}").format(found, value)


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
    """Compose a live column's value out of what ``as_text`` made of the row.

    A column that was not there then keeps what ``live`` has in it.
    """
    return sql.SQL(
        "case when {content} ? {name} then ({content} ->> {name})::{type}"
        " else {live} end"
    ).format(
        content=content,
        name=sql.Literal(column.name),
        type=sql.SQL(column.type_name),
        live=sql.Identifier("live", column.name),
    )
