"""The log of what is written to the chat tables, and who may read it.

Plans changes and writes nothing. The log is of the live schema, so that admins read it
through the API; nobody whom it records can write it. What it holds is kept in the
ledger when a rollback takes the log away.
"""

from __future__ import annotations

from psycopg import sql

from harness import settings
from harness.constraints import Change
from harness.errors import Refused
from harness.queries import query
from harness.security import functions
from harness.security.catalog import (
    AUDIT_LOG,
    SERVICE,
    SESSIONS,
    Catalog,
)
from harness.security.functions import role

#: What the log must have; another table of its name is somebody else's.
_COLUMNS = {"log_id", "logged_at", "actor_id", "database_role", "action", "before"}


def table_changes(catalog: Catalog) -> list[Change]:
    """The log, closed to everybody; the rights that have been given on it since."""
    found = catalog.tables.get(AUDIT_LOG)
    if found is None:
        return [_table(catalog)]
    if not set(found.columns) >= _COLUMNS:
        raise Refused(
            f"the live schema {settings.live_schema()} has a table {AUDIT_LOG} of its "
            "own, without the columns of our log. Nothing was changed. Rename it, and "
            "run the command again."
        )
    return _rights(catalog, found.grants)


def function_changes(catalog: Catalog) -> list[Change]:
    """The function of the log's triggers, which needs the log to be there."""
    return functions.changes(
        catalog, [functions.private(catalog, "log_change()", SESSIONS, ())]
    )


def _table(catalog: Catalog) -> Change:
    log = sql.Identifier(settings.live_schema(), AUDIT_LOG).as_string()
    create = query(
        "security_audit_log",
        log_name=sql.Literal(log),
        readers=sql.SQL(", ").join(role(name) for name in _readers(catalog)),
    )
    keep = query("security_keep_audit_log")
    return Change("table", AUDIT_LOG, AUDIT_LOG, create.as_string(), keep.as_string())


def _readers(catalog: Catalog) -> list[str]:
    return [
        catalog.users,
        *(name for name in (SERVICE,) if name in catalog.roles),
    ]


def _rights(catalog: Catalog, grants: dict[str, list[str]]) -> list[Change]:
    """Take away what was granted on the log besides reading; give reading back."""
    log = sql.Identifier(settings.live_schema(), AUDIT_LOG)
    give = sql.SQL("grant select on table {} to {}")
    take = sql.SQL("revoke select on table {} from {}")
    found = []
    for grantee, privileges in sorted(grants.items()):
        extra = sorted(set(privileges) - {"select"})
        if extra:
            found.append(revocation(AUDIT_LOG, grantee, extra))
    for reader in _readers(catalog):
        if "select" not in grants.get(reader, ()):
            parts = (log, role(reader))
            found.append(
                Change(
                    "grant",
                    AUDIT_LOG,
                    f"select to {reader}",
                    give.format(*parts).as_string(),
                    take.format(*parts).as_string(),
                )
            )
    return found


def revocation(table: str, grantee: str, privileges: list[str]) -> Change:
    """Take privileges on a live table away from a role."""
    parts = (
        sql.SQL(", ".join(privileges)),
        sql.Identifier(settings.live_schema(), table),
        role(grantee),
    )
    return Change(
        "grant",
        table,
        f"{', '.join(privileges)} from {grantee}",
        sql.SQL("revoke {} on table {} from {}").format(*parts).as_string(),
        sql.SQL("grant {} on table {} to {}").format(*parts).as_string(),
    )
