"""What publishing adds to the live schema, or removes from it, to make it secure.

Works out from the catalog what is missing, each with the statement that takes exactly
that back; what is in place already is not asked for, so a second call after the changes
finds none. Writes nothing itself.
"""

from __future__ import annotations

from psycopg import sql

from harness import settings
from harness.constraints import Change
from harness.database import Connection
from harness.security import audit_log, catalog, functions, policies, triggers
from harness.security.catalog import (
    ANON,
    AUDIT_LOG,
    AUTHENTICATED,
    BOOKINGS,
    CHAT_TABLES,
    PROFILES,
    Catalog,
)

#: Without these there is nothing to secure yet.
NEEDED = (*CHAT_TABLES, PROFILES, BOOKINGS)
#: What row level security does not govern, and no user of an API needs.
_UNGOVERNED = ("truncate", "trigger")


def missing_changes(connection: Connection) -> list[Change]:
    """Find what the chat tables lack to be secure, in the order in which it is made.

    Permissive policies go, whatever their name; then come the private schema, its
    functions, the log, triggers, one policy for each table and action, row level
    security and what is granted. Raises ``Refused`` when the live schema has a table
    with the log's name that is another. Reads only.
    """
    found = catalog.read(connection)
    if not set(NEEDED) <= set(found.tables):
        return []
    return [
        *policies.removals(connection, found),
        *functions.schema_changes(found),
        *functions.changes(found, functions.for_policies(found)),
        *audit_log.table_changes(found),
        *audit_log.function_changes(found),
        *triggers.changes(found),
        *policies.additions(found),
        *_row_security(found),
        *_grants(found),
    ]


def _row_security(found: Catalog) -> list[Change]:
    """Switch row level security on; a new log has it from the start."""
    return [
        Change(
            "row level security",
            name,
            name,
            _switch(name, "enable"),
            _switch(name, "disable"),
        )
        for name in (*CHAT_TABLES, AUDIT_LOG)
        if name in found.tables and not found.tables[name].has_row_security
    ]


def _switch(table: str, action: str) -> str:
    return (
        sql.SQL("alter table if exists {} {} row level security")
        .format(sql.Identifier(settings.live_schema(), table), sql.SQL(action))
        .as_string()
    )


def _grants(found: Catalog) -> list[Change]:
    """Take from users of the API what would go past row level security."""
    changes = []
    for table in CHAT_TABLES:
        for grantee in ("public", ANON, AUTHENTICATED):
            held = found.tables[table].grants.get(grantee, [])
            extra = [name for name in _UNGOVERNED if name in held]
            if extra:
                changes.append(audit_log.revocation(table, grantee, extra))
    return changes
