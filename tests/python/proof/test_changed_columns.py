"""After an unrelated deploy a rollback goes through whole, or does not begin.

Rows are known by all their columns; where some of the application's own are gone or
altered, by those that the run published; and where those are, nothing is touched.
"""

from __future__ import annotations

import pytest

from harness import publish, rollback, status, validate
from harness.database import Connection
from harness.errors import Refused
from tests.python import world
from tests.python.live_tables import dump

E101 = world.identifier("e", 101)
#: What the application's tables have besides the columns that are published.
OWN = (
    "alter table chat_messages add column pinned boolean not null default false,"
    " add column edits int default 0, add column note text default 'none';"
    "alter table chats add column topic text default 'general';"
)
DEPLOYED = {
    "dropped": "alter table chat_messages drop column note",
    "renamed": "alter table chat_messages rename column note to remark",
    "retyped": "alter table chat_messages alter column edits type numeric(9, 2)",
    "added": "alter table chat_messages add column reactions jsonb default '{}'",
    "all at once": "alter table chat_messages drop column note, drop column pinned,"
    " alter column edits type text; alter table chats drop column topic",
}
#: What the run published is altered, and the words that name it.
UNDECIDABLE = {
    "dropped": (
        "alter table chat_messages drop column has_image",
        "public.chat_messages.has_image is gone",
    ),
    "renamed": (
        "alter table chat_messages rename column content to body",
        "public.chat_messages.content is gone",
    ),
    "retyped": (
        "alter table chats alter column created_at type timestamp",
        "public.chats.created_at was timestamp with time zone and is timestamp"
        " without time zone",
    ),
    "a boolean as a number": (
        "alter table chat_messages alter is_read drop default,"
        " alter is_read type int using is_read::int",
        "public.chat_messages.is_read was boolean and is integer",
    ),
    "of the last table only": (
        "alter table media drop column owner_id",
        "public.media.owner_id is gone",
    ),
}


def published(connection: Connection) -> str:
    """A published world whose live tables have columns of the application's own."""
    run_id = world.rehearse(connection)
    connection.execute(OWN)
    connection.commit()
    world.publish(connection)
    return run_id


def deploy(connection: Connection, script: str) -> None:
    connection.execute(script.encode())
    connection.commit()


@pytest.mark.parametrize("way", DEPLOYED)
def test_a_rollback_is_whole_after_a_deploy_that_is_none_of_its_business(
    connection: Connection, way: str
) -> None:
    published(connection)
    deploy(connection, DEPLOYED[way])
    done = rollback.rollback(connection)
    assert (done.deleted, done.left) == (18, 0)
    assert connection.execute("select count(*) from chat_messages").fetchone() == (0,)


@pytest.mark.parametrize("way", DEPLOYED)
def test_and_users_changes_are_told_apart_all_the_same(
    connection: Connection, way: str
) -> None:
    published(connection)
    deploy(connection, DEPLOYED[way])
    deploy(connection, f"update chat_messages set content = 'x' where id = '{E101}'")
    done = rollback.rollback(connection)
    messages = next(table for table in done.tables if table.name == "chat_messages")
    assert messages.left == (E101,)
    assert messages.delete == 11


def test_a_users_change_of_a_column_of_the_application_counts(
    connection: Connection,
) -> None:
    published(connection)
    deploy(connection, f"update chat_messages set pinned = true where id = '{E101}'")
    assert rollback.rollback(connection).left == 2  # the message and its chat


@pytest.mark.parametrize("way", UNDECIDABLE)
def test_what_cannot_be_decided_is_refused_before_the_first_change(
    connection: Connection, database: dict[str, str], way: str
) -> None:
    script, named = UNDECIDABLE[way]
    run_id = published(connection)
    deploy(connection, script)
    before = dump(database)
    for attempt in (rollback.preview, rollback.rollback):
        with pytest.raises(Refused) as raised:
            attempt(connection)
        assert f"cannot be told: {named}. Nothing was changed." in str(raised.value)
    assert dump(database) == before
    assert status.read_status(connection).standing["chat_messages"] == 12
    forced = f"./inv rollback --run {run_id} --force --execute"
    assert forced in str(raised.value)
    done = rollback.rollback(connection, run_id, force=True)
    assert (done.deleted, done.left) == (18, 0)


@pytest.mark.parametrize(
    "script",
    [
        "alter table chat_messages rename column id to message_id",
        "alter table media alter column id type text",
    ],
)
def test_without_an_id_no_row_is_found_and_force_does_not_help(
    connection: Connection, script: str
) -> None:
    published(connection)
    deploy(connection, script)
    for force in (False, True):
        with pytest.raises(Refused, match=r"public\.\w+\.id is (gone|text)") as raised:
            rollback.rollback(connection, force=force)
        assert "--force" not in str(raised.value)


def test_rows_that_a_rollback_left_are_taken_by_a_second_one(
    connection: Connection,
) -> None:
    run_id = published(connection)
    deploy(connection, f"update chat_messages set content = 'x' where id = '{E101}'")
    assert rollback.rollback(connection).left == 2
    assert status.read_status(connection).standing == {"chat_messages": 1, "chats": 1}
    again = rollback.rollback(connection)
    assert (again.run_id, again.deleted, again.left) == (run_id, 0, 2)
    done = rollback.rollback(connection, force=True)
    assert (done.run_id, done.deleted, done.left) == (run_id, 2, 0)
    with pytest.raises(Refused, match="no run has published rows"):
        rollback.rollback(connection, force=True)


def test_a_run_with_rows_left_is_in_nobodys_way(connection: Connection) -> None:
    first = published(connection)
    second = world.rehearse(connection, chats=4)
    world.publish(connection)
    edited = world.identifier("e", 401)
    deploy(connection, f"update chat_messages set content = 'x' where id = '{edited}'")
    assert rollback.rollback(connection).left == 2
    assert rollback.rollback(connection).run_id == first
    # What is left of the second is found by its name, or as all that there is.
    assert rollback.rollback(connection, second, force=True).deleted == 2


def test_a_restored_row_keeps_what_later_columns_say(connection: Connection) -> None:
    """The former content has no word for a column that was renamed since."""
    published(connection)
    world.again(
        connection,
        chats=[world.chat(n) for n in (1, 2, 3)],
        messages=[world.message(101, 1, message="corrected")],
        bookings=[world.booking(n) for n in (1, 2, 3)],
    )
    world.publish(connection)
    deploy(connection, "alter table chat_messages rename column note to remark")
    assert rollback.rollback(connection).restored == 1
    row = connection.execute(
        "select content, remark from chat_messages where id = %s", [E101]
    ).fetchone()
    assert row == ("message 101", "none")


def test_a_publish_after_an_optional_column_went_calls_no_row_changed(
    connection: Connection,
) -> None:
    published(connection)
    deploy(connection, "alter table chat_messages drop column has_image")
    world.rehearse(connection)
    plan = world.publish(connection)
    messages = next(table for table in plan.tables if table.name == "chat_messages")
    assert messages.counts["identical"] == 12


def test_a_text_that_was_cut_is_not_called_identical(connection: Connection) -> None:
    published(connection)
    deploy(
        connection,
        "alter table chat_messages alter content type varchar(3)"
        " using left(content, 3)",
    )
    world.rehearse(connection)
    messages = next(
        table
        for table in publish.preview(connection).tables
        if table.name == "chat_messages"
    )
    assert messages.counts["identical"] == 0
    assert not validate.validate(connection).is_valid
