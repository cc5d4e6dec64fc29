"""What a validation says on its line is all of the truth."""

from __future__ import annotations

import io

from harness import stages
from harness.console import Console
from harness.database import Connection, Target
from harness.stages import Session
from tests.python import world

E101, E102 = world.identifier("e", 101), world.identifier("e", 102)


def said(connection: Connection, *, in_use: bool = False) -> str:
    """What ``validate`` prints about its course."""
    err = io.StringIO()
    to = Target({"dbname": connection.info.dbname}, is_embedded=False)
    stages.run_validate(
        Session(Console(io.StringIO(), err), to, connection), in_use=in_use
    )
    return err.getvalue()


def test_all_is_said_only_of_all(connection: Connection) -> None:
    world.rehearse(connection)
    world.publish(connection)
    assert "18 rows expected, all as the source has them" in said(connection)


def test_rows_that_failed_to_publish_are_no_part_of_all(
    connection: Connection,
) -> None:
    world.rehearse(connection, chats=1, messages_each=60)
    connection.execute("alter table chat_messages add check (content <> 'message 110')")
    connection.commit()
    world.publish(connection)
    text = said(connection)
    assert "62 rows expected, 1 failed to publish, all others as the source" in text


def test_rows_that_users_changed_are_no_part_of_all(connection: Connection) -> None:
    world.rehearse(connection)
    world.publish(connection)
    connection.execute(
        "update chat_messages set content = 'x' where id = %s", [E101]
    ).connection.commit()
    text = said(connection, in_use=True)
    assert "18 rows expected, 1 changed by users since, all others as the" in text


def test_rows_that_a_later_publish_left_are_no_part_of_all(
    connection: Connection,
) -> None:
    world.rehearse(connection)
    world.publish(connection)
    connection.execute("update chat_messages set content = 'x' where id = %s", [E101])
    connection.execute("delete from chat_messages where id = %s", [E102])
    connection.commit()
    world.rehearse(connection)
    world.publish(connection)
    assert "18 rows expected, 2 left as users had them, all others" in said(connection)


def test_nothing_is_claimed_where_it_is_not_valid(connection: Connection) -> None:
    world.rehearse(connection)
    world.publish(connection)
    connection.execute("delete from media").connection.commit()
    text = said(connection)
    assert "18 rows expected, NOT valid" in text
    assert "as the source has them" not in text
