"""The application in use throughout: nobody's row is lost, changed or refused."""

from __future__ import annotations

import time
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from harness.database import Connection
from tests.python.chaos import moments, source
from tests.python.chaos.databases import Databases
from tests.python.chaos.source import identifier
from tests.python.chaos.tasks import (
    Ended,
    Operator,
    wait_for,
    watcher,
)
from tests.python.chaos.traffic import (
    PERSON,
    Writer,
    busy,
    contents,
    longest_wait,
    traffic,
    users_of_chats,
    written,
)

#: How often the run is published and taken back under traffic.
ROUNDS = 3 if moments.IS_FULL else 1
#: A user waits no longer than this for the live tables, in seconds.
PATIENCE = 30.0


def test_no_row_is_lost_or_changed(databases: Databases) -> None:
    operator = databases.at("backed_up")
    writers = users_of_chats(operator, str(moments.SEED))
    with traffic(writers):
        for _ in range(ROUNDS):
            busy(writers)
            operator.run("backup", "--execute")
            operator.run("publish", "--execute")
            busy(writers)
            operator.run("rollback", "--execute")
    assert any(writer.published for writer in writers)
    with watcher(operator) as connection:
        for writer in writers:
            assert written(connection, writer) == writer.messages
            edited = {k: v for k, v in writer.published.items() if v is not None}
            assert contents(connection, list(writer.published)) == edited
        assert unexplained(connection, writers) == set()
    assert longest_wait(writers) < PATIENCE


def unexplained(connection: Connection, writers: list[Writer]) -> set[str]:
    """Messages that stand after a rollback and that no user wrote or edited."""
    known = {key for writer in writers for key in (*writer.messages, *writer.published)}
    found = connection.execute(
        "select id::text from chat_messages where content <> 'our own'"
    ).fetchall()
    return {key for (key,) in found} - known


def user(operator: Operator) -> Connection:
    where = make_conninfo(**operator.parameters, application_name="a user")
    return psycopg.connect(where)


def wait_until_blocked(connection: Connection, by: Connection) -> None:
    wait_for(lambda: moments.is_blocked(connection, by), "the task waits for the user")


def test_a_user_is_never_the_deadlock_s_victim(databases: Databases) -> None:
    """A slow transaction that touches two tables: the task gives way, every time."""
    operator = databases.at("backed_up")
    with watcher(operator) as connection, user(operator) as slow:
        chat = identifier("7", 1)
        slow.execute("update chats set updated_at = now() where id = %s", [chat])
        task = operator.start("publish", "--execute")
        wait_until_blocked(connection, slow)
        # The server looks for deadlocks once for each wait, after a second of it.
        time.sleep(1.3)
        slow.execute(
            "insert into chat_messages (id, chat_id, sender_id, content)"
            " values (gen_random_uuid(), %s, %s, 'at last')",
            [chat, PERSON],
        )
        slow.commit()
    ended = task.wait()
    # What stood when the backup was taken has changed since: it may ask for another.
    assert ended.code == 0, ended


def test_an_edit_under_way_survives_the_rollback(databases: Databases) -> None:
    """Even where the application has the keys itself, and none is dropped."""
    operator = databases.at("published")
    edited, untouched = identifier("e", 1), identifier("e", 2)
    with watcher(operator) as connection, user(operator) as slow:
        connection.execute("delete from carryover.schema_changes")
        edit(slow, edited)
        task = operator.start("rollback", "--execute")
        wait_until_blocked(connection, slow)
        slow.commit()
        ended = task.wait()
        assert ended.code == 0, ended
        assert contents(connection, [edited, untouched]) == {edited: "mine"}
    assert_left(ended)


def test_an_edit_under_way_is_not_overwritten(
    databases: Databases, tmp_path: Path
) -> None:
    """A later dump has changed the same message, and another one."""
    operator = databases.at("published")
    later = source.write(
        tmp_path, chats=300, messages_each=40, text_bytes=700, edited=50
    )
    operator.run("load", *later.arguments)
    databases.build_without_dbt(operator)
    operator.run("backup", "--execute")
    edited, untouched = identifier("e", 1), identifier("e", 2)
    with watcher(operator) as connection, user(operator) as slow:
        edit(slow, edited)
        task = operator.start("publish", "--execute")
        wait_until_blocked(connection, slow)
        slow.commit()
        ended = task.wait()
        assert ended.code == 0, ended
        found = contents(connection, [edited, untouched])
        assert found[edited] == "mine"
        assert "edited at the source" in found[untouched]
        operator.run("rollback", "--execute")
        found = contents(connection, [edited, untouched])
        assert found[edited] == "mine"
        assert "edited at the source" not in found[untouched]


def edit(slow: Connection, key: str) -> None:
    done = slow.execute(
        "update chat_messages set content = 'mine' where id = %s", [key]
    )
    assert done.rowcount == 1


def assert_left(ended: Ended) -> None:
    assert "chat_messages are left" in ended.err, ended
