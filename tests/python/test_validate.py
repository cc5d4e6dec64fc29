"""Validation: every planted fault is found and named, and a true copy is valid."""

from __future__ import annotations

import uuid

import pytest

from harness import rollback, validate
from harness.database import Connection
from harness.errors import CheckFailed
from tests.python import world

E101 = world.identifier("e", 101)
E102 = world.identifier("e", 102)
C1 = world.identifier("c", 1)


@pytest.fixture
def published(connection: Connection) -> Connection:
    world.rehearse(connection)
    world.publish(connection)
    return connection


def test_a_true_copy_is_valid(published: Connection) -> None:
    found = validate.validate(published)
    assert found.is_valid
    assert found.result["is_valid"] is True
    assert found.result["expected_rows"] == {
        "chats": 3,
        "chat_messages": 12,
        "media": 3,
    }
    assert all(
        count == 0 for kinds in found.findings.values() for count in kinds.values()
    )
    validate.require_valid(found)


FREE = "alter table chat_messages drop constraint chat_messages_chat_id_fkey;"
FREE_MEDIA = "alter table media drop constraint media_chat_message_id_fkey;"


@pytest.mark.parametrize(
    ("damage", "table", "finding", "named"),
    [
        (
            f"delete from chat_messages where id = '{E101}'",
            "chat_messages",
            "missing",
            E101,
        ),
        (
            f"update chat_messages set content = content || ' ' where id = '{E101}'",
            "chat_messages",
            "different",
            f"{E101} in content",
        ),
        (
            f"update chat_messages set is_read = not is_read where id = '{E101}'",
            "chat_messages",
            "different",
            f"{E101} in is_read",
        ),
        (
            "update chat_messages set created_at = created_at"
            f" + interval '1 microsecond' where id = '{E101}'",
            "chat_messages",
            "different",
            f"{E101} in created_at",
        ),
        (
            f"update chat_messages set chat_id = '{world.identifier('c', 2)}'"
            f" where id = '{E101}'",
            "chat_messages",
            "different",
            f"{E101} in chat_id",
        ),
        (
            f"insert into chat_messages (id, chat_id, sender_id, content) values"
            f" (gen_random_uuid(), '{C1}', '{world.BUYER}', 'not of the source')",
            "chat_messages",
            "extra",
            "1 extra row of chat_messages",
        ),
        (
            f"{FREE} update chat_messages set chat_id = gen_random_uuid()"
            f" where id = '{E101}'",
            "chat_messages",
            "orphaned",
            f"{E101} in chat_id",
        ),
        (
            "insert into bookings (id, status) values"
            f" ('{world.identifier('d', 9)}', 'pending');"
            "insert into chats (id, booking_id) values (gen_random_uuid(),"
            f" '{world.identifier('d', 9)}')",
            "chats",
            "extra",
            "1 extra row of chats",
        ),
        ("delete from media", "media", "missing", "3 missing rows of media"),
        (
            "update media set file_path = file_path || 'x'",
            "media",
            "different",
            "in file_path",
        ),
        (
            f"{FREE_MEDIA} {FREE} delete from chat_messages"
            f" where id = '{world.identifier('e', 104)}'",
            "media",
            "orphaned",
            "in chat_message_id",
        ),
    ],
)
def test_a_planted_fault_is_found_and_named(
    published: Connection, damage: str, table: str, finding: str, named: str
) -> None:
    published.execute(damage)
    published.commit()
    found = validate.validate(published)
    assert not found.is_valid
    assert found.findings[table][finding] > 0
    assert any(named in error for error in found.errors), found.errors
    with pytest.raises(CheckFailed):
        validate.require_valid(found)


def test_a_swapped_sender_is_named_with_both_people(
    published: Connection,
) -> None:
    published.execute(
        "update chat_messages set sender_id = %s where id = %s", [world.STYLIST, E101]
    )
    published.commit()
    assert validate.validate(published).result["message_sender_mismatches"] == [
        {
            "message_id": E101,
            "expected_sender": world.BUYER,
            "actual_sender": world.STYLIST,
        }
    ]


def test_newer_rows_are_no_fault_when_the_application_is_in_use(
    published: Connection,
) -> None:
    published.execute(
        "insert into chat_messages (id, chat_id, sender_id, content)"
        " values (gen_random_uuid(), %s, %s, 'see you')",
        [C1, world.BUYER],
    )
    published.commit()
    found = validate.validate(published, in_use=True)
    assert found.is_valid
    assert found.findings["chat_messages"]["newer"] == 1


def test_rows_of_the_application_from_before_are_no_fault(
    connection: Connection,
) -> None:
    world.rehearse(connection)
    own = world.identifier("d", 9)
    connection.execute(
        "insert into bookings (id, status) values (%s, 'pending')", [own]
    )
    connection.execute("insert into chats (id, booking_id) values (%s, %s)", [own, own])
    connection.execute(
        "insert into chat_messages (id, chat_id, sender_id, content)"
        " values (%s, %s, %s, '')",
        [own, own, world.BUYER],
    )
    connection.commit()
    world.publish(connection)
    assert validate.validate(connection).is_valid


def test_before_a_publish_and_after_a_rollback_all_is_missing(
    connection: Connection,
) -> None:
    world.rehearse(connection)
    assert len(validate.validate(connection).result["missing_messages"]) == 12
    connection.execute("alter schema marts rename to put_aside")
    assert len(validate.validate(connection).result["missing_messages"]) == 12
    connection.execute("alter schema put_aside rename to marts")
    connection.commit()
    world.publish(connection)
    rollback.rollback(connection)
    assert len(validate.validate(connection).result["missing_chats"]) == 3


def test_the_media_id_is_that_of_the_standard(published: Connection) -> None:
    """Python's uuid3 is an implementation of RFC 9562 that is not ours."""
    rows = published.execute("select id, chat_message_id from media").fetchall()
    namespace = uuid.UUID(validate.MEDIA_NAMESPACE)
    assert rows
    assert all(media == uuid.uuid3(namespace, str(message)) for media, message in rows)
