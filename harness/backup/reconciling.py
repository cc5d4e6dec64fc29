"""Brings what a table is besides its rows back to what it was at a backup.

Works in the caller's transaction, whose ``search_path`` is the live schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness import structure
from harness.backup.executing import execute_all
from harness.database import Connection
from harness.structure import AFTER_ROWS, DEPENDENTS, LiveObject

#: A pass may uncover what the next one mends: a dropped key leaves NOT NULL behind.
_PASSES = 4
_GRANTS = ("grant", "column grant", "sequence grant")
_VIEWS = ("view", "materialized view")
_KEYS = ("primary key", "unique constraint", "exclusion constraint", "index")


def made_anew(wanted: Sequence[LiveObject], found: Sequence[LiveObject]) -> set[str]:
    """Find the tables whose columns cannot be brought back by dropping others."""
    anew = set()
    for table in (each.name for each in wanted if each.kind == "table"):
        before, now = (
            {o.name: o.ddl for o in side if o.kind == "column" and o.table == table}
            for side in (wanted, found)
        )
        stands = any(o.kind == "table" and o.name == table for o in found)
        remaining = [(name, ddl) for name, ddl in now.items() if name in before]
        if not stands or remaining != list(before.items()):
            anew.add(table)
    return anew


def clear(
    connection: Connection,
    wanted: Sequence[LiveObject],
    found: Sequence[LiveObject],
    *,
    anew: set[str],
    has_rows: bool,
) -> list[LiveObject]:
    """Drop what is extra or different, and the tables that are made anew.

    With ``has_rows`` to rewrite or a table to make anew, the keys between the tables go
    too, so that no row takes another along. Returns what the application built on the
    tables and was dropped, to be made again.
    """
    tables = {each.name for each in wanted if each.kind == "table"}
    differing = structure.compare(wanted, found)
    gone = {d.found.key for d in differing if d.found and d.found.drop_ddl}
    # Grants are given anew in their order, rights are not in the way of anything.
    gone -= {each.key for each in found if each.kind in _GRANTS or each.kind == "table"}
    if has_rows or anew:
        gone |= {o.key for o in found if o.kind == "foreign key"}
    # Without the key that it names rows by, a published table takes no changes.
    naming = (*_KEYS, "replica identity")
    unnamed = {d.either.table for d in differing if d.either.kind in naming}
    if has_rows:
        gone |= {o.key for o in found if o.kind == "publication" and o.table in unnamed}
    dependents = _in_the_way(connection, found, anew, tables)
    keyless = {o.table for o in found if o.key in gone and o.kind in _KEYS}
    dependents += [
        o
        for o in found
        if o.kind == "incoming foreign key" and o.table in keyless - anew
    ]
    if keyless:
        gone |= {o.key for o in found if o.kind == "foreign key"}
    dropped = [o for o in found if o.key in gone and o.table not in anew]
    # A check or a policy would keep the functions from going that it calls.
    using = ("foreign key", "check", "policy", "rule", "trigger")
    dropped += [o for o in found if o.kind in using and o.table in anew]
    dropped += [o for o in dependents if o.kind in DEPENDENTS]
    dropped += [o for o in found if o.kind == "table" and o.table in anew]
    _drop_all(connection, found, dropped)
    # What the backup knows comes back as it was then; so does a table's own policy.
    own_keys = {o.drop_ddl for o in found if o.kind == "foreign key"}
    known = {o.key for o in wanted} | {o.table for o in wanted if o.kind in _VIEWS}
    return [
        o
        for o in dependents
        if o.drop_ddl not in own_keys
        and o.key not in known
        and o.table not in known
        and not (o.kind == "policy of another table" and o.table in tables)
    ]


def make_tables(
    connection: Connection, wanted: Sequence[LiveObject], anew: set[str]
) -> None:
    """Make tables as they were, still without keys, triggers and rights."""
    execute_all(
        connection,
        [o for o in wanted if o.table in anew and o.kind not in AFTER_ROWS],
    )


def complete(
    connection: Connection,
    wanted: Sequence[LiveObject],
    dependents: Sequence[LiveObject],
) -> None:
    """Make all that is missing, until the tables are what they were.

    ``dependents`` were dropped by ``clear`` and come back as they stood before it; the
    backup's own come back where they are missing.
    """
    names = [each.name for each in wanted if each.kind == "table"]
    rank = {kind: number for number, kind in enumerate(structure.KINDS)}
    target = sorted([*wanted, *dependents], key=lambda each: rank[each.kind])
    labels = set(names)
    for _ in range(_PASSES):
        found = structure.read(connection, names)
        there = {each.key for each in found}
        labels |= {o.table for o in target if o.kind in _VIEWS and o.key not in there}
        missing = _missing(target, found, set(names), labels)
        extra = [
            d.found
            for d in structure.compare(wanted, found)
            if d.found and d.found.drop_ddl and d.found.kind not in (*_GRANTS, "table")
        ]
        if not missing and not extra:
            return
        _drop_all(connection, found, extra)
        execute_all(connection, missing)


def _missing(
    target: Sequence[LiveObject],
    found: Sequence[LiveObject],
    tables: set[str],
    labels: set[str],
) -> list[LiveObject]:
    """What is to be made or set, in its order: of the tables, of views made anew."""
    there = {each.key: each.ddl for each in found}
    missing = []
    for each in target:
        if each.kind in (*_GRANTS, "table"):
            continue
        if each.kind in DEPENDENTS:
            if each.key not in there:
                missing.append(each)
        elif each.table in labels and there.get(each.key) != each.ddl:
            missing.append(_altering(each, each.key in there))
    rank = structure.KINDS.index
    missing += _grants(target, found, labels)
    return sorted(missing, key=lambda each: rank(each.kind))


def _grants(
    target: Sequence[LiveObject], found: Sequence[LiveObject], labels: set[str]
) -> list[LiveObject]:
    """Give rights anew, in the order of then, where any of a table's differs."""
    anew = []
    for label in sorted(labels):
        before, now = (
            [o for o in side if o.kind in _GRANTS and o.table == label]
            for side in (target, found)
        )
        if {(o.key, o.ddl) for o in before} != {(o.key, o.ddl) for o in now}:
            anew += [
                LiveObject(o.table, "grant", o.name, o.drop_ddl, "")
                for o in reversed(now)
            ]
            anew += [LiveObject(o.table, "grant", o.name, o.ddl, "") for o in before]
    return anew


