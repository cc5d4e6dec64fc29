"""A chat database with files: messages that name them, in every way that may go wrong.

The same for the same arguments. ``make`` fills a database as the consolidation leaves
it, and ``Files`` says which objects there are; a test puts them into a store.
"""

from __future__ import annotations

import random
import unicodedata
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

from psycopg import sql
from psycopg.types.json import Jsonb

from harness import hashing, ledger, pipelines
from harness.database import Connection
from harness.storage.stores import Content, Entry, Store

ORIGIN = "https://project.example.test/storage/v1/object"
ATTACHMENTS, NOTES, TARGET = "chat-attachments", "voice-notes", "chat-files"

TABLES = """
    create table profiles (
        id uuid primary key, first_name text, role text not null default 'client'
    );
    create table chat_sessions (
        id uuid primary key, participants uuid[] not null default '{}',
        type text not null default 'booking', status text not null default 'active',
        created_at timestamptz default now()
    );
    create table chat_messages (
        id uuid primary key, session_id uuid not null, sender_id uuid not null,
        type text not null default 'text', content text not null default '',
        file_url text, file_name text, file_size bigint default 0,
        created_at timestamptz default now(), updated_at timestamptz default now()
    );
    create function touch() returns trigger language plpgsql as $body$
        begin new.updated_at := now(); return new; end
    $body$;
    create trigger touch before update on chat_messages
    for each row execute function touch();
"""
#: What Supabase would bring, as far as storage needs it.
STAND_INS = """
    do $body$ begin create role authenticated nologin;
    exception when duplicate_object then null; end $body$;
    create schema auth;
    create function auth.uid() returns uuid language sql stable as $body$
        select (nullif(current_setting('request.jwt.claims', true), '')::jsonb
            ->> 'sub')::uuid
    $body$;
    create schema storage;
    grant usage on schema auth, storage to authenticated;
    create table storage.buckets (
        id text primary key, name text not null, public boolean default false,
        file_size_limit bigint, allowed_mime_types text[], owner_id text
    );
    create table storage.objects (
        id uuid primary key default gen_random_uuid(),
        bucket_id text references storage.buckets, name text, owner_id text,
        created_at timestamptz default now(), metadata jsonb,
        unique (bucket_id, name)
    );
    alter table storage.objects enable row level security;
    grant all on storage.objects, storage.buckets to authenticated;
"""
_TRICKY = [
    "plain.jpg",
    "reading plan.pdf",
    "hundred%25.png",
    "a%20b.png",
    "plus+sign.png",
    "hash#tag.png",
    "question?.png",
    "blåbær.jpg",
    unicodedata.normalize("NFD", "café.jpg"),
    "日本語.png",
    "emoji-😀.png",
    "semi;colon&and=.png",
    "quote'\".png",
    "[brackets]{x}|^~`.png",
    "back\\slash.png",
    ".hidden.png",
    "no-extension",
    "UPPER.PNG",
]


@dataclass
class Files:
    """Objects by bucket and name, with their bytes; and what the messages expect."""

    objects: dict[tuple[str, str], bytes] = field(default_factory=dict)
    mapped: int = 0
    messages: int = 0
    missing: int = 0
    unused: int = 0

    def of(self, bucket: str) -> Iterator[tuple[str, bytes]]:
        """The objects of one bucket."""
        return ((n, body) for (b, n), body in self.objects.items() if b == bucket)


def identifier(kind: str, number: int) -> uuid.UUID:
    """A UUID that shows what it is of: ``kind`` is one hexadecimal digit."""
    return uuid.UUID(f"{kind * 8}-0000-4000-8000-{number:012d}")


def url(bucket: str, name: str, *, how: str = "public") -> str:
    """The URL that the application wrote down for an object."""
    return f"{ORIGIN}/{how}/{bucket}/{quote(name)}"


def make(connection: Connection, count: int = 60, *, large: int = 0) -> Files:
    """Make the chat tables and a published run, and say which objects there are.

    About ``count`` objects: one in 20 has no message, one message in 20 no object; one
    object in 25 belongs to two messages of other sessions. With ``large``, one object
    has this many bytes.
    """
    connection.execute(TABLES)
    rng = random.Random(7)  # noqa: S311 - the same every time
    people = [identifier("a", n) for n in range(1, 21)]
    connection.cursor().executemany(
        "insert into profiles values (%s, 'Person', %s)",
        [(person, "admin" if n == 0 else "client") for n, person in enumerate(people)],
    )
    sessions = [
        (identifier("b", n), [people[1 + n % 19], people[1 + (n * 7 + 3) % 19]])
        for n in range(1, 41)
    ]
    connection.cursor().executemany(
        "insert into chat_sessions (id, participants) values (%s, %s)", sessions
    )
    files = Files()
    rows = list(_messages(rng, files, sessions, count, large))
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "copy chat_messages (id, session_id, sender_id, type, content, file_url,"
            " file_name, file_size) from stdin"
        ) as copying,
    ):
        for row in rows:
            copying.write_row(row)
    publish(connection)
    connection.commit()
    return files


