"""No trigger or rule makes a consolidation say what did not happen."""

from __future__ import annotations

import re

import pytest

from harness import backup, publish, rollback
from harness.database import Connection, Target
from harness.effects import RowsNotWritten
from tests.python.live_tables import dump
from tests.python.proof.damage import SWALLOW

TABLES = ("chat_sessions", "chat_messages")


def trigger(when: str, table: str) -> str:
    return (
        f"{SWALLOW} create trigger softly {when} on {table} for each row"
        " execute function swallow()"
    )


def rule(event: str, table: str) -> str:
    return f"create rule softly as on {event} to {table} do instead nothing"


def require_named(error: RowsNotWritten, table: str, done: str) -> None:
    said = str(error)
    assert re.search(rf"of \"public\"\.\"{table}\" were not {done}", said), said
    assert re.search(r"(trigger|rule) softly \((before|instead)", said), said


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("swallow", [trigger, rule])
def test_a_publish_names_what_kept_its_rows(
    legacy_chat: Target, of_legacy_chat: Connection, table: str, swallow: object
) -> None:
    script = (
        trigger("before insert", table) if swallow is trigger else rule("insert", table)
    )
    of_legacy_chat.execute(script.encode())
    of_legacy_chat.commit()
    backup.take(legacy_chat, of_legacy_chat)
    before = dump(legacy_chat.parameters)
    with pytest.raises(RowsNotWritten) as raised:
        publish.publish(of_legacy_chat)
    require_named(raised.value, table, "inserted")
    assert dump(legacy_chat.parameters) == before


def test_a_session_that_is_not_brought_forward_is_named(
    legacy_chat: Target, of_legacy_chat: Connection
) -> None:
    """Triggers are kept out of that update; a rule is not."""
    of_legacy_chat.execute(rule("update", "chat_sessions").encode())
    of_legacy_chat.commit()
    backup.take(legacy_chat, of_legacy_chat)
    with pytest.raises(RowsNotWritten) as raised:
        publish.publish(of_legacy_chat)
    require_named(raised.value, "chat_sessions", "updated")


@pytest.mark.parametrize("table", TABLES)
def test_a_rollback_names_what_kept_its_rows(
    legacy_chat: Target, of_legacy_chat: Connection, table: str
) -> None:
    backup.take(legacy_chat, of_legacy_chat)
    publish.publish(of_legacy_chat)
    of_legacy_chat.execute(trigger("before delete", table).encode())
    of_legacy_chat.commit()
    before = dump(legacy_chat.parameters)
    with pytest.raises(RowsNotWritten) as raised:
        rollback.rollback(of_legacy_chat)
    require_named(raised.value, table, "deleted")
    assert dump(legacy_chat.parameters) == before


def test_a_session_that_does_not_get_its_time_back_is_named(
    legacy_chat: Target, of_legacy_chat: Connection
) -> None:
    backup.take(legacy_chat, of_legacy_chat)
    publish.publish(of_legacy_chat)
    of_legacy_chat.execute(rule("update", "chat_sessions").encode())
    of_legacy_chat.commit()
    with pytest.raises(RowsNotWritten) as raised:
        rollback.rollback(of_legacy_chat)
    require_named(raised.value, "chat_sessions", "updated")
