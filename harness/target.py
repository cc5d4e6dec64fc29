"""The application's tables: made for a rehearsal, read before anything is published.

``create`` makes the tables that the specification describes in a database that has none
of them, and marks each with a comment; ``fill`` gives such a rehearsal the people and
bookings of the landed dump. Neither ever touches a table without that mark.
``make_missing`` gives an application the tables of its new chat system. ``describe``
reads what a live table is and writes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from psycopg import sql

from harness import pipelines, settings
from harness.database import Connection
from harness.errors import Refused
from harness.landed import find_landed
from harness.published import FITTING_TYPES
from harness.queries import query

#: A UUID in lower case, as PostgreSQL writes it (RFC 9562, section 4).
UUID_PATTERN = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"

REHEARSAL_MARK = "made by Carryover for a rehearsal"

#: The application's tables in the order of their references, after the queries of the
#: specification (phase 6, steps 2 and 3). Keys between them are publish's to add.
TABLES: dict[str, str] = {
    "profiles": """
        id uuid primary key,
        role text not null check (role in ('customer', 'stylist', 'admin')),
        full_name text,
        created_at timestamptz not null default now()
    """,
    "bookings": """
        id uuid primary key,
        customer_id uuid,
        stylist_id uuid,
        status text not null,
        created_at timestamptz not null default now()
    """,
    "chats": """
        id uuid primary key,
        booking_id uuid not null,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
    """,
    "chat_messages": """
        id uuid primary key,
        chat_id uuid not null,
        sender_id uuid not null,
        content text not null,
        is_read boolean not null default false,
        has_image boolean not null default false,
        created_at timestamptz not null default now()
    """,
    "media": """
        id uuid primary key,
        chat_message_id uuid,
        media_type text not null,
        owner_id uuid,
        file_path text not null,
        created_at timestamptz not null default now()
    """,
}


#: The tables of the new chat system, after the consolidation plan (phase 2) and the
#: names that its statements use; for an application that has not made them yet.
CHAT_TABLES: dict[str, str] = {
    "chat_sessions": """
        id uuid primary key default gen_random_uuid(),
        participants uuid[] not null default '{}',
        type text not null default 'booking',
        booking_id uuid,
        status text not null default 'active',
        title text,
        last_message_at timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        metadata jsonb default '{}'
    """,
    "chat_messages": """
        id uuid primary key default gen_random_uuid(),
        session_id uuid not null,
        sender_id uuid not null,
        type text not null default 'text',
        content text not null default '',
        file_url text,
        file_name text,
        file_size bigint default 0,
        duration_seconds integer,
        reply_to_message_id uuid,
        is_read boolean not null default false,
        delivered_at timestamptz,
        read_at timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        metadata jsonb default '{}'
    """,
}


class TargetMissing(Refused):
    """The database lacks the application's tables."""


class TargetDoesNotFit(Refused):
    """A live table lacks what would be published, or needs what nobody has."""


@dataclass(frozen=True)
class Column:
    """One column of a live table.

    ``type_name`` is as ``format_type`` spells it, ``base_type`` the same without length
    or precision; ``max_length`` is in characters, for a varchar that has one.
    ``is_required`` tells that an insert must name the column.
    """

    name: str
    type_name: str
    base_type: str
    max_length: int | None
    is_enum: bool
    is_not_null: bool
    is_required: bool
    is_generated: bool

    def fits(self, wanted: str) -> bool:
        """Whether the column holds every value of a mart's type exactly.

        The length of a varchar and the range of a number are checked row by row.
        """
        if wanted == "text" and self.is_enum:
            return True
        # A time with a precision of its own, "timestamp(3) …", does not fit: it rounds.
        return self.type_name.split("(")[0] in FITTING_TYPES[wanted]


def create(connection: Connection, *, by_participants: bool = False) -> list[str]:
    """Make the application's tables for a rehearsal.

    ``by_participants`` fits chats, also those that a rehearsal has, to be keyed by
    their customer and stylist: with both columns, and a booking that may be missing.
    Returns the names of the tables that were made: none when all stand already. Raises
    ``Refused`` when some stand that Carryover did not make, because then the database
    is somebody's.
    """
    present = existing_tables(connection)
    foreign = [name for name in present if name not in rehearsal_tables(connection)]
    missing = [name for name in TABLES if name not in present]
    if foreign and missing:
        raise Refused(
            f"the schema {settings.live_schema()} has {', '.join(foreign)} of its own "
            f"but lacks {', '.join(missing)}. Nothing was changed. Let the application "
            "make its tables, or name an empty database for a rehearsal."
        )
    schema = settings.live_schema()
    connection.execute(
        sql.SQL("create schema if not exists {}").format(sql.Identifier(schema))
    )
    for name in missing:
        connection.execute(
            sql.SQL("create table {} ({})").format(
                sql.Identifier(schema, name), sql.SQL(TABLES[name])
            )
        )
    mark(connection, missing)
    if by_participants and "chats" in rehearsal_tables(connection):
        connection.execute(
            sql.SQL(
                "alter table {} alter booking_id drop not null,"
                " add column if not exists customer_id uuid,"
                " add column if not exists stylist_id uuid"
            ).format(sql.Identifier(schema, "chats"))
        )
    return missing