def _messages(
    rng: random.Random,
    files: Files,
    sessions: list[tuple[uuid.UUID, list[uuid.UUID]]],
    count: int,
    large: int,
) -> Iterator[tuple[object, ...]]:
    number = 0

    def message(session: int, file_url: str, size: int) -> tuple[object, ...]:
        nonlocal number
        number += 1
        found, participants = sessions[session % len(sessions)]
        sender = participants[number % 2]
        said = size if number % 3 == 0 else 0
        kind = "audio" if NOTES in file_url else "image"
        return (identifier("e", number), found, sender, kind, "", file_url, None, said)

    for n in range(count):
        bucket = NOTES if n % 4 == 3 else ATTACHMENTS
        folder = "/".join(["deep", f"{n % 13}", f"{n % 7}"][: n % 4])
        base = _TRICKY[n % len(_TRICKY)]
        name = f"{folder}/{n}/{base}" if folder else f"{n}-{base}"
        size = 0 if n % 17 == 0 else rng.randrange(1, 6000)
        body = rng.randbytes(size)
        if large and n == 1:
            body = rng.randbytes(1 << 20) * (large >> 20)
        files.objects[bucket, name] = body
        if n % 20 == 19:
            files.unused += 1
            continue
        how = ("public", "sign", "authenticated")[n % 3]
        token = "?token=abc%2Fdef" if how == "sign" else ""
        yield message(n, url(bucket, name, how=how) + token, len(body))
        files.mapped += 1
        files.messages += 1
        if n % 25 == 0:
            yield message(n + 1, url(bucket, name), len(body))
            files.mapped += 1
            files.messages += 1
        if n % 20 == 5:
            yield message(n, url(bucket, f"never/{n}.jpg"), 0)
            files.missing += 1


def publish(connection: Connection) -> str:
    """Enter the messages as a run of the consolidation that published them."""
    ledger.ensure(connection)
    run_id = ledger.new_run_id()
    with pipelines.working_on(pipelines.CONSOLIDATION):
        ledger.begin_run(connection, run_id, target="test")
    columns = [
        row[0]
        for row in connection.execute(
            "select attname from pg_attribute"
            " where attrelid = 'chat_messages'::regclass and attnum > 0"
            " and not attisdropped"
        ).fetchall()
    ]
    hashing.fix_session(connection)
    connection.execute(
        sql.SQL(
            "insert into carryover.published_rows"
            " (run_id, table_name, row_id, content_hash)"
            " select {}, 'chat_messages', live.id, {} from chat_messages as live"
        ).format(sql.Literal(run_id), hashing.content_hash("live", columns))
    )
    connection.execute(
        "insert into carryover.steps (run_id, step, started_at, finished_at, seconds,"
        " status, detail) values (%s, 'publish', now(), now(), 0, 'done', %s)",
        [
            run_id,
            Jsonb(
                {
                    "hashed_columns": {"chat_messages": columns},
                    "published_columns": {"chat_messages": columns},
                    "live_schema": "public",
                }
            ),
        ],
    )
    ledger.set_status(connection, run_id, "published")
    return run_id


def put(store: Store, objects: Iterator[tuple[str, bytes]], kind: str | None) -> None:
    """Put objects into a store, each with this type."""
    if not store.exists():
        store.make()
    for name, body in objects:
        entry = Entry(name, len(body), "", kind)
        store.write(name, Content(entry, [body]))


def rows(connection: Connection) -> list[tuple[object, ...]]:
    """Every message, for comparing before and after."""
    found = connection.execute(
        "select id, session_id, sender_id, type, content, file_url, file_name,"
        " file_size, created_at, updated_at from chat_messages order by id"
    ).fetchall()
    connection.rollback()
    return found


def is_as_published(connection: Connection) -> bool:
    """Whether every published row has the hash that the ledger keeps of it."""
    hashing.fix_session(connection)
    columns = connection.execute(
        "select detail -> 'hashed_columns' -> 'chat_messages' from carryover.steps"
        " where step = 'publish'"
    ).fetchone()
    assert columns is not None
    differing = connection.execute(
        sql.SQL(
            "select count(*) from carryover.published_rows as owned"
            " left join chat_messages as live on live.id = owned.row_id"
            " where {} is distinct from owned.content_hash"
        ).format(hashing.content_hash("live", columns[0]))
    ).fetchone()
    connection.rollback()
    return differing == (0,)
