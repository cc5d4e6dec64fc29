"""Carries what was written into the legacy tables since they were landed.

Works in the cutover's transaction, under its lock and with the functions of the views:
a new row goes the way of an insert through its view, an edited one that of an update.
Both then are the application's own rows, so the ledger counts them and owns none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import sql

from harness import effects, legacy, settings
from harness.console import counted
from harness.cutover import tables, writing
from harness.cutover.steps import Facts
from harness.cutover.tables import NAMES, Columns
from harness.database import Connection
from harness.errors import Refused
from harness.queries import query

#: More rows are a consolidation's work: everybody waits while they are carried.
MOST = 10_000


@dataclass(frozen=True)
class Late:
    """The ids of rows written or edited since the landing, by legacy table."""

    written: Mapping[str, Sequence[str]] = field(default_factory=dict)
    edited: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any((*self.written.values(), *self.edited.values()))

    def __str__(self) -> str:
        """Count them: ``12 rows written, 3 rows edited``."""
        return counts_of(_total(self.written), _total(self.edited))


@dataclass(frozen=True)
class Carried:
    """How many rows were carried, and the ids of edited ones that were not.

    Those are ``left``: their message is not as it was published.
    """

    written: int
    edited: int
    left: Mapping[str, Sequence[str]]

    def __bool__(self) -> bool:
        return bool(self.written or self.edited)

    def __str__(self) -> str:
        return counts_of(self.written, self.edited)

    def as_dict(self) -> dict[str, Any]:
        """Write it for the ledger."""
        left = {name: list(ids) for name, ids in self.left.items()}
        return {"written": self.written, "edited": self.edited, "left": left}

    def warnings(self) -> tuple[str, ...]:
        """Say whose edits new clients do not see."""
        return tuple(
            f"{counted(len(ids), 'row')} of {name} edited since the landing "
            f"(such as {ids[0]}): the message in chat_messages is not as it was "
            "published, and stays as it is"
            for name, ids in self.left.items()
            if ids
        )


def counts_of(written: int, edited: int) -> str:
    """Say how many rows were written and edited."""
    said = []
    if written or not edited:
        said.append(f"{counted(written, 'row')} written")
    if edited:
        said.append(f"{counted(edited, 'row')} edited")
    return ", ".join(said)


def find(
    connection: Connection,
    facts: Facts,
    since: str | None = None,
    known: Late | None = None,
) -> Late:
    """Find what the consolidation has not seen; raises ``Refused`` when it is too much.

    With ``since`` looks only at rows written after that moment and at those ``known``
    then: under the lock everybody waits for this.
    """
    written: dict[str, list[str]] = {}
    edited: dict[str, list[str]] = {}
    for name in NAMES:
        rows = tables.rows_as_landed(facts.legacy_schema, name, facts.columns[name])
        if since is not None and known is not None:
            # A transaction's number wraps around: one that looks newer is looked at.
            rows += sql.SQL(
                " where age(stored.xmin) <= age({}::xid)"
                " or stored.id::uuid = any({}::uuid[])"
            ).format(since, [*known.written[name], *known.edited[name]])
        found = _late(connection, name, rows)
        written[name] = [key for key, is_edited in found if not is_edited]
        edited[name] = [key for key, is_edited in found if is_edited]
    if _total(written) + _total(edited) > MOST:
        raise Refused(
            f"more than {MOST:,} rows of {' and '.join(NAMES)} were written or edited "
            "since the legacy tables were landed, too many to carry while everybody "
            "waits. Nothing was changed. Run: ./inv consolidate --execute"
        )
    return Late(written, edited)


def carry(connection: Connection, facts: Facts, late: Late) -> Carried:
    """Carry rows that are in the archive now; the views' functions must be made.

    Raises ``RowsNotWritten`` when a row that belongs there has no message afterwards.
    """
    fit, left = _edited(connection, facts, late)
    for name, function in (
        ("messages", "carry_message"),
        ("voice_notes", "carry_note"),
    ):
        if late.written[name]:
            connection.execute(
                query(
                    "cutover_carry_written",
                    private=_private(),
                    carry=sql.Identifier(function),
                    legacy=sql.Identifier(f"legacy_{name}"),
                ),
                {"ids": list(late.written[name])},
            )
    _require_carried(connection, late)
    _carry_edits(connection, facts.columns["chat_messages"], fit)
    return Carried(_total(late.written), _total(fit), left)


def _require_carried(connection: Connection, late: Late) -> None:
    """Raise ``RowsNotWritten`` unless each late row with a place has its message."""
    decided = _total(late.written)
    if not decided:
        return
    row = connection.execute(
        query("cutover_not_carried", private=_private()),
        {name: list(late.written[name]) for name in NAMES},
    ).fetchone()
    found = effects.Effect("chat_messages", "insert", decided, row[0] if row else 0)
    effects.require(connection, [found], command="./inv cutover --execute")


def _carry_edits(
    connection: Connection, live: Columns, fit: Mapping[str, Sequence[str]]
) -> None:
    changes = {
        "messages": writing.message_changes(tables.landed("messages"), live),
        "voice_notes": writing.note_changes(tables.landed("voice_notes"), live),
    }
    for name, ids in fit.items():
        if not ids:
            continue
        cursor = connection.execute(
            query(f"cutover_carry_{name}", private=_private(), changes=changes[name]),
            {"ids": list(ids)},
        )
        if name == "messages":
            moved = [row[0] for row in cursor.fetchall()]
            connection.execute(
                sql.SQL(
                    "select {}.touch_session(id) from unnest({}::uuid[]) id"
                ).format(_private(), moved)
            )


def _edited(
    connection: Connection, facts: Facts, late: Late
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Part the edited rows that have a message by whether it is as published."""
    fit: dict[str, list[str]] = {name: [] for name in NAMES}
    left: dict[str, list[str]] = {name: [] for name in NAMES}
    if not any(late.edited.values()):
        return fit, left
    live = facts.columns["chat_messages"]
    kinds = writing.mart_types("chat_messages", live, without=("is_read",))
    rows = connection.execute(
        query(
            "cutover_edited",
            private=_private(),
            consolidated=sql.Identifier(settings.consolidated_schema()),
            message_columns=_as_text(
                {name: sql.Identifier("message", name) for name in kinds}
            ),
            mart_columns=_as_text(
                {
                    name: tables.converted(
                        sql.Identifier("mart", name), kind, live[name].type_name
                    )
                    for name, kind in kinds.items()
                }
            ),
        ),
        {name: list(ids) for name, ids in late.edited.items()},
    ).fetchall()
    for name, key, is_untouched in rows:
        (fit if is_untouched else left)[name].append(key)
    return fit, left


def _late(
    connection: Connection, name: str, rows: sql.Composed
) -> list[tuple[str, bool]]:
    compared = [column for column in legacy.TABLES[name].columns if column != "is_read"]
    return connection.execute(
        query(
            "cutover_late",
            consolidated=sql.Identifier(settings.consolidated_schema()),
            origin=sql.Literal(name),
            rows=rows,
            landing=sql.Identifier(settings.legacy_landing(name)),
            legacy_columns=_columns("legacy", compared),
            landed_columns=_columns("landed", compared),
            most=sql.Literal(MOST + 1),
        )
    ).fetchall()


def _columns(alias: str, names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(alias, name) for name in names)


def _as_text(values: Mapping[str, sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(
        sql.SQL("({})::text").format(value) for value in values.values()
    )


def _private() -> sql.Identifier:
    return sql.Identifier(settings.cutover_schema())


def _total(rows: Mapping[str, Sequence[str]]) -> int:
    return sum(map(len, rows.values()))