def fill(connection: Connection) -> dict[str, int]:
    """Give a rehearsal the people and the migrated bookings of the landed dump.

    Earlier phases of a real migration have brought both; a rehearsal has only the dump.
    Returns the rows added by table; empty when the target is not a rehearsal's or the
    tables that the models read are not landed.
    """
    if not {"profiles", "bookings"} <= set(rehearsal_tables(connection)):
        return {}
    if not find_landed(connection).is_complete:
        return {}
    connection.execute(query("landed_ids"))
    connection.execute(
        query("rehearsal_people", uuid_pattern=sql.Literal(UUID_PATTERN))
    )
    profiles = connection.execute(query("rehearsal_profiles")).rowcount
    bookings = connection.execute(query("rehearsal_bookings")).rowcount
    connection.execute("drop table rehearsal_bookings")
    return {"profiles": profiles, "bookings": bookings}


def missing_chat_tables(connection: Connection) -> list[str]:
    """The tables of the new chat system that the application has not made."""
    if pipelines.current() is not pipelines.CONSOLIDATION:
        return []
    present = existing_tables(connection)
    return [name for name in CHAT_TABLES if name not in present]


def make_missing(connection: Connection) -> list[tuple[str, str, str]]:
    """Make those tables; returns each one's name, what made it, and what undoes it."""
    made = []
    for name in missing_chat_tables(connection):
        table = sql.Identifier(settings.live_schema(), name)
        create = sql.SQL("create table {} ({})").format(
            table, sql.SQL(CHAT_TABLES[name])
        )
        drop = sql.SQL("drop table if exists {}").format(table)
        connection.execute(create)
        made.append((name, create.as_string(), drop.as_string()))
    return made


def existing_tables(
    connection: Connection, names: Collection[str] | None = None
) -> list[str]:
    """The application's tables, or those of ``names``, in the live schema."""
    names = pipelines.current().live_tables if names is None else names
    rows = connection.execute(
        "select relname from pg_class"
        " where relnamespace = to_regnamespace(quote_ident(%s))"
        " and relkind in ('r', 'p', 'v', 'm', 'f') and relname = any(%s)",
        [settings.live_schema(), list(names)],
    ).fetchall()
    found = {row[0] for row in rows}
    return [name for name in names if name in found]


def rehearsal_tables(
    connection: Connection, names: Collection[str] | None = None
) -> list[str]:
    """The application's tables, or those of ``names``, that are a rehearsal's."""
    rows = connection.execute(
        "select relname from pg_class"
        " where relnamespace = to_regnamespace(quote_ident(%s))"
        " and relkind in ('r', 'v') and relname = any(%s)"
        " and obj_description(oid, 'pg_class') = %s",
        [
            settings.live_schema(),
            list(pipelines.current().live_tables if names is None else names),
            REHEARSAL_MARK,
        ],
    ).fetchall()
    return [row[0] for row in rows]


def mark(connection: Connection, names: Iterable[str]) -> None:
    """Mark tables of the live schema as a rehearsal's."""
    for name in names:
        connection.execute(
            sql.SQL("comment on table {} is {}").format(
                sql.Identifier(settings.live_schema(), name), REHEARSAL_MARK
            )
        )


def require_tables(connection: Connection) -> None:
    """Raise ``TargetMissing`` unless all of the application's tables stand."""
    present = existing_tables(connection)
    missing = [name for name in pipelines.current().live_tables if name not in present]
    if missing:
        rehearsal = pipelines.current().command("target.create")
        raise TargetMissing(
            f"the schema {settings.live_schema()} has no {', '.join(missing)}. Nothing "
            "was changed. Name the application's database, or make the tables for a "
            f"rehearsal with: {rehearsal}"
        )


def describe(connection: Connection, table: str) -> list[Column]:
    """Read the columns of a live table, in their order."""
    rows = connection.execute(
        query("live_columns"), {"table": f'"{settings.live_schema()}"."{table}"'}
    ).fetchall()
    return [Column(*row) for row in rows]


def check_columns(
    table: str,
    live: Sequence[Column],
    published: Sequence[str],
    optional: set[str],
    *,
    is_inserted: bool = True,
) -> list[str]:
    """Match the columns of a mart with those of its live table, by name.

    ``is_inserted`` is false for a mart whose rows all stand in the live table. Returns
    the columns to publish, in the live table's order. Raises ``TargetDoesNotFit`` when
    a column that must be published is missing, or when the live table requires one that
    the mart does not have.
    """
    name = f"{settings.live_schema()}.{table}"
    writable = {column.name for column in live if not column.is_generated}
    missing = [c for c in published if c not in optional and c not in writable]
    if missing:
        raise TargetDoesNotFit(
            f"the live table {name} has no column {', '.join(missing)} to publish "
            "into. Nothing was changed. Add it, or name the right database, and run "
            "again."
        )
    unsourced = [c.name for c in live if c.is_required and c.name not in published]
    if unsourced and is_inserted:
        raise TargetDoesNotFit(
            f"the live table {name} requires {', '.join(unsourced)}, which the "
            "source does not have. Nothing was changed. Give the column a default and "
            "run again."
        )
    return [c.name for c in live if c.name in published and not c.is_generated]
