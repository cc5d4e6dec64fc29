"""Ways to damage published live tables, and the words in which each must be named.

A way is the statements that do the damage and a pattern that one of the validation's
faults, or of its notes, must match.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple


class Damage(NamedTuple):
    """``script`` does the damage; ``named`` is a pattern that must be said of it."""

    script: str
    named: str
    is_fault: bool = True


#: By a column's type: another type with the conversion, another default, another value.
_RETYPED = {
    "uuid": "text using {c}::text",
    "uuid[]": "text[] using {c}::text[]",
    "text": "bytea using convert_to({c}, 'UTF8')",
    "boolean": "integer using {c}::integer",
    "integer": "double precision",
    "bigint": "double precision",
    "jsonb": "json using {c}::json",
    "timestamptz": "timestamptz(0)",
}
_DEFAULTS = {
    "uuid": "'00000000-0000-4000-8000-000000000000'",
    "uuid[]": "array['00000000-0000-4000-8000-000000000000']::uuid[]",
    "text": "'by default'",
    "boolean": "null",
    "integer": "7",
    "bigint": "7",
    "jsonb": "'[]'",
    "timestamptz": "'2001-01-01'",
}
_OTHER = {
    "uuid": "gen_random_uuid()",
    "uuid[]": "{c} || gen_random_uuid()",
    "text": "{c} || ' '",
    "boolean": "not {c}",
    "integer": "coalesce({c}, 0) + 1",
    "bigint": "coalesce({c}, 0) + 1",
    "jsonb": "'{{\"a\": 1}}'",
    "timestamptz": "{c} + interval '1 second'",
}


def of_columns(
    table: str, columns: Mapping[str, str], *, without_keys: str, among: str = ""
) -> Iterator[tuple[str, Damage]]:
    """What can be done to each column of a table; ``without_keys`` drops its keys.

    A column is dropped, renamed, retyped, given another default; a row gets a null or
    another value in it, one of ``among`` where not any of the table will do.
    """
    for c, kind in columns.items():
        column = f"{table}.{c}"
        alter = f"alter table {table} "
        yield (
            f"{column} dropped",
            Damage(f"{alter} drop column {c} cascade", rf"{column} is gone"),
        )
        yield (
            f"{column} renamed",
            Damage(f"{alter} rename column {c} to renamed", rf"{column} is gone"),
        )
        retyped = _RETYPED[kind].format(c=c)
        yield (
            f"{column} retyped",
            Damage(
                f"{without_keys} alter table {table} alter {c} drop default;"
                f" {alter} alter column {c} type {retyped}",
                rf"{column} is \w+",
            ),
        )
        yield (
            f"{column} defaulted",
            Damage(
                f"{alter} alter column {c} set default {_DEFAULTS[kind]}",
                rf"default {c} of {table}",
                # A default where there was none is an addition.
                is_fault=False,
            ),
        )
        source = among or table
        one = f"where id = (select id from {source} where {c} is not null limit 1)"
        yield (
            f"{column} nulled",
            Damage(
                f"{without_keys} {alter} alter column {c} drop not null;"
                f" update {table} set {c} = null {one}",
                rf"1 different row of {table} .* in {c}",
            ),
        )
        other = _OTHER[kind].format(c=c)
        yield (
            f"{column} altered",
            Damage(
                f"{without_keys} update {table} set {c} = {other} {one}",
                rf"of {table} .* in .*{c}",
            ),
        )


def of_texts(table: str, column: str) -> Iterator[tuple[str, Damage]]:
    """What can be done to a text: cut, padded, trimmed, recoded, recollated."""
    update = f"update {table} set {column} ="
    alter = f"alter table {table} alter column {column} type"
    where = f"where {column} <> ''"
    different = rf"different rows? of {table} .* in {column}"
    ways = {
        "narrowed": (
            f"{alter} varchar(2) using left({column}, 2)",
            rf"{table}.{column} is character varying\(2\), and the source has up to",
        ),
        "narrowed beyond need": (
            f"{alter} varchar(5000)",
            rf"column {column} of {table} is not as the publish left it",
        ),
        "recollated": (
            f'{alter} text collate "C"',
            rf"column {column} of {table} is not as the publish left it",
        ),
        "upper-cased": (f"{update} upper({column})", different),
        "cut": (f"{update} left({column}, -1) {where}", different),
        "padded": (f"{update} {column} || chr(160) {where}", different),
        "decomposed": (f"{update} {column} || chr(769) {where}", different),
        "emptied": (f"{update} '' {where}", different),
    }
    for way, (script, named) in ways.items():
        yield f"{table}.{column} {way}", Damage(script, named)


def of_times(table: str, column: str) -> Iterator[tuple[str, Damage]]:
    """What can be done to a time."""
    alter = f"alter table {table} alter column {column} type"
    different = rf"different rows? of {table} .* in {column}"
    update = f"update {table} set {column} ="
    ways = {
        "rounded": (
            f"{alter} timestamptz(0)",
            rf"{table}.{column} is timestamp\(0\) with time zone",
        ),
        "without zone": (
            f"set local time zone 'Asia/Tokyo'; {alter} timestamp;"
            " set local time zone 'UTC'",
            different,
        ),
        "one microsecond later": (
            f"{update} {column} + interval '1 microsecond'",
            different,
        ),
        "one hour earlier": (f"{update} {column} - interval '1 hour'", different),
        "now": (f"{update} now()", different),
    }
    for way, (script, named) in ways.items():
        yield f"{table}.{column} {way}", Damage(script, named)


def of_definitions(
    table: str, keys: Mapping[str, str], indexes: tuple[str, ...], *, without_keys: str
) -> Iterator[tuple[str, Damage]]:
    """Keys and indexes dropped or disabled, triggers and rules added, one by one."""
    alter = f"alter table {table}"
    for key, kind in keys.items():
        yield (
            f"{key} dropped",
            Damage(
                f"{alter} drop constraint {key} cascade",
                rf"{kind} {key} of {table} is gone",
            ),
        )
    for index in indexes:
        yield (
            f"{index} dropped",
            Damage(f"drop index {index}", rf"index {index} of {table} is gone"),
        )
    yield (
        f"{table} unlogged",
        Damage(
            f"{without_keys} {alter} set unlogged",
            rf"table {table} is unlogged since the publish",
        ),
    )
    for name, event in (
        ("insert", "before insert"),
        ("update", "before update"),
        ("delete", "before delete"),
    ):
        yield (
            f"{table} swallowing each {name}",
            Damage(
                f"{SWALLOW} create trigger swallow {event} on {table}"
                " for each row execute function swallow()",
                rf"trigger swallow of {table} was added since the publish",
                is_fault=False,
            ),
        )
        yield (
            f"{table} with a rule instead of each {name}",
            Damage(
                f"create rule swallow as on {name} to {table} do instead nothing",
                rf"rule swallow of {table} was added since the publish",
                is_fault=False,
            ),
        )


def under_a_blind_collation(table: str, column: str) -> str:
    """Upper-case a text under a collation that calls the result equal; needs ICU."""
    return (
        "create collation blind (provider = icu, locale = 'und-u-ks-level1',"
        f" deterministic = false); alter table {table} alter column {column} type text"
        f" collate blind; update {table} set {column} = upper({column})"
    )


SWALLOW = (
    "create or replace function swallow() returns trigger language plpgsql as"
    " $$ begin return null; end $$;"
)
