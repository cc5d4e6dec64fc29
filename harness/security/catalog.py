"""What the chat tables have of security now: policies, functions, triggers, grants.

Reads ``pg_catalog`` and writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from harness import settings, structure
from harness.database import Connection
from harness.queries import query

SESSIONS, MESSAGES, AUDIT_LOG = "chat_sessions", "chat_messages", "chat_audit_logs"
PROFILES, BOOKINGS = "profiles", "bookings"
CHAT_TABLES = (SESSIONS, MESSAGES)
#: What we put into the private schema, and the one function that the API shows.
OWN_FUNCTIONS = (
    "user_id",
    "is_admin",
    "required_participants",
    "my_session_ids",
    "sees_session",
    "is_my_booking",
    "guard_session",
    "guard_admins",
    "log_change",
    "refuse_change",
    "mark_messages_read",
    "set_updated_at",
)
LIVE_FUNCTIONS = ("mark_chat_messages_read",)
#: The roles that Supabase's API acts as, and the one that its servers have.
ANON, AUTHENTICATED, SERVICE = "anon", "authenticated", "service_role"


@dataclass(frozen=True)
class Table:
    """A table of the live schema; ``grants`` are to all but its owner, by its owner."""

    name: str
    has_row_security: bool
    columns: list[str]
    required_columns: list[str]
    grants: dict[str, list[str]]
    has_identity: bool
    may_have_triggers: bool


@dataclass(frozen=True)
class Policy:
    """A policy; expressions as the server writes them, with every schema named."""

    table: str
    name: str
    is_permissive: bool
    command: str
    roles: tuple[str, ...]
    using: str | None
    check: str | None
    comment: str | None = None
    is_for_users: bool = True


@dataclass(frozen=True)
class Function:
    """A function; ``executors`` are all but its owner."""

    name: str
    signature: str
    body: str
    is_definer: bool
    has_fixed_path: bool
    executors: list[str]
    definition: str
    comment: str | None


@dataclass(frozen=True)
class Trigger:
    """A trigger and the function that it calls, by its qualified name."""

    table: str
    name: str
    calls: str
    type_bits: int
    is_enabled: bool
    source: str
    definition: str


@dataclass(frozen=True)
class Catalog:
    """Everything that the changes are worked out from.

    ``roles`` are those of Supabase's that there are; ``has_uid`` tells whether
    ``auth.uid()`` is one of its functions.
    """

    tables: dict[str, Table]
    policies: tuple[Policy, ...]
    own_functions: dict[str, Function]
    live_functions: dict[str, Function]
    triggers: tuple[Trigger, ...]
    roles: tuple[str, ...]
    has_uid: bool
    has_own_schema: bool

    @property
    def users(self) -> str:
        """The role of everybody who is logged in; everybody where there is none."""
        return AUTHENTICATED if AUTHENTICATED in self.roles else "public"

    @property
    def me(self) -> sql.Composed:
        """The call that gives the user of a request."""
        own = sql.Identifier(settings.security_schema(), "user_id")
        name = sql.Identifier("auth", "uid") if self.has_uid else own
        return sql.SQL("{}()").format(name)

    def columns(self, table: str) -> list[str]:
        """The columns of a live table; none when there is no such table."""
        return self.tables[table].columns if table in self.tables else []


def read(connection: Connection) -> Catalog:
    """Read what the live schema's chat tables have."""
    names = [*CHAT_TABLES, AUDIT_LOG, PROFILES, BOOKINGS]
    tables = {"tables": sql.Literal(names)}
    private = settings.security_schema()
    with connection.transaction(), structure.search_path(connection):
        row = connection.execute(
            "select to_regprocedure('auth.uid()') is not null,"
            " to_regnamespace(quote_ident(%s)) is not null,"
            " array(select rolname::text from pg_roles where rolname = any(%s))",
            [private, [ANON, AUTHENTICATED, SERVICE]],
        ).fetchone()
        has_uid, has_own_schema, roles = row or (False, False, [])
        return Catalog(
            tables={
                row[0]: Table(*row)
                for row in _rows(connection, "security_tables", **tables)
            },
            policies=tuple(
                Policy(table, name, is_permissive, command, tuple(to), *rest)
                for table, name, is_permissive, command, to, *rest in _rows(
                    connection, "security_policies", **tables
                )
            ),
            own_functions=_functions(connection, private, OWN_FUNCTIONS),
            live_functions=_functions(
                connection, settings.live_schema(), LIVE_FUNCTIONS
            ),
            triggers=tuple(
                Trigger(*row)
                for row in _rows(connection, "security_triggers", **tables)
            ),
            roles=tuple(roles),
            has_uid=has_uid,
            has_own_schema=has_own_schema,
        )


def normal(text: str) -> str:
    """A statement or expression without what the server adds when it writes it back."""
    text = re.sub(r"\s+as\s+\w+", " ", text, flags=re.IGNORECASE)
    text = re.sub(r"::[a-z ]+(\[\])?", "", text)
    return re.sub(r'[\s()"]', "", text).lower()


def _functions(
    connection: Connection, schema: str, names: Sequence[str]
) -> dict[str, Function]:
    rows = _rows(
        connection,
        "security_functions",
        schema_name=sql.Literal(schema),
        names=sql.Literal(list(names)),
    )
    return {row[1]: Function(*row) for row in rows}


def _rows(
    connection: Connection, name: str, **parts: sql.Composable
) -> Sequence[tuple[Any, ...]]:
    return connection.execute(query(name, **parts)).fetchall()