def _altering(each: LiveObject, is_there: bool) -> LiveObject:
    """A sequence that stands is altered: what draws from it keeps it from going."""
    if each.kind != "sequence" or not is_there:
        return each
    ddl = each.ddl.replace("create sequence if not exists", "alter sequence", 1)
    return LiveObject(each.table, each.kind, each.name, ddl, each.drop_ddl)


def _in_the_way(
    connection: Connection,
    found: Sequence[LiveObject],
    anew: set[str],
    tables: set[str],
) -> list[LiveObject]:
    """What the application built on tables that are made anew, with its own rights."""
    standing = sorted(o.name for o in found if o.kind == "table" and o.name in anew)
    if not standing:
        return []
    return [
        o
        for o in structure.read(connection, standing)
        if o.table not in tables or o.kind in DEPENDENTS
    ]


def _drop_all(
    connection: Connection, found: Sequence[LiveObject], dropped: Iterable[LiveObject]
) -> None:
    """Drop things, last made first."""
    wanted = [each for each in dropped if each.kind != "sequence"]
    keys = {each.key for each in wanted}
    leaving = [o for o in found if o.key in keys]
    known = {o.key for o in leaving}
    leaving += [o for o in wanted if o.key not in known]
    # Asked of one table, a key of another one is incoming; asked of both, it is a key.
    statements = dict.fromkeys(o.drop_ddl for o in reversed(leaving))
    execute_all(
        connection, [LiveObject("", "", "", ddl, "") for ddl in statements if ddl]
    )
