"""Real people and chats of the live database, some of each, to check the security with.

Reads the live tables, by keys and within limits, as their owner; writes nothing.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from harness import settings, target
from harness.database import Connection
from harness.queries import query
from harness.security.acting import Actor, Roles
from harness.security.catalog import MESSAGES, PROFILES, SESSIONS

#: How many participants are acted as.
PEOPLE = 3


@dataclass(frozen=True)
class People:
    """Who is acted as: users without rights beyond their own chats, and an admin."""

    users: tuple[Actor, ...]
    anonymous: Actor
    admin: Actor | None


@dataclass(frozen=True)
class Chats:
    """What one user can be tried with: rows as JSON, None where there is no such."""

    other_sessions: list[uuid.UUID]
    others_message: dict[str, Any] | None
    own_session: uuid.UUID | None
    own_message: dict[str, Any] | None
    received_message: dict[str, Any] | None
    others_booking: uuid.UUID | None


def people(connection: Connection, roles: Roles) -> People:
    """Choose some participants, a stranger, one without a profile, and an admin."""
    columns = {column.name for column in target.describe(connection, PROFILES)}
    role = "coalesce(profiles.role::text, '')" if "role" in columns else "''::text"
    rows = connection.execute(
        query("security_sample_people", people=sql.Literal(PEOPLE), role=sql.SQL(role))
    ).fetchall()
    known = [Actor(label, roles.users, str(user_id)) for label, user_id in rows]
    nobody = Actor("a user without a profile", roles.users, str(uuid.uuid4()))
    admins = [actor for actor in known if actor.label == "an admin"]
    return People(
        users=(*(actor for actor in known if actor not in admins), nobody),
        anonymous=Actor("nobody logged in", roles.anonymous),
        admin=admins[0] if admins else None,
    )


def chats(connection: Connection, actor: Actor) -> Chats:
    """Choose sessions and messages of others and of the user's own."""
    me = sql.Literal(actor.user_id or str(uuid.uuid4()))
    row = connection.execute(query("security_sample_chats", me=me)).fetchone()
    assert row is not None  # noqa: S101 - the query always has one row
    return Chats(*row)


@dataclass(frozen=True)
class Shape:
    """The columns of the chat tables that a row is written with, and a session."""

    sessions: sql.Composed
    messages: sql.Composed
    has_booking: bool
    session: dict[str, Any]


def shape(connection: Connection) -> Shape:
    """Read which columns a copied row is written with, and one session to copy."""
    columns = {
        name: [c.name for c in target.describe(connection, name) if not c.is_generated]
        for name in (SESSIONS, MESSAGES)
    }

    def joined(table: str) -> sql.Composed:
        return sql.SQL(", ").join(map(sql.Identifier, columns[table]))

    row = connection.execute(
        sql.SQL("select to_jsonb(session) from {} as session limit 1").format(
            sql.Identifier(settings.live_schema(), SESSIONS)
        )
    ).fetchone()
    return Shape(
        joined(SESSIONS),
        joined(MESSAGES),
        "booking_id" in columns[SESSIONS],
        row[0] if row else {},
    )
