"""What runs changed outside the tables of a backup, made again or taken back with them.

Policies and triggers of a live table call functions that are none of its parts, and
write an audit table that is none of the backup's. The ledger names what the runs made
of this kind, and a backup which of it stood. Works in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from harness.backup.store import Backup
from harness.database import Connection
from harness.queries import query

#: Something of that name stands already, by whoever's hand: it is left as it is.
_THERE = (
    psycopg.errors.DuplicateObject,
    psycopg.errors.DuplicateSchema,
    psycopg.errors.DuplicateTable,
    psycopg.errors.DuplicateFunction,
)


@dataclass(frozen=True)
class OutsideChange:
    """A change that the ledger names; ``is_wanted`` tells that the backup had it."""

    change_id: int
    kind: str
    table: str
    name: str
    ddl: str
    undo_ddl: str
    is_wanted: bool

    def __str__(self) -> str:
        """What differs, as the plan of a restore names it."""
        said = "missing" if self.is_wanted else "extra"
        return f"{self.kind} {self.name} is {said}"

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes the changes of two runs the same thing."""
        return (self.kind, self.table, self.name)


def find(connection: Connection, backup: Backup) -> list[OutsideChange]:
    """Find what differs from the backup, in the order in which it was made.

    What one run took away and a later one made again stands as it stood: it is in
    neither list. A backup of an earlier version knows of nothing outside its tables.
    """
    standing = backup.verification.get("standing_changes")
    if standing is None:
        return []
    rows = connection.execute(
        query(
            "backup_outside_changes",
            table_names=sql.Literal(backup.names),
            pipeline=sql.Literal(backup.pipeline.name),
            standing_changes=sql.SQL("{}::bigint[]").format(sql.Literal(standing)),
        )
    ).fetchall()
    changes = [OutsideChange(*row) for row in rows]
    made, gone = (
        {(*each.key, each.ddl) for each in changes if each.is_wanted is is_wanted}
        for is_wanted in (True, False)
    )
    return [each for each in changes if (*each.key, each.ddl) not in made & gone]


def make_again(connection: Connection, changes: Sequence[OutsideChange]) -> None:
    """Make what stood at the backup and was taken back since, the oldest first."""
    for each in changes:
        if each.is_wanted:
            _attempt(connection, each.ddl, _THERE)


def take_back(
    connection: Connection, changes: Sequence[OutsideChange]
) -> list[OutsideChange]:
    """Take back what was made since the backup, the newest first.

    Returns what stays, because somebody has built on it.
    """
    return [
        each
        for each in reversed(changes)
        if not each.is_wanted and not _is_taken_back(connection, each)
    ]


def _is_taken_back(connection: Connection, each: OutsideChange) -> bool:
    """Take one back; a schema's own statement passes over one that is not empty."""
    built_on = (psycopg.errors.DependentObjectsStillExist,)
    if not _attempt(connection, each.undo_ddl, built_on):
        return False
    if each.kind != "schema":
        return True
    row = connection.execute(
        "select to_regnamespace(quote_ident(%s)) is null", [each.name]
    ).fetchone()
    return bool(row and row[0])


def _attempt(
    connection: Connection, ddl: str, passed_over: tuple[type[psycopg.Error], ...]
) -> bool:
    connection.execute("savepoint outside")
    try:
        connection.execute(ddl.encode())
    except passed_over:
        connection.execute("rollback to savepoint outside")
        return False
    connection.execute("release savepoint outside")
    return True
