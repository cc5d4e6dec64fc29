-- A chat system of any size and always the same: sessions of a client and a reader, with
-- 20 messages each and two with 1,000 more. A reader takes part in every tenth session.
create table {live}.profiles (id uuid primary key, role text not null);
create table {live}.bookings (
    id uuid primary key,
    user_id uuid not null,
    reader_id uuid
);
create table {live}.chat_sessions (
    id uuid primary key,
    participants uuid[] not null,
    type text not null default 'booking',
    booking_id uuid,
    status text not null default 'active',
    title text,
    last_message_at timestamptz,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    metadata jsonb default '{}'
);
create table {live}.chat_messages (
    id uuid not null default gen_random_uuid(),
    session_id uuid not null,
    sender_id uuid not null,
    type text not null default 'text',
    content text not null default '',
    file_url text,
    file_name text,
    file_size bigint default 0,
    duration_seconds integer,
    reply_to_message_id uuid,
    is_read boolean default false,
    delivered_at timestamptz,
    read_at timestamptz,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    metadata jsonb default '{}'
);
create function pg_temp.uuid_of(text) returns uuid immutable language sql
as $body$ select md5($1)::uuid $body$;

insert into {live}.profiles (id, role)
select
    pg_temp.uuid_of('person ' || number),
    case number when 0 then 'admin' when 1 then 'reader' else 'client' end
from generate_series(0, 10000) as number;

insert into {live}.chat_sessions (id, participants, last_message_at)
select
    pg_temp.uuid_of('session ' || number),
    array[
        pg_temp.uuid_of('person ' || (2 + number % 9000)),
        pg_temp.uuid_of(
            'person '
            || case number % 10 when 0 then 1 else 9001 + number % 999 end
        )
    ],
    '2024-01-01'::timestamptz + number * interval '1 minute'
from generate_series(0, {messages} / 20 - 1) as number;

insert into {live}.chat_messages (session_id, sender_id, content, created_at)
select
    pg_temp.uuid_of(
        'session ' || case
            when number < 1000 then 7
            when number < 2000 then 10
            else (number::bigint * 7919) % ({messages} / 20)
        end
    ),
    pg_temp.uuid_of('person ' || number % 2),
    repeat('Hello there, how are you? ', 1 + number % 8),
    '2024-01-01'::timestamptz + number * interval '20 seconds'
from generate_series(0, {messages} - 1) as number;

alter table {live}.chat_messages add primary key (id);
create index on {live}.chat_messages (session_id, created_at);
create index on {live}.chat_sessions using gin (participants);
grant select on {live}.profiles, {live}.bookings to authenticated;
grant select, insert, update, delete on {live}.chat_sessions, {live}.chat_messages
to authenticated;
analyze
