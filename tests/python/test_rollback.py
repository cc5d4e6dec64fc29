"""Rollback: exactly what was published goes, and nothing of anybody else's."""

from __future__ import annotations

import subprocess

import pytest
from psycopg.conninfo import make_conninfo

from harness import embedded, ledger, rollback
from harness.database import Connection
from harness.errors import Refused, UsageError
from tests.python import world


def dump_of_live(database: dict[str, str]) -> str:
    """The live schema as pg_dump writes it, without the random key of its guards."""
    done = subprocess.run(
        [
            str(embedded.binary("pg_dump")),
            "--schema=public",
            make_conninfo(**database),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    guards = ("\\restrict", "\\unrestrict")
    return "\n".join(
        line for line in done.stdout.splitlines() if not line.startswith(guards)
    )


def test_publish_and_rollback_leave_the_live_schema_as_it_was(
    connection: Connection, database: dict[str, str]
) -> None:
    world.rehearse(connection)
    connection.execute(
        "insert into bookings (id, status) values (gen_random_uuid(), 'confirmed');"
        "insert into chats (id, booking_id) select gen_random_uuid(), id from bookings"
        " where status = 'confirmed';"
        "create index by_sender on chat_messages (sender_id)"
    )
    connection.commit()
    before = dump_of_live(database)
    world.publish(connection)
    assert dump_of_live(database) != before
    done = rollback.rollback(connection)
    assert (done.deleted, done.left) == (18, 0)
    assert dump_of_live(database) == before


def test_preview_changes_nothing(
    connection: Connection, database: dict[str, str]
) -> None:
    world.rehearse(connection)
    world.publish(connection)
    before = dump_of_live(database)
    assert rollback.preview(connection).deleted == 18
    assert dump_of_live(database) == before


def test_what_users_changed_since_is_left_and_named(
    connection: Connection,
) -> None:
    world.rehearse(connection)
    world.publish(connection)
    edited = world.identifier("e", 101)
    connection.execute(
        "update chat_messages set content = 'mine' where id = %s", [edited]
    )
    connection.execute(
        "insert into chat_messages (id, chat_id, sender_id, content)"
        " values (gen_random_uuid(), %s, %s, 'a new one')",
        [world.identifier("c", 2), world.BUYER],
    )
    connection.commit()
    done = {table.name: table for table in rollback.rollback(connection).tables}
    assert done["chat_messages"].left == (edited,)
    assert (done["chats"].delete, done["chats"].referenced) == (1, 2)
    standing = connection.execute(
        "select content from chat_messages order by content"
    ).fetchall()
    assert standing == [("a new one",), ("mine",)]


def test_rows_of_other_tables_keep_what_they_refer_to(
    connection: Connection,
) -> None:
    world.rehearse(connection)
    world.publish(connection)
    liked = world.identifier("e", 201)
    connection.execute(
        "create table reactions (message_id uuid references chat_messages"
        " on delete cascade);"
    )
    connection.execute("insert into reactions values (%s)", [liked])
    connection.commit()
    done = {table.name: table for table in rollback.rollback(connection).tables}
    assert (done["chat_messages"].referenced, done["chat_messages"].left) == (
        1,
        (liked,),
    )
    assert connection.execute("select count(*) from reactions").fetchone() == (1,)


def test_published_again_after_a_rollback(connection: Connection) -> None:
    world.rehearse(connection)
    world.publish(connection)
    rollback.rollback(connection)
    assert world.publish(connection).inserted == 18


def test_only_the_newest_run_may_go(connection: Connection) -> None:
    first = world.rehearse(connection, chats=2)
    world.publish(connection)
    second = world.rehearse(connection, chats=4)
    assert world.publish(connection).tables[0].insert == 2
    with pytest.raises(Refused, match=second):
        rollback.rollback(connection, first)
    assert rollback.rollback(connection).run_id == second
    assert rollback.rollback(connection).run_id == first
    assert connection.execute("select count(*) from chats").fetchone() == (0,)


def test_a_run_that_stood_on_the_one_taken_back_has_yet_to_publish(
    connection: Connection,
) -> None:
    first = world.rehearse(connection)
    world.publish(connection)
    second = world.rehearse(connection)
    assert world.publish(connection).inserted == 0
    rollback.rollback(connection)
    runs = {run.run_id: run.status for run in ledger.recent_runs(connection)}
    assert runs == {first: "rolled_back", second: "built"}


def test_nothing_to_roll_back_is_refused(connection: Connection) -> None:
    with pytest.raises(Refused, match="no ledger"):
        rollback.rollback(connection)
    world.rehearse(connection)
    with pytest.raises(Refused, match="no run has published rows"):
        rollback.rollback(connection)


def test_an_unknown_run_is_named(connection: Connection) -> None:
    run_id = world.rehearse(connection)
    world.publish(connection)
    with pytest.raises(UsageError, match=f"no run nothing has published.*{run_id}"):
        rollback.rollback(connection, "nothing")
