"""A run at each of its stages, made by SQL, for the tests of what it leaves to read.

Nothing but the ledger's own schema comes from the project, so that the tables have only
what the artifacts may rely on.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from psycopg.types.json import Jsonb

from harness import ledger
from harness.database import Connection

RUN = "20260102T030405Z-00ff"
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
#: Quotes, a backslash, line ends, the JavaScript line separators, markup, an emoji, the
#: control characters that text may hold, and what COPY's own formats treat specially.
AWKWARD = 'a"b\\c\n\r\t\u2028\u2029</script>&amp;😀\x01\x02\x7f\\.\\N,é'

CHAT_1 = "aaaaaaaa-0000-4000-8000-000000000001"
CHAT_2 = "aaaaaaaa-0000-4000-8000-000000000002"
BOOKING_1 = "bbbbbbbb-0000-4000-8000-000000000001"
BOOKING_2 = "bbbbbbbb-0000-4000-8000-000000000002"
MESSAGE_1 = "cccccccc-0000-4000-8000-000000000001"
MESSAGE_2 = "cccccccc-0000-4000-8000-000000000002"
MESSAGE_3 = "cccccccc-0000-4000-8000-000000000003"
MEDIUM = "dddddddd-0000-4000-8000-000000000001"
USER = "eeeeeeee-0000-4000-8000-000000000001"

STAGING = """
    create schema staging;
    create table staging.loads (run_id text);
    create table staging.loaded_tables (
        table_name text, rows_read bigint, rows_rejected bigint
    );
    create table staging.rejected_rows (table_name text, reason text, excerpt text);
    create table staging.bookings_created (id text, success boolean);
    insert into staging.loaded_tables values
        ('chat', 6, 1), ('message', 5, 0), ('booking', 3, 0), ('buyer', 9, 0);
    insert into staging.rejected_rows values ('chat', '8 values for 9', 'secret words');
    insert into staging.bookings_created values
        ('B1', true), ('b1', true), ('b2', true), ('b3', false);
"""
MARTS = """
    create schema marts;
    create table marts.loaded_run (run_id text, loaded_at timestamptz);
    create table marts.chats (
        id uuid, booking_id uuid, customer_id uuid, stylist_id uuid,
        created_at timestamptz, updated_at timestamptz
    );
    create table marts.chat_messages (
        id uuid, chat_id uuid, sender_id uuid, content text, is_read boolean,
        has_image boolean, created_at timestamptz
    );
    create table marts.media (id uuid);
    create table marts.skipped_chats (
        source_row bigint, chat_id text, booking_id text, reason text
    );
    create table marts.skipped_messages (
        source_row bigint, message_id text, chat_id text, reason text
    );
    create table marts.coercions (table_name text, column_name text, rule text);
    create table marts.reconciliation (
        table_name text, rows_read bigint, rows_kept bigint, rows_merged bigint,
        rows_skipped bigint, rows_rejected bigint
    );
    create table marts.migration_metrics as select
        6::bigint as total_mysql_chats, 5::bigint as total_mysql_messages,
        3::bigint as total_mysql_bookings, 2::bigint as processed_chats,
        3::bigint as processed_messages, 2::bigint as skipped_chats,
        2::bigint as skipped_messages, 5::bigint as active_chats,
        1::bigint as image_messages, 2::bigint as customer_messages,
        1::bigint as stylist_messages, 1::bigint as merged_chats,
        0::bigint as merged_messages, 1::bigint as rejected_rows;
    create table marts.audit_results (
        name text, resource_type text, status text, severity text, failures bigint,
        message text, run_id text
    );
    insert into marts.media values ('dddddddd-0000-4000-8000-000000000001');
    insert into marts.skipped_chats values
        (4, 'x2', null, 'Booking was not migrated to PostgreSQL'),
        (3, 'x1', 'b9', 'Booking was not migrated to PostgreSQL');
    insert into marts.skipped_messages values
        (2, 'm9', 'x1', 'Chat was not processed'),
        (5, 'm8', 'x7', 'Could not find chat for this message');
    insert into marts.coercions values
        ('message', 'message', 'content_null_to_empty'),
        ('message', 'message', 'content_null_to_empty');
    insert into marts.reconciliation values
        ('chat', 6, 2, 1, 2, 1), ('message', 5, 3, 0, 2, 0), ('booking', 3, 3, 0, 0, 0);
