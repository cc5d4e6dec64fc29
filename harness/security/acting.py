"""Acting as somebody: a role and the claims of a request, in a savepoint taken back.

What an actor does is never kept, whether the database lets it happen or not.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from harness import locks
from harness.database import Connection, is_lost, said_by
from harness.errors import Refused
from harness.queries import query
from harness.security.catalog import ANON, AUTHENTICATED, SERVICE


@dataclass(frozen=True)
class Actor:
    """Somebody who uses the database: what they are, their role, and their user id."""

    label: str
    role: str
    user_id: str | None = None

    @property
    def claims(self) -> str:
        """The claims of such a user's request."""
        claims = {"role": self.role}
        if self.user_id:
            claims["sub"] = self.user_id
        return json.dumps(claims)


@dataclass(frozen=True)
class Outcome:
    """What came of an attempt: rows that it reached, or what the database said.

    ``is_refused`` tells a want of rights from any other error.
    """

    rows: int = 0
    value: Any = None
    error: str | None = None
    is_refused: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether it reached any row."""
        return self.error is None and self.rows > 0


@dataclass(frozen=True)
class Roles:
    """The names of the roles to act as; those of our own end with the transaction."""

    users: str
    anonymous: str
    service: str | None


def attempt(
    connection: Connection,
    actor: Actor | None,
    statement: sql.SQL | sql.Composed,
    parameters: Sequence[object] = (),
) -> Outcome:
    """Do something as somebody, or as ourselves, and take it back.

    Raises only what another try may cure, and when the connection is lost.
    """
    try:
        with connection.transaction(force_rollback=True):
            if actor:
                become(connection, actor)
            cursor = connection.execute(statement, parameters or None)
            row = cursor.fetchone() if cursor.description else None
            return Outcome(cursor.rowcount, row[0] if row else None)
    except locks.TRANSIENT:
        raise
    except psycopg.errors.InsufficientPrivilege as error:
        return Outcome(error=said_by(error), is_refused=True)
    except psycopg.Error as error:
        if is_lost(error):
            raise
        return Outcome(error=said_by(error))


def stays(
    connection: Connection,
    actor: Actor | None,
    statement: sql.SQL | sql.Composed,
    parameters: Sequence[object] = (),
) -> bool:
    """Do something and let it stay until the surrounding savepoint ends.

    Returns whether it reached a row. Raises what ``attempt`` raises.
    """
    try:
        with connection.transaction():
            if actor:
                become(connection, actor)
            rows = connection.execute(statement, parameters or None).rowcount
            connection.execute("reset role")
    except locks.TRANSIENT:
        raise
    except psycopg.Error as error:
        if is_lost(error):
            raise
        return False
    return rows > 0


def become(connection: Connection, actor: Actor) -> None:
    """Be somebody until the surrounding savepoint or transaction ends."""
    connection.execute(
        "select set_config('request.jwt.claims', %s, true),"
        " set_config('request.jwt.claim.sub', '', true),"
        " set_config('request.jwt.claim.role', '', true)",
        [actor.claims],
    )
    connection.execute(sql.SQL("set local role {}").format(sql.Identifier(actor.role)))


@contextmanager
def taken_back(connection: Connection) -> Iterator[Roles]:
    """A transaction in which policies apply, and which is rolled back at the end.

    On a server without Supabase's roles it makes two of its own, which go with it.
    Raises ``Refused`` when we may not act
    as a role.
    """
    connection.rollback()
    try:
        locks.limit_waiting(connection)
        # Many small statements: to compile one would take longer than all of them.
        connection.execute("set local row_security to on; set local jit to off")
        yield _roles(connection)
    finally:
        with_rollback(connection)


def with_rollback(connection: Connection) -> None:
    """Roll back unless the connection is gone."""
    if not connection.closed:
        connection.rollback()


def _roles(connection: Connection) -> Roles:
    rows = connection.execute(
        "select rolname from pg_roles where rolname = any(%s)",
        [[ANON, AUTHENTICATED, SERVICE]],
    ).fetchall()
    there = {row[0] for row in rows}
    names = {
        name: name if name in there else f"carryover_check_{name}_{os.getpid()}"
        for name in (ANON, AUTHENTICATED)
    }
    try:
        for name in names.values():
            if name not in there:
                connection.execute(
                    sql.SQL(
                        "create role {0} nologin; grant {0} to current_user"
                    ).format(sql.Identifier(name))
                )
            _let_in(connection, name)
        service = SERVICE if SERVICE in there else None
        roles = Roles(names[AUTHENTICATED], names[ANON], service)
        for role in (roles.users, roles.anonymous):
            with connection.transaction(force_rollback=True):
                become(connection, Actor("a test", role))
    except psycopg.errors.InsufficientPrivilege as error:
        raise Refused(
            f"the security cannot be checked, because our role may not act as the "
            f"users' roles: {said_by(error)}. Nothing was changed. Connect as the "
            f"owner of the database, or grant {AUTHENTICATED} and {ANON} to it."
        ) from error
    return roles


def _let_in(connection: Connection, name: str) -> None:
    """Give a role what an application's role has, where it cannot read the chats.

    Else nothing would be tried but that. It is taken back with the rest.
    """
    row = connection.execute(query("security_check_access"), {"role": name}).fetchone()
    if row and not row[0]:
        connection.execute(
            query(
                "security_check_role",
                role=sql.Identifier(name),
                role_name=sql.Literal(name),
            )
        )
