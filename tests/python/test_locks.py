"""Locks: what the application holds is waited for, and named; one task writes."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from harness import locks, publish, rollback, stages
from harness.console import Console
from harness.database import Connection
from harness.errors import Refused
from tests.python import world


@pytest.fixture
def application(database: dict[str, str]) -> Iterator[psycopg.Connection]:
    """A session of the application, in the middle of a transaction when it likes."""
    named = {**database, "application_name": "the app"}
    with psycopg.connect(make_conninfo(**named)) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def in_the_way(
    connection: Connection, application: psycopg.Connection
) -> psycopg.Connection:
    """The application has written a chat and has not committed."""
    world.rehearse(connection)
    world.back_up(connection)
    application.execute(
        "insert into chats (id, booking_id) values"
        " (gen_random_uuid(), gen_random_uuid())"
    )
    return application


def test_a_locked_table_is_waited_for_and_its_holder_named(
    connection: Connection, in_the_way: psycopg.Connection
) -> None:
    said: list[str] = []

    def release(sentence: str) -> None:
        said.append(sentence)
        in_the_way.rollback()

    assert publish.publish(connection, release).inserted == 18
    assert len(said) == 1
    holder = rf"process {in_the_way.info.backend_pid} of postgres \(idle in transaction"
    assert re.search(rf"{holder}, the app, since \d\d:\d\d:\d\d UTC\); again", said[0])


@pytest.mark.parametrize("undo", [False, True])
def test_a_table_that_stays_locked_is_refused_and_left(
    connection: Connection,
    application: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    undo: bool,
) -> None:
    monkeypatch.setattr(locks, "PAUSES", (0.01,))
    monkeypatch.setattr(locks, "LOCK_TIMEOUT", "50ms")
    world.rehearse(connection)
    if undo:
        world.publish(connection)
    else:
        world.back_up(connection)
    before = connection.execute("select count(*) from chat_messages").fetchone()
    connection.commit()
    application.execute("update bookings set status = status")
    application.execute("lock table chats in row exclusive mode")
    work = rollback.rollback if undo else publish.publish
    with pytest.raises(Refused, match=r"the app, since .*, after 2 attempts\. Nothing"):
        work(connection)
    after = connection.execute("select count(*) from chat_messages").fetchone()
    assert after == before


@pytest.mark.usefixtures("environment")
def test_one_task_writes_and_the_second_is_told_who(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CARRYOVER_OPERATOR", "anna")
    quiet = Console(io.StringIO(), io.StringIO())
    first = stages.open_session(quiet, "load", exclusive=True)
    named = (
        r"carryover load by anna of postgres \(process \d+, since \d\d:\d\d:\d\d UTC"
    )
    with pytest.raises(Refused, match=named):
        stages.open_session(quiet, "publish", exclusive=True)
    # A look takes no lock.
    stages.open_session(quiet, "status").connection.close()
    first.connection.close()
    stages.open_session(quiet, "publish", exclusive=True).connection.close()


def test_a_parent_that_may_only_be_referred_to_is_not_locked(
    connection: Connection,
) -> None:
    world.rehearse(connection)
    world.back_up(connection)
    connection.execute(
        "create role referrer; grant referrer to current_user;"
        "grant usage, create on schema public to referrer;"
        "grant select, references on bookings, profiles to referrer;"
        "alter table chats owner to referrer; alter table media owner to referrer;"
        "alter table chat_messages owner to referrer"
    )
    connection.commit()
    try:
        connection.execute("set local role referrer")
        locks.lock_tables(connection, ["chats", "bookings"])
        locked = connection.execute(
            "select relation::regclass::text from pg_locks"
            " where pid = pg_backend_pid() and mode = 'ShareRowExclusiveLock'"
        ).fetchall()
        assert locked == [("chats",)]
    finally:
        connection.rollback()
        connection.execute("drop owned by referrer cascade; drop role referrer")
        connection.commit()


def test_a_plan_waits_for_nobody(
    connection: Connection, application: psycopg.Connection
) -> None:
    world.rehearse(connection)
    world.publish(connection)
    application.execute("lock table chats, chat_messages, media in exclusive mode")
    assert rollback.preview(connection).deleted == 18
    assert publish.preview(connection).inserted == 0