"""
LIVE = """
    create table chats (id uuid, booking_id uuid);
    create table chat_messages (
        id uuid, chat_id uuid, sender_id uuid, content text, has_image boolean
    );
    create table media (id uuid, chat_message_id uuid, media_type text);
"""


def load(connection: Connection, run_id: str = RUN) -> None:
    """Land a dump of six chats, five messages and three bookings as a run."""
    connection.execute("drop schema if exists staging cascade")
    connection.execute(STAGING)
    connection.execute("insert into staging.loads values (%s)", [run_id])
    ledger.ensure(connection)
    ledger.begin_run(connection, run_id, target="host/db")
    ledger.add_input(
        connection, run_id, kind="dump", name="<d>.sql", size=2048, sha256="0f", rows=11
    )
    step(connection, run_id, "load", rows=11)


def step(connection: Connection, run_id: str, name: str, **values: Any) -> None:
    """Enter a step that took a second and a quarter."""
    record = ledger.StepRecord(**values)
    ledger.add_step(connection, run_id, name, START, record)
    connection.execute(
        "update carryover.steps set seconds = 1.25, finished_at = %s"
        " where run_id = %s and step = %s",
        [START + timedelta(seconds=1, milliseconds=250), run_id, name],
    )


def build(connection: Connection, run_id: str = RUN) -> None:
    """Build the marts of a run: of each kind of fate at least one row."""
    connection.execute("drop schema if exists marts cascade")
    connection.execute(MARTS)
    connection.execute("insert into marts.loaded_run values (%s, %s)", [run_id, START])
    connection.cursor().executemany(
        "insert into marts.chats values (%s, %s, null, null, %s, %s)",
        [
            (CHAT_2, BOOKING_2, START + timedelta(microseconds=7), START),
            (CHAT_1, BOOKING_1, START, START + timedelta(days=1)),
        ],
    )
    connection.cursor().executemany(
        "insert into marts.chat_messages values (%s, %s, %s, %s, %s, %s, %s)",
        [
            (MESSAGE_1, CHAT_1, USER, AWKWARD, True, False, START),
            (MESSAGE_2, CHAT_1, USER, "", False, False, START),
            (MESSAGE_3, CHAT_2, USER, "a.jpg", False, True, START),
        ],
    )
    ledger.set_status(connection, run_id, "built")


def publish(connection: Connection, run_id: str = RUN) -> None:
    """Publish all but the second chat's message, which fails."""
    connection.execute(LIVE)
    connection.execute(
        "insert into chats select id, booking_id from marts.chats;"
        "insert into chat_messages select id, chat_id, sender_id, content, has_image"
        " from marts.chat_messages where id <> 'cccccccc-0000-4000-8000-000000000002'"
    )
    connection.execute(
        "insert into media values (%s, %s, 'chat_image')", [MEDIUM, MESSAGE_3]
    )
    for table in ("chats", "chat_messages", "media"):
        connection.execute(
            f"insert into carryover.published_rows select %s, %s, id, '' from {table}",
            [run_id, table],
        )
    connection.execute(
        "insert into carryover.failed_rows"
        " values (%s, 'chat_messages', %s, 'no sender')",
        [run_id, MESSAGE_2],
    )
    step(connection, run_id, "publish", rows=5)
    ledger.set_status(connection, run_id, "published")


def validate(connection: Connection, result: dict[str, Any]) -> None:
    """Enter a validation of the run with this result."""
    is_valid = result["is_valid"]
    connection.execute(
        "insert into carryover.validations (run_id, validated_at, is_valid, result)"
        " values (%s, %s, %s, %s)",
        [RUN, START, is_valid, Jsonb(result)],
    )
    step(connection, RUN, "validate", status="done" if is_valid else "failed")
    ledger.set_status(connection, RUN, "validated" if is_valid else "invalid")
