"""The triggers of the chat tables: what guards them, and what logs them.

Plans changes and writes nothing. Row level security cannot compare a row with what it
was before, so what must stay as it is has a guard.
"""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from harness import settings
from harness.constraints import Change
from harness.security.catalog import (
    AUDIT_LOG,
    CHAT_TABLES,
    PROFILES,
    SESSIONS,
    Catalog,
    normal,
)

#: What a user who is no admin cannot change of a session.
_KEPT = ("id", "participants", "booking_id")


@dataclass(frozen=True)
class Wanted:
    """A trigger as it should be; ``events`` in the order in which the server has them.

    ``level`` is row or statement.
    """

    table: str
    name: str
    events: str
    level: str
    function: str
    condition: sql.Composable | None = None

    @property
    def ddl(self) -> str:
        """The statement that makes it."""
        when = sql.SQL("")
        if self.condition:
            when = sql.SQL(f" when ({self.condition.as_string()})")
        return (
            sql.SQL("create trigger {} {} on {} for each {}{} execute function {}()")
            .format(
                sql.Identifier(self.name),
                sql.SQL(self.events),
                sql.Identifier(settings.live_schema(), self.table),
                sql.SQL(self.level),
                when,
                sql.Identifier(settings.security_schema(), self.function),
            )
            .as_string()
        )

    @property
    def undo_ddl(self) -> str:
        """The statement that takes it away, if it is there."""
        return (
            sql.SQL("drop trigger if exists {} on {}")
            .format(
                sql.Identifier(self.name),
                sql.Identifier(settings.live_schema(), self.table),
            )
            .as_string()
        )


def changes(catalog: Catalog) -> list[Change]:
    """The guards, what logs the chat tables, and what keeps the log as it is."""
    wanted = [_session_guard(catalog), *_logging(), *_closing()]
    profiles = catalog.tables[PROFILES]
    if profiles.may_have_triggers and "role" in profiles.columns:
        wanted.append(
            Wanted(
                PROFILES,
                "profiles_guard_admins",
                "before insert or update",
                "row",
                "guard_admins",
                sql.SQL("new.role::text = any (array['admin', 'super_admin'])"),
            )
        )
    return [change for each in wanted for change in _changes(catalog, each)]


def _session_guard(catalog: Catalog) -> Wanted:
    """Keep a session about what it is about; costs nothing while nobody changes it."""
    condition = sql.SQL(" or ").join(
        sql.SQL("old.{0} is distinct from new.{0}").format(sql.Identifier(name))
        for name in _KEPT
        if name in catalog.columns(SESSIONS)
    )
    name = f"{SESSIONS}_guard"
    return Wanted(SESSIONS, name, "after update", "row", "guard_session", condition)


def _logging() -> list[Wanted]:
    events = {
        "audit": ("after insert or delete or update", "row"),
        "audit_truncate": ("before truncate", "statement"),
    }
    return [
        Wanted(table, f"{table}_{name}", *event, "log_change")
        for table in CHAT_TABLES
        for name, event in events.items()
    ]


def _closing() -> list[Wanted]:
    """Let only triggers write the log; their own insert is one trigger deep."""
    return [
        Wanted(
            AUDIT_LOG,
            f"{AUDIT_LOG}_refuse_change",
            "before delete or update or truncate",
            "statement",
            "refuse_change",
        ),
        Wanted(
            AUDIT_LOG,
            f"{AUDIT_LOG}_refuse_insert",
            "before insert",
            "statement",
            "refuse_change",
            sql.SQL("pg_trigger_depth() = 0"),
        ),
    ]


def _changes(catalog: Catalog, wanted: Wanted) -> list[Change]:
    name, table = wanted.name, wanted.table
    # A lock on another table of the application is taken with the others.
    parent = None if table in (*CHAT_TABLES, AUDIT_LOG) else table
    there = [t for t in catalog.triggers if (t.table, t.name) == (table, name)]
    if not there:
        ddl, undo = wanted.ddl, wanted.undo_ddl
        return [Change("trigger", table, name, ddl, undo, parent=parent)]
    found = there[0]
    if found.is_enabled and normal(found.definition) == normal(wanted.ddl):
        return []
    undo = f"{wanted.undo_ddl}; {found.definition}"
    if not found.is_enabled:
        disable = sql.SQL("; alter table {} disable trigger {}").format(
            sql.Identifier(settings.live_schema(), table), sql.Identifier(name)
        )
        undo += disable.as_string()
    ddl = f"{wanted.undo_ddl}; {wanted.ddl}"
    return [Change("trigger", table, name, ddl, undo, parent=parent)]
