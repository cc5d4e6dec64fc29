"""What the chat tables need to go on working with: realtime, and times of changes.

Plans what publishing adds: membership of Supabase's publication, and triggers that set
``updated_at`` where the application has none. Writes nothing itself.
"""

from __future__ import annotations

from psycopg import sql

from harness import settings
from harness.constraints import Change
from harness.database import Connection
from harness.queries import query
from harness.security import catalog, functions
from harness.security.catalog import CHAT_TABLES, SESSIONS, Catalog, Trigger

PUBLICATION = "supabase_realtime"
#: As pg_trigger has them: for each row, before, update.
_ROW_BEFORE_UPDATE = 1 | 2 | 16


def missing_changes(connection: Connection) -> list[Change]:
    """Find what of the wiring the chat tables lack; reads only."""
    found = catalog.read(connection)
    if not set(CHAT_TABLES) <= set(found.tables):
        return []
    return [*_touching(found), *_publishing(connection, found)]


def _touching(found: Catalog) -> list[Change]:
    """Triggers that set ``updated_at``, where it is a column and none does yet."""
    tables = [
        name
        for name in CHAT_TABLES
        if "updated_at" in found.columns(name)
        and not any(_sets_it(each) for each in found.triggers if each.table == name)
    ]
    if not tables:
        return []
    changes = [] if found.has_own_schema else functions.schema_changes(found)
    wanted = functions.private(found, "set_updated_at()", SESSIONS, ())
    changes += functions.changes(found, [wanted])
    for name in tables:
        trigger = sql.Identifier(f"{name}_set_updated_at")
        table = sql.Identifier(settings.live_schema(), name)
        make = sql.SQL(
            "create trigger {} before update on {} for each row execute function {}()"
        ).format(
            trigger, table, sql.Identifier(settings.security_schema(), "set_updated_at")
        )
        drop = sql.SQL("drop trigger if exists {} on {}").format(trigger, table)
        changes.append(
            Change(
                "trigger",
                name,
                f"{name}_set_updated_at",
                make.as_string(),
                drop.as_string(),
            )
        )
    return changes


def _sets_it(trigger: Trigger) -> bool:
    bits = trigger.type_bits & (_ROW_BEFORE_UPDATE | 64)
    return bits == _ROW_BEFORE_UPDATE and "updated_at" in trigger.source


def _publishing(connection: Connection, found: Catalog) -> list[Change]:
    """Membership of the publication, where it is there and may be changed by us.

    A table without a key is left out: once published, none of its rows could change.
    """
    rows = connection.execute(
        query("security_unpublished"),
        {"publication": PUBLICATION, "tables": list(CHAT_TABLES)},
    ).fetchall()
    return [_membership(name) for (name,) in rows if found.tables[name].has_identity]


def _membership(name: str) -> Change:
    publication = sql.Identifier(PUBLICATION)
    table = sql.Identifier(settings.live_schema(), name)
    add = sql.SQL("alter publication {} add table {}").format(publication, table)
    drop = sql.SQL(
        "do $undo$ begin alter publication {} drop table {};"
        " exception when undefined_object or undefined_table then null; end $undo$"
    ).format(publication, table)
    return Change("publication", name, PUBLICATION, add.as_string(), drop.as_string())
