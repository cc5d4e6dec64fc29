"""Checks that what was decided about live rows has happened to them.

A trigger or a rule of the application can keep a row from being inserted, updated or
deleted, and the statement still succeeds. Every statement that writes live rows is
therefore counted against what was decided, and where triggers or rules are at work the
rows themselves are looked at. Reads the catalog and the live tables; writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from psycopg import sql

from harness import settings
from harness.database import Connection
from harness.errors import CheckFailed
from harness.queries import query

#: What the statement should have done to each row, as a message says it.
DONE = {"insert": "inserted", "update": "updated", "delete": "deleted"}


class RowsNotWritten(CheckFailed):
    """Live rows are not as a statement should have left them; it was rolled back."""


class Effect(NamedTuple):
    """What a statement was to do: ``event`` is ``insert``, ``update`` or ``delete``.

    ``decided`` is the number of rows that it was to reach in the live ``table``,
    ``undone`` that of those which it left as they were.
    """

    table: str
    event: str
    decided: int
    undone: int


class _Obstacle(NamedTuple):
    """A trigger or rule: when it acts, as ``before delete``, and whether it decides."""

    kind: str
    name: str
    acts: str
    is_deciding: bool


def may_differ(connection: Connection, tables: Sequence[str]) -> bool:
    """Whether triggers or rules of these live tables may change what a write does."""
    row = connection.execute(
        query("has_triggers_or_rules"), {"tables": list(map(_name, tables))}
    ).fetchone()
    return bool(row and row[0])


def require(connection: Connection, effects: Iterable[Effect], *, command: str) -> None:
    """Raise ``RowsNotWritten`` when rows are not as decided, naming what kept them.

    The caller's transaction is rolled back by the error. ``command`` is what to run
    again once the trigger or rule is out of the way.
    """
    for effect in effects:
        if effect.undone:
            raise RowsNotWritten(_sentence(connection, effect, command))


def _sentence(connection: Connection, effect: Effect, command: str) -> str:
    table = _name(effect.table)
    said = (
        f"{effect.undone:,} of {effect.decided:,} rows of {table} were not"
        f" {DONE[effect.event]}, though the statement succeeded"
    )
    found = _obstacles(connection, effect)
    if not found:
        return (
            f"{said}, and no trigger or rule of the table explains it. The "
            "transaction was rolled back, nothing was changed. Look at the triggers of "
            f"the tables that refer to it, then run: {command}"
        )
    named = " and ".join(f"the {o.kind} {o.name} ({o.acts})" for o in found)
    off = "; ".join(
        f"alter table {table} disable {o.kind} {_quoted(o.name)};" for o in found
    )
    verb = "keeps" if len(found) == 1 else "keep"
    return (
        f"{said}: {named} {verb} them from it. The transaction was rolled back, "
        f"nothing was changed. Disable what is named for that time ({off}), then run: "
        f"{command}"
    )


def _obstacles(connection: Connection, effect: Effect) -> list[_Obstacle]:
    """The rules and row triggers that can decide; else every trigger of the table."""
    rows = connection.execute(
        query("triggers_and_rules"),
        {"table": _name(effect.table), "event": effect.event},
    ).fetchall()
    found = [_Obstacle(*row) for row in rows]
    return [each for each in found if each.is_deciding] or found


def _name(table: str) -> str:
    return sql.Identifier(settings.live_schema(), table).as_string()


def _quoted(name: str) -> str:
    return sql.Identifier(name).as_string()
