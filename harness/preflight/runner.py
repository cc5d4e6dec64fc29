"""Runs the checks one after the other; what goes wrong in one is that one's finding.

Rolls back after each of them. A connection that breaks ends the list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psycopg
from psycopg import errors

from harness import pipelines, target
from harness.database import Connection, Target, said_by
from harness.errors import HarnessError
from harness.preflight import (
    activity,
    consolidated,
    readiness,
    rights,
    room,
    server,
    tables,
)
from harness.preflight.context import Context, command
from harness.preflight.report import Check, Preflight, explained

#: How long a check waits for a lock of somebody else's.
LOCK_TIMEOUT = "1s"


@dataclass(frozen=True)
class _Look:
    """A check: the name of its line and the function that looks.

    A look that gives several lines names the first that it would give.
    """

    name: str
    look: Callable[[Context], Iterable[Check]]
    makes_temporary_tables: bool = False
    at_tables: bool = False


_LOOKS: tuple[_Look, ...] = (
    _Look("connection", server.connection),
    _Look("server_version", server.version),
    _Look("writable", server.writable),
    _Look("pooler", server.pooler),
    _Look("connections", server.connections),
    _Look("standbys", server.standbys),
    _Look("rights", rights.rights, at_tables=True),
    _Look("ownership", rights.ownership, at_tables=True),
    _Look("row_security", rights.row_security, at_tables=True),
    _Look("live_tables", tables.live_tables, at_tables=True),
    _Look("columns", tables.columns, at_tables=True),
    _Look("keys", tables.keys, at_tables=True),
    _Look("existing_rows", tables.existing_rows, at_tables=True),
    _Look("triggers", tables.triggers, at_tables=True),
    _Look("publications", tables.publications, at_tables=True),
    _Look("another_run", activity.another_run),
    _Look("locks", activity.locks),
    _Look("long_transactions", activity.long_transactions),
    _Look("idle_transactions", activity.idle_transactions),
    _Look("prepared_transactions", activity.prepared_transactions),
    _Look("disk_room", room.disk_room),
    _Look("temp_files", room.temp_files),
    _Look("landed", readiness.landed),
    _Look("audits", readiness.audits),
    _Look("rows_to_write", readiness.rows, makes_temporary_tables=True, at_tables=True),
    _Look("backup", readiness.backup, makes_temporary_tables=True, at_tables=True),
)

#: What is looked at for the consolidation besides, and after which of the others.
_OF_CONSOLIDATION: dict[str, tuple[_Look, ...]] = {
    "live_tables": (_Look("cutover", consolidated.cutover),),
    "existing_rows": (
        _Look("existing_values", consolidated.existing_values, at_tables=True),
        _Look("delete_rules", consolidated.delete_rules, at_tables=True),
    ),
    "publications": (_Look("identities", consolidated.identities, at_tables=True),),
    "landed": (_Look("legacy_rows", consolidated.legacy_rows),),
}


def run(
    connection: Connection, target: Target, *, needs_backup: bool = True
) -> Preflight:
    """Look at everything that could stop a publish, and change nothing.

    A transaction that is open on ``connection`` is rolled back. With ``needs_backup``
    false a missing backup is no failure: the caller takes one afterwards. Raises
    nothing for what it finds: a check that cannot look says so and fails.
    """
    context = Context(connection, target, needs_backup)
    found: list[Check] = []
    with _in_transactions(connection):
        for look in _looks():
            found += _looked(context, look)
            if connection.closed:
                break
    return Preflight(str(target), tuple(found))


def _looks() -> Iterator[_Look]:
    for look in _LOOKS:
        yield look
        if pipelines.current() is pipelines.CONSOLIDATION:
            yield from _OF_CONSOLIDATION.get(look.name, ())


@contextmanager
def _in_transactions(connection: Connection) -> Iterator[None]:
    """Keep every statement in a transaction, so that each can be taken back."""
    if connection.closed or not connection.autocommit:
        yield
        return
    connection.autocommit = False
    try:
        yield
    finally:
        if not connection.closed:
            connection.autocommit = True


def _looked(context: Context, look: _Look) -> list[Check]:
    connection = context.connection
    try:
        connection.rollback()
        makes_tables = look.at_tables and bool(context.coming)
        if not (look.makes_temporary_tables or makes_tables):
            connection.execute("set transaction read only")
        connection.execute(f"set local lock_timeout to '{LOCK_TIMEOUT}'")
        if makes_tables:
            _make_tables(connection)
        return list(look.look(context))
    except HarnessError as error:
        return [Check(look.name, "fail", *explained(error))]
    except psycopg.Error as error:
        return [_unseen(look.name, error, is_closed=connection.closed)]
    finally:
        with suppress(psycopg.Error):
            connection.rollback()


def _make_tables(connection: Connection) -> None:
    """Make, to be taken back at once, the live tables that are made before a publish.

    Where that is not allowed, the checks find that these are missing.
    """
    connection.execute("savepoint making")
    try:
        target.make_missing(connection)
    except (
        errors.InsufficientPrivilege,
        errors.InvalidSchemaName,
        errors.ReadOnlySqlTransaction,
    ):
        connection.execute("rollback to savepoint making")


def _unseen(name: str, error: psycopg.Error, *, is_closed: bool) -> Check:
    said = f"could not be looked at: {said_by(error)}"
    if is_closed:
        return Check(
            name,
            "fail",
            f"{said}; the connection is gone and nothing after this was looked at",
            "See that the server runs and can be reached, then run again:\n"
            f"{command('preflight')}",
        )
    if isinstance(error, errors.LockNotAvailable):
        return Check(
            name,
            "fail",
            f"could not be looked at: another session's lock was not released in "
            f"{LOCK_TIMEOUT}",
            "The lines another_run and locks name the session; wait for it to end, "
            f"then run again:\n{command('preflight')}",
        )
    if isinstance(error, errors.InsufficientPrivilege):
        remedy = "Mend what the lines rights and row_security say, then run again:"
    else:
        remedy = "Mend the cause, then run again:"
    return Check(name, "fail", said, f"{remedy}\n{command('preflight')}")
