"""Locks on the live tables: all at once, for a bounded time, tried again when taken.

A transaction that changes live tables takes its locks before its first write and gives
up after ``LOCK_TIMEOUT``, so that the application's own statements do not queue behind
it for longer. ``retried`` runs such a transaction again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeVar

import psycopg
from psycopg import sql

from harness import settings
from harness.database import Connection, take_back
from harness.errors import Refused
from harness.queries import query

#: How long a statement waits for a lock, as PostgreSQL writes it. Less than the
#: server's ``deadlock_timeout`` (1 s), so that in a deadlock ours is the one to give up
#: and never a statement of the application.
LOCK_TIMEOUT = "800ms"
_LOCK_SECONDS = 0.8
#: Seconds between two looks at a lock that is not waited for.
_BREATH_SECONDS = 0.01
#: Seconds to wait before each further attempt.
PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)

#: What another try may cure: a lock that did not come, a deadlock, a lost race.
TRANSIENT = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
)

_Result = TypeVar("_Result")
OnWait = Callable[[str], None]


def limit_waiting(connection: Connection) -> None:
    """Bound, until the transaction ends, how long a statement waits for a lock."""
    connection.execute(sql.SQL("set local lock_timeout to {}").format(LOCK_TIMEOUT))


def lock_tables(
    connection: Connection, tables: Iterable[str], *, exclusively: Collection[str] = ()
) -> None:
    """Keep everybody else from writing these live tables until the transaction ends.

    Readers go on, but for those of the tables that are locked ``exclusively``; writers
    wait. All tables are locked in one order, and all within ``LOCK_TIMEOUT``. One that
    our role may refer to but neither update nor delete from is left out: only adding a
    key may lock it. Raises ``psycopg.errors.LockNotAvailable`` when that takes too
    long.
    """
    ends_at = time.monotonic() + _LOCK_SECONDS
    for name in _lockable(connection, {*tables, *exclusively}):
        left = max(1, round((ends_at - time.monotonic()) * 1000))
        connection.execute(
            sql.SQL(
                "set local lock_timeout to {left}; lock table {name} in {mode} mode"
            ).format(
                left=sql.Literal(f"{left}ms"),
                name=_live(name),
                mode=sql.SQL(
                    "access exclusive" if name in exclusively else "share row exclusive"
                ),
            )
        )
    limit_waiting(connection)


def take_over(connection: Connection, tables: Iterable[str]) -> None:
    """Keep readers away, too, of tables that are locked against writers already.

    Waiting for that would make a victim of whoever has read such a table and writes it
    now: the server ends one who waits for a lock of ours while we wait for theirs. So
    this asks again and again, for as long as ``LOCK_TIMEOUT``, and never waits. Raises
    ``psycopg.errors.LockNotAvailable`` when somebody always reads.
    """
    ends_at = time.monotonic() + _LOCK_SECONDS
    for name in _lockable(connection, tables):
        statement = sql.SQL("lock table {} in access exclusive mode nowait").format(
            _live(name)
        )
        while True:
            try:
                with connection.transaction():
                    connection.execute(statement)
                break
            except psycopg.errors.LockNotAvailable:
                if time.monotonic() > ends_at:
                    raise
                time.sleep(_BREATH_SECONDS)


def _lockable(connection: Connection, tables: Iterable[str]) -> list[str]:
    """The tables that our role may lock, in one order."""
    names = sorted(set(tables))
    allowed = connection.execute(
        "select has_table_privilege(name, 'update, delete, truncate')"
        " from unnest(%s::text[]) with ordinality as named (name, position)"
        " order by position",
        [[_live(name).as_string(connection) for name in names]],
    ).fetchall()
    return [
        name for name, (is_allowed,) in zip(names, allowed, strict=True) if is_allowed
    ]


def _live(name: str) -> sql.Identifier:
    return sql.Identifier(settings.live_schema(), name)


def retried(
    connection: Connection,
    work: Callable[[], _Result],
    *,
    tables: Sequence[str],
    on_wait: OnWait | None = None,
) -> _Result:
    """Do a whole transaction, again after a pause when a lock was not to be had.

    ``work`` must leave nothing behind when it raises. ``on_wait`` is told in a sentence
    whom it waits for. Raises ``Refused`` after the last attempt.
    """
    for pause in PAUSES:
        try:
            return work()
        except TRANSIENT as error:
            take_back(connection)
            if on_wait:
                on_wait(f"{_taken(connection, tables, error)}; again in {pause:g} s")
            time.sleep(pause)
    try:
        return work()
    except TRANSIENT as error:
        take_back(connection)
        raise Refused(
            f"{_taken(connection, tables, error)}, after {len(PAUSES) + 1} attempts. "
            "Nothing was changed. Wait for those sessions, or end them with "
            "pg_terminate_backend, and run the command again."
        ) from error


def _taken(connection: Connection, tables: Sequence[str], error: psycopg.Error) -> str:
    """Say which lock did not come, and who holds the tables."""
    schema = settings.live_schema()
    holders = connection.execute(
        query("lock_holders"), {"tables": [f'"{schema}"."{name}"' for name in tables]}
    ).fetchall()
    connection.rollback()
    if not isinstance(error, psycopg.errors.LockNotAvailable):
        return "another session changed the same rows at the same time"
    if not holders:
        return "the live tables stayed locked"
    named = ", ".join(
        f"process {pid} of {user} ({state}{f', {name}' if name else ''},"
        f" since {since:%H:%M:%S} UTC)"
        for pid, user, name, state, since in holders[:3]
    )
    more = f" and {len(holders) - 3} more" if len(holders) > 3 else ""
    return f"the live tables are locked by {named}{more}"
