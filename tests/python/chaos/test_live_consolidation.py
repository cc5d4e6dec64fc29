"""New and old clients at work throughout: nobody's row is lost, changed or refused."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from harness.database import Connection
from tests.python.chaos import moments
from tests.python.chaos.clients import NewClient, OldClient
from tests.python.chaos.databases import Databases
from tests.python.chaos.source import identifier
from tests.python.chaos.tasks import Operator, watcher
from tests.python.chaos.test_live_traffic import (
    PATIENCE,
    ROUNDS,
    user,
    wait_until_blocked,
)
from tests.python.chaos.traffic import (
    Writer,
    busy,
    contents,
    longest_wait,
    traffic,
    written,
)

#: What has been done before a stage that somebody reads and writes into.
BEFORE_STAGE = {
    "publish": "backed_up",
    "rollback": "published",
    "cutover": "published",
    "undo": "cut_over",
}

pytestmark = pytest.mark.parametrize("databases", ["consolidation"], indirect=True)


def test_no_row_is_lost_or_changed(databases: Databases) -> None:
    """While it is published and taken back; then what was written is carried over."""
    operator = databases.at("backed_up")
    new, old = new_clients(operator), old_clients(operator)
    with traffic([*new, *old]):
        for _ in range(ROUNDS):
            do(databases, operator, "backup", "publish")
            busy([*new, *old])
            do(databases, operator, "rollback")
            busy([*new, *old])
    assert longest_wait([*new, *old]) < PATIENCE
    with watcher(operator) as connection:
        assert_kept(connection, new, old)
        assert unexplained(connection, new) == set()
    carry(databases, operator)
    with watcher(operator) as connection:
        assert_kept(connection, new, old)
        assert_carried(connection, old)


@pytest.mark.skipif(not moments.IS_FULL, reason="in the full form: dbt over and over")
def test_a_whole_consolidation_in_use(databases: Databases) -> None:
    """From the landing to the validation and the check of the security, twice."""
    operator = databases.at("empty")
    new, old = new_clients(operator), old_clients(operator)
    with traffic([*new, *old]):
        for _ in range(2):
            operator.run(*databases.task("migrate"), "--in-use")
            busy([*new, *old])
    assert longest_wait([*new, *old]) < PATIENCE
    carry(databases, operator)
    with watcher(operator) as connection:
        assert_kept(connection, new, old)
        assert_carried(connection, old)


def test_the_cutover_disturbs_nobody(databases: Databases) -> None:
    """New clients go on during it and both kinds between it and its undoing."""
    operator = databases.at("published")
    new, old = new_clients(operator), old_clients(operator)
    with traffic(new):
        busy(new)
        do(databases, operator, "cutover")
        with traffic(old):
            busy([*new, *old])
            # Written through the view it is a message of the new system: to edit it in
            # the table that comes back is to edit another row.
            for client in old:
                client.edits = False
            busy(old, 2)
            do(databases, operator, "undo")
            busy([*new, *old])
    assert longest_wait([*new, *old]) < PATIENCE
    with watcher(operator) as connection:
        assert_kept(connection, new, old)
    if moments.IS_FULL:
        carry(databases, operator)
        with watcher(operator) as connection:
            assert_kept(connection, new, old)
            assert_carried(connection, old)


@pytest.mark.skipif(not moments.IS_FULL, reason="in the full form: it waits a lot")
@pytest.mark.parametrize("stage", BEFORE_STAGE)
def test_a_reader_is_never_the_deadlock_s_victim(
    databases: Databases, stage: str
) -> None:
    """Who has read the tables writes them while the task waits: the task gives way."""
    operator = databases.at(BEFORE_STAGE[stage])
    session, person = identifier("d", 1), identifier("a", 2)
    with watcher(operator) as connection, user(operator) as slow:
        slow.execute("select from chat_sessions, chat_messages, messages limit 1")
        task = operator.start(*databases.task(stage))
        wait_until_blocked(connection, slow)
        # The server looks for deadlocks once for each wait, after a second of it.
        time.sleep(1.3)
        slow.execute(
            "insert into chat_messages (session_id, sender_id, content)"
            " values (%s, %s, 'at last')",
            [session, person],
        )
        slow.execute(
            "insert into messages (booking_id, sender_id, content)"
            " values (%s, %s, 'at last')",
            [session, person],
        )
        slow.commit()
    ended = task.wait()
    assert ended.code == 0, ended


def new_clients(operator: Operator) -> list[NewClient]:
    """One whom the policies hold, and one whom they do not."""
    seed = str(moments.SEED)
    return [NewClient(operator, n, seed, is_owner=n == 2) for n in (1, 2)]


def old_clients(operator: Operator) -> list[OldClient]:
    """The same of old clients."""
    seed = str(moments.SEED)
    return [OldClient(operator, n, seed, is_owner=n == 4) for n in (3, 4)]


def do(databases: Databases, operator: Operator, *stages: str) -> None:
    for stage in stages:
        operator.run(*databases.task(stage))


def carry(databases: Databases, operator: Operator) -> None:
    """Consolidate once more, in use; in CI by stages, because dbt takes long."""
    if moments.IS_FULL:
        operator.run(*databases.task("migrate"), "--in-use")
        return
    do(databases, operator, "load")
    databases.build_without_dbt(operator)
    do(databases, operator, "backup", "publish")


def assert_kept(
    connection: Connection, new: Sequence[NewClient], old: Sequence[OldClient]
) -> None:
    """Everything stands where and as it was written, edited or replied to."""
    for client in new:
        assert client.published
        assert contents(connection, list(client.published)) == client.published
        assert written(connection, client) == client.messages
        assert ids(connection, "chat_sessions", client.sessions) == client.sessions
    for each in old:
        assert written(connection, each, "messages") == each.messages
        assert ids(connection, "voice_notes", each.notes) == each.notes


def assert_carried(connection: Connection, old: Sequence[OldClient]) -> None:
    """What old clients wrote stands in the new system, in the right session."""
    for client in old:
        assert written(connection, client) == client.messages
        assert ids(connection, "chat_messages", client.notes) == client.notes
        astray = connection.execute(
            "select new.id from chat_messages as new inner join ("
            " select id, booking_id from messages"
            " union all select id, context_id from voice_notes) as legacy using (id)"
            " where new.id = any(%s) and new.session_id <> legacy.booking_id",
            [[*client.messages, *client.notes]],
        ).fetchall()
        assert astray == []


def ids(connection: Connection, table: str, keys: set[str]) -> set[str]:
    rows = connection.execute(
        f"select id::text from {table} where id = any(%s)", [list(keys)]
    ).fetchall()
    return {row[0] for row in rows}


def unexplained(connection: Connection, writers: Sequence[Writer]) -> set[str]:
    """Messages that stand after a rollback and that no user wrote or built on."""
    known = {key for writer in writers for key in (*writer.messages, *writer.published)}
    found = connection.execute(
        "select id::text from chat_messages where content <> 'our own'"
    ).fetchall()
    return {key for (key,) in found} - known
