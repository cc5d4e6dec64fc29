"""Whatever is done to the migration's live tables after a publish, validate names it.

One database is published; each test damages it in a transaction that is rolled back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import nullcontext

import psycopg
import pytest

from harness import validate
from harness.database import Connection, Target, connect
from harness.pipelines import MIGRATION
from harness.validate import validating
from tests.python import world
from tests.python.proof import damage
from tests.python.proof.damage import Damage

FREE = (
    "alter table media drop constraint media_chat_message_id_fkey;"
    "alter table media drop constraint media_owner_id_fkey;"
    "alter table chat_messages drop constraint chat_messages_chat_id_fkey;"
    "alter table chat_messages drop constraint chat_messages_sender_id_fkey;"
    "alter table chats drop constraint chats_booking_id_fkey;"
    "drop index idx_media_chat_message_id;"
)
#: What the rehearsal's live tables have of each mart.
PUBLISHED = {
    table.name: {
        name: kind
        for name, kind in table.columns.items()
        if name not in ("id", "customer_id", "stylist_id")
    }
    for table in MIGRATION.tables
}
KEYS = {
    "chats": {
        "chats_pkey": "primary key",
        "chats_booking_id_key": "unique constraint",
        "chats_booking_id_fkey": "foreign key",
    },
    "chat_messages": {
        "chat_messages_pkey": "primary key",
        "chat_messages_chat_id_fkey": "foreign key",
        "chat_messages_sender_id_fkey": "foreign key",
    },
    "media": {
        "media_pkey": "primary key",
        "media_chat_message_id_fkey": "foreign key",
        "media_owner_id_fkey": "foreign key",
    },
}
INDEXES = {
    table: tuple(index.name for index in MIGRATION.indexes if index.table == table)
    for table in KEYS
}
E101, E201 = world.identifier("e", 101), world.identifier("e", 201)
C1, C2 = world.identifier("c", 1), world.identifier("c", 2)

ROWS = {
    "a message deleted": Damage(
        f"delete from chat_messages where id = '{E101}'",
        rf"1 missing row of chat_messages \(such as {E101}\)",
    ),
    "every message deleted": Damage(
        "truncate chat_messages cascade", r"12 missing rows of chat_messages"
    ),
    "a chat deleted": Damage(
        f"{FREE} delete from chats where id = '{C1}'",
        rf"1 missing row of chats \(such as {C1}\)",
    ),
    "a message doubled": Damage(
        "insert into chat_messages (id, chat_id, sender_id, content)"
        " select gen_random_uuid(), chat_id, sender_id, content"
        f" from chat_messages where id = '{E101}'",
        r"1 extra row of chat_messages",
    ),
    "an image doubled": Damage(
        "insert into media (id, chat_message_id, media_type, owner_id, file_path)"
        " select gen_random_uuid(), chat_message_id, media_type, owner_id, file_path"
        " from media limit 1",
        r"1 extra row of media",
    ),
    "messages swapped between chats": Damage(
        f"update chat_messages set chat_id = case id when '{E101}' then '{C2}'::uuid"
        f" else '{C1}' end where id in ('{E101}', '{E201}')",
        r"2 different rows of chat_messages .* in chat_id",
    ),
    "texts swapped": Damage(
        "update chat_messages as one set content = other.content from chat_messages"
        f" as other where one.id in ('{E101}', '{E201}')"
        f" and other.id in ('{E101}', '{E201}') and one.id <> other.id",
        r"2 different rows of chat_messages .* in content",
    ),
    "a sender swapped": Damage(
        f"update chat_messages set sender_id = '{world.STYLIST}' where id = '{E101}'",
        r"1 different row of chat_messages .* in sender_id",
    ),
    "an id altered": Damage(
        f"update chat_messages set id = gen_random_uuid() where id = '{E101}'",
        rf"1 missing row of chat_messages \(such as {E101}\)",
    ),
    "a message astray": Damage(
        f"{FREE} update chat_messages set chat_id = gen_random_uuid()"
        f" where id = '{E101}'",
        r"1 orphaned row of chat_messages",
    ),
    "every message there twice": Damage(
        f"{FREE} alter table chat_messages drop constraint chat_messages_pkey;"
        " insert into chat_messages select * from chat_messages",
        r"12 extra rows of chat_messages",
    ),
    "a message there twice under a key of more columns": Damage(
        f"{FREE} alter table chat_messages drop constraint chat_messages_pkey,"
        " add primary key (id, created_at);"
        " insert into chat_messages (id, chat_id, sender_id, content) select id,"
        f" chat_id, sender_id, content from chat_messages where id = '{E101}'",
        rf"1 extra row of chat_messages \(such as {E101}\)",
    ),
    "keys that check nothing": Damage(
        "alter table chat_messages disable trigger all",
        r"of chat_messages checks nothing since the publish",
    ),
}


def _all() -> Iterator[tuple[str, Damage]]:
    yield from ROWS.items()
    for table, columns in PUBLISHED.items():
        yield from damage.of_columns(table, columns, without_keys=FREE)
        yield (
            f"{table}.id dropped",
            Damage(
                f"alter table {table} drop column id cascade",
                rf"the column {table}.id is gone",
            ),
        )
        yield (
            f"{table}.id retyped",
            Damage(
                f"{FREE} alter table {table} alter column id type text",
                rf"the column {table}.id is text",
            ),
        )
        yield from damage.of_definitions(
            table, KEYS[table], INDEXES[table], without_keys=FREE
        )
    for table, column in (
        ("chat_messages", "content"),
        ("media", "file_path"),
        ("media", "media_type"),
    ):
        yield from damage.of_texts(table, column)
    for table in PUBLISHED:
        yield from damage.of_times(table, "created_at")


DAMAGE = dict(_all())


@pytest.fixture(scope="module")
def published(postgres_server: dict[str, str]) -> Iterator[Target]:
    """A published world in a database of its own."""
    to = Target({**postgres_server, "dbname": "damaged"}, is_embedded=False)
    with connect(Target(postgres_server, False), autocommit=True) as server:
        server.execute("create database damaged")
        with connect(to) as connection:
            world.rehearse(connection)
            world.publish(connection)
        yield to
        server.execute("drop database damaged with (force)")


@pytest.fixture
def live(published: Target, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """A connection whose damage and validation are rolled back."""
    monkeypatch.setattr(validating, "committed", nullcontext)
    with connect(published) as connection:
        yield connection
        connection.rollback()


def test_there_are_ways_enough() -> None:
    assert len(DAMAGE) > 60


@pytest.mark.parametrize("way", DAMAGE)
def test_damage_is_named(live: Connection, way: str) -> None:
    script, named, is_fault = DAMAGE[way]
    live.execute(script.encode())
    found = validate.validate(live)
    said = found.errors if is_fault else (*found.errors, *found.notes)
    assert any(re.search(named, each) for each in said), (found.errors, found.notes)
    assert found.is_valid is not bool(found.errors)
    if is_fault:
        assert not found.is_valid


def test_texts_are_compared_by_bytes_whatever_the_collation(live: Connection) -> None:
    script = damage.under_a_blind_collation("chat_messages", "content")
    try:
        live.execute(script.encode())
    except psycopg.errors.FeatureNotSupported:
        pytest.skip("the embedded server has no ICU, and so no such collation")
    found = validate.validate(live)
    assert found.findings["chat_messages"]["different"] == 12


def test_what_the_application_adds_is_no_fault(live: Connection) -> None:
    live.execute(
        "alter table chat_messages add column pinned boolean;"
        "create index by_text on chat_messages (content);"
        "create table reactions (message_id uuid references chat_messages);"
    )
    found = validate.validate(live)
    assert found.is_valid, found.errors
    assert "column pinned of chat_messages was added since the publish" in found.notes


def test_in_use_only_what_is_ours_must_be_as_it_was(live: Connection) -> None:
    live.execute(
        "alter table chat_messages alter column is_read drop default;"
        "drop index idx_chat_messages_sender_id"
    )
    found = validate.validate(live, in_use=True)
    assert found.errors == (
        "index idx_chat_messages_sender_id of chat_messages is gone since the publish",
    )
    assert "default is_read of chat_messages is gone since the publish" in found.notes


def test_a_publish_of_an_earlier_version_is_compared_as_far_as_it_tells(
    live: Connection,
) -> None:
    live.execute(
        "update carryover.steps set detail = detail - 'after' - 'column_types'"
        " - 'published_columns';"
        "alter table chats drop column created_at;"
        "drop index idx_chat_messages_sender_id"
    )
    found = validate.validate(live)
    assert found.errors == ("the column chats.created_at is gone, and was published",)
