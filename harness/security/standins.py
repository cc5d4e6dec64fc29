"""What Supabase would bring, for a rehearsal on a plain PostgreSQL.

Makes roles, the schemas ``auth`` and ``storage``, the publication and the rights that
Supabase gives its roles in the live schema, each only where it is missing. Never
changes what is there. That the database is a rehearsal's is for the caller to see to.
"""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from harness import settings
from harness.database import Connection
from harness.queries import query
from harness.security.catalog import ANON, AUTHENTICATED, SERVICE
from harness.security.wiring import PUBLICATION

#: Roles are the whole server's: another database's rehearsal may make them meanwhile.
_ROLES = {
    ANON: "nologin noinherit",
    AUTHENTICATED: "nologin noinherit",
    SERVICE: "nologin noinherit bypassrls",
    "authenticator": "nologin noinherit",
}


def create(connection: Connection) -> list[str]:
    """Make what is missing of Supabase's, in the caller's transaction.

    Returns the names of what was made. Needs a superuser.
    """
    return [
        *_make_roles(connection),
        *_make_schema(connection, "auth"),
        *_make_schema(connection, "storage"),
        *_make_publication(connection),
        *_grant_live_schema(connection),
    ]


def _make_roles(connection: Connection) -> Iterator[str]:
    for name, attributes in _ROLES.items():
        row = connection.execute(
            "select from pg_roles where rolname = %s", [name]
        ).fetchone()
        if row is not None:
            continue
        members: sql.Composable = sql.SQL("")
        if name == "authenticator":
            members = sql.SQL(" grant {} to authenticator;").format(
                sql.SQL(", ").join(map(sql.Identifier, (ANON, AUTHENTICATED, SERVICE)))
            )
        connection.execute(
            sql.SQL(
                "do $make$ begin create role {} {};{} exception"
                " when duplicate_object or unique_violation then null; end $make$"
            ).format(sql.Identifier(name), sql.SQL(attributes), members)
        )
        yield f"role {name}"


def _make_schema(connection: Connection, name: str) -> Iterator[str]:
    row = connection.execute("select to_regnamespace(%s)", [name]).fetchone()
    if row and row[0] is None:
        connection.execute(sql.SQL("create schema {}").format(sql.Identifier(name)))
        connection.execute(query(f"security_standins_{name}"))
        yield f"schema {name}"


def _make_publication(connection: Connection) -> Iterator[str]:
    row = connection.execute(
        "select from pg_publication where pubname = %s", [PUBLICATION]
    ).fetchone()
    if row is None:
        connection.execute(
            sql.SQL("create publication {}").format(sql.Identifier(PUBLICATION))
        )
        yield f"publication {PUBLICATION}"


def _grant_live_schema(connection: Connection) -> Iterator[str]:
    """Let the roles use the live schema and all that will be made in it.

    So does Supabase: whatever is made there without care is open to everybody.
    """
    live = settings.live_schema()
    row = connection.execute(
        "select from pg_default_acl where defaclnamespace = to_regnamespace("
        "quote_ident(%s)) and defaclobjtype = 'r'"
        " and defaclrole = current_user::regrole",
        [live],
    ).fetchone()
    if row is not None:
        return
    schema = sql.Identifier(live)
    roles = sql.SQL(", ").join(map(sql.Identifier, (ANON, AUTHENTICATED, SERVICE)))
    connection.execute(sql.SQL("create schema if not exists {}").format(schema))
    connection.execute(sql.SQL("grant usage on schema {} to {}").format(schema, roles))
    for kind in ("tables", "sequences", "functions"):
        connection.execute(
            sql.SQL(
                "alter default privileges in schema {} grant all on {} to {}"
            ).format(schema, sql.SQL(kind), roles)
        )
    yield f"default privileges in schema {live}"
