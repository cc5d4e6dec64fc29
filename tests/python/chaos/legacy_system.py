"""A made-up legacy chat system, large enough that every stage lasts long enough.

Its tables are the sample's, its rows made by the server in a second and the same every
time: 20,000 messages, 2,000 voice notes, 500 bookings, sessions of their own.
"""

from __future__ import annotations

import psycopg

from harness import ledger, settings, validate
from harness.database import Connection

MESSAGES, VOICE_NOTES, BOOKINGS = 20_000, 2_000, 500
#: The first bookings have a session of the new chat system already.
SESSIONS = 20
#: The people of a booking, and of an existing session: ``identifier("a", …)``.
CLIENTS, READERS = 50, 7

_TABLES = settings.SAMPLES / "legacy_chat" / "legacy.sql"
_ROWS = f"""
    -- With now(), no two runs would make the same rows.
    alter table chat_sessions alter updated_at set default '2025-01-01 00:00:00+00';
    alter table chat_messages alter updated_at set default '2025-01-01 00:00:00+00';

    create function pg_temp.id(kind text, n int) returns uuid language sql immutable
    return (repeat(kind, 8) || '-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid;
    create function pg_temp.day(n int) returns timestamptz language sql immutable
    return timestamptz '2024-01-01 00:00:00+00' + make_interval(mins => n);

    insert into profiles (id, role)
    select pg_temp.id('a', n), 'client' from generate_series(1, {CLIENTS}) as n
    union all
    select pg_temp.id('b', n), 'reader' from generate_series(1, {READERS}) as n
    union all
    select pg_temp.id('9', 1), 'admin';

    insert into bookings (id, user_id, reader_id, status, created_at, updated_at)
    select
        pg_temp.id('d', n), pg_temp.id('a', n % {CLIENTS} + 1),
        pg_temp.id('b', n % {READERS} + 1),
        case when n % 3 = 0 then 'completed' else 'pending' end,
        pg_temp.day(n), pg_temp.day(n)
    from generate_series(1, {BOOKINGS}) as n;

    insert into messages
    select
        pg_temp.id('e', n),
        case when n % 97 > 0 then booking.id end,
        case
            when n % 501 = 0 then pg_temp.id('0', n)
            when n / {BOOKINGS} % 2 = 0 then booking.user_id
            else booking.reader_id
        end,
        case when n % 20 = 0 then 'voice' when n % 10 = 0 then 'image' end,
        n || ' ' || repeat('takk for sist 😊 ', 8),
        case
            when n % 10 = 0
                then 'https://p.example.test/storage/v1/object/public/chat/'
                || n || '/en%20fil.webm?token=a'
        end,
        jsonb_build_object('n', n), n % 5 > 0, pg_temp.day(1000 + n)
    from generate_series(1, {MESSAGES}) as n
    inner join bookings as booking
        on booking.id = pg_temp.id('d', n % {BOOKINGS} + 1);

    -- Half are recordings of voice messages; one in ten is no part of a chat.
    insert into voice_notes
    select
        case when n % 100 = 7 then message.id else pg_temp.id('f', n) end,
        message.sender_id,
        case
            when n % 2 = 0 then message.file_url
            else 'https://p.example.test/storage/v1/object/public/chat/'
                || n || '/note.webm'
        end,
        'note.webm', n, n % 60, case when n % 3 = 0 then 'hei' end,
        case when n % 10 = 3 then 'journal' else 'chat' end,
        message.booking_id, '{{}}', pg_temp.day(1000 + n)
    from generate_series(1, {VOICE_NOTES}) as n
    inner join messages as message
        on message.id = pg_temp.id('e', n * 10);

    insert into chat_sessions
        (id, participants, booking_id, last_message_at, created_at, updated_at)
    select
        id, array[user_id, reader_id], id, pg_temp.day(600), created_at, created_at
    from bookings where id <= pg_temp.id('d', {SESSIONS});
    insert into chat_messages
        (id, session_id, sender_id, content, created_at, updated_at)
    select
        pg_temp.id('c', (row_number() over ())::int), id, participants[1 + n % 2],
        'our own', pg_temp.day(500 + n), pg_temp.day(500 + n)
    from chat_sessions, generate_series(1, 10) as n;
    analyze
"""
#: What dbt would make, from what the validation has derived.
_MARTS = """
    drop schema if exists consolidated cascade;
    create schema consolidated;
    create table consolidated.chat_sessions as table expected_chat_sessions;
    create table consolidated.extended_sessions as table expected_extended_sessions;
    create table consolidated.chat_messages as table expected_session_messages;
    create table consolidated.merged_legacy_rows as
    select 'messages' as origin, id as source_id, id as kept_message_id
    from carried_messages where stands
    union all
    select 'voice_notes', id, kept_id from merged_notes;
    create table consolidated.skipped_legacy_rows as
    select origin, id as source_id, sender_id, 0 as reason_id, 'as derived' as reason
    from (
        select 'messages' as origin, id, sender_id from staging.legacy_messages
        union all
        select 'voice_notes', id, user_id from staging.legacy_voice_notes
    ) as landed
    where not exists (
        select from consolidated.chat_messages as kept
        where kept.origin = landed.origin and kept.source_id = landed.id
    ) and not exists (
        select from consolidated.merged_legacy_rows as merged
        where merged.origin = landed.origin and merged.source_id = landed.id
    );
    create table consolidated.loaded_run as
    select run_id, landed_at as loaded_at, legacy_schema, live_schema
    from staging.legacy_loads;
    create table consolidated.legacy_reconciliation as
    select
        table_name as origin, rows as rows_read,
        (
            select count(*) from consolidated.chat_messages where origin = table_name
        ) as rows_kept,
        (
            select count(*) from consolidated.merged_legacy_rows
            where origin = table_name
        ) as rows_merged,
        (
            select count(*) from consolidated.skipped_legacy_rows
            where origin = table_name
        ) as rows_skipped
    from staging.legacy_tables where table_name in ('messages', 'voice_notes');
    create table consolidated.legacy_coercions (
        origin text, source_id uuid, column_name text, rule text
    );
    analyze consolidated.chat_messages, consolidated.chat_sessions
"""


def make(connection: Connection) -> None:
    """Make the tables and their rows."""
    tables, _, _ = _TABLES.read_text("utf-8").partition("insert into")
    connection.execute(tables.encode())
    connection.execute(_ROWS.encode())


def build_marts(connection: psycopg.Connection, run_id: str) -> None:
    """Make the marts of what is landed, by the validation's derivation, and commit."""
    validate.derive_consolidation(connection)
    connection.execute(_MARTS)
    ledger.set_status(connection, run_id, "built")
    connection.commit()
