"""Whatever is done to the new chat system after a publish, validate names it.

One database is published; each test damages it in a transaction that is rolled back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from harness import backup, pipelines, publish, validate
from harness.database import Connection, Target, connect
from harness.pipelines import CONSOLIDATION
from harness.validate import validating
from tests.python.proof import damage
from tests.python.proof.damage import Damage

#: The keys, and what would act or object while damage is done.
FREE = (
    "alter table chat_messages drop constraint fk_chat_messages_session_id,"
    " drop constraint fk_chat_messages_sender_id;"
    "alter table chat_sessions drop constraint fk_chat_sessions_booking_id,"
    " drop constraint chat_sessions_type_check,"
    " drop constraint chat_sessions_status_check;"
    "alter table chat_messages drop constraint chat_messages_type_check;"
    "drop index idx_chat_messages_unread, idx_chat_sessions_participants;"
    "do $$ declare statement text; begin for statement in"
    " select format('drop policy %I on %s', polname, polrelid::regclass) from pg_policy"
    " where polrelid in ('chat_messages'::regclass, 'chat_sessions'::regclass)"
    " union all select format('drop trigger %I on %s', tgname, tgrelid::regclass)"
    " from pg_trigger where not tgisinternal"
    " and tgrelid in ('chat_messages'::regclass, 'chat_sessions'::regclass)"
    " loop execute statement; end loop; end $$;"
)
PUBLISHED = {
    table.name: {name: kind for name, kind in table.columns.items() if name != "id"}
    for table in CONSOLIDATION.tables
    if not table.extends
}
MESSAGE = "select id from consolidated.chat_messages order by 1 limit 1"
SESSION = "select id from consolidated.chat_sessions where type = 'booking' limit 1"
ROWS = {
    "a message deleted": Damage(
        f"delete from chat_messages where id = ({MESSAGE})",
        r"1 missing row of chat_messages",
    ),
    "a session emptied": Damage(
        f"update chat_sessions set participants = '{{}}' where id = ({SESSION})",
        r"1 different row of chat_sessions .* in participants",
    ),
    "a message doubled": Damage(
        "insert into chat_messages (id, session_id, sender_id, content)"
        " select gen_random_uuid(), session_id, sender_id, content"
        f" from chat_messages where id = ({MESSAGE})",
        r"1 extra row of chat_messages",
    ),
    "a message moved to another session": Damage(
        f"{FREE} update chat_messages set session_id = (select id from"
        " consolidated.chat_sessions where id <> chat_messages.session_id limit 1)"
        f" where id = ({MESSAGE})",
        r"1 different row of chat_messages .* in session_id",
    ),
    "a message of another sender": Damage(
        f"{FREE} update chat_messages set sender_id = (select id from profiles"
        f" where id <> chat_messages.sender_id limit 1) where id = ({MESSAGE})",
        r"1 different row of chat_messages .* in sender_id",
    ),
    "all messages deleted": Damage(
        f"{FREE} delete from chat_messages", r"2,\d\d\d missing rows of chat_messages"
    ),
    "row level security off": Damage(
        "alter table chat_messages disable row level security",
        r"row level security of chat_messages",
    ),
    "triggers disabled": Damage(
        "alter table chat_sessions disable trigger user",
        r"trigger(?: state)? \w+ of chat_sessions",
    ),
}


def _all() -> Iterator[tuple[str, Damage]]:
    yield from ROWS.items()
    for table, columns in PUBLISHED.items():
        keys = {f"{table}_pkey": "primary key"}
        for mart in CONSOLIDATION.tables:
            if mart.name == table:
                keys |= dict.fromkeys(mart.key_names.values(), "foreign key")
        keys |= {a.name: "check" for a in CONSOLIDATION.allowed if a.table == table}
        indexes = tuple(i.name for i in CONSOLIDATION.indexes if i.table == table)
        yield from damage.of_columns(
            table, columns, without_keys=FREE, among=f"consolidated.{table}"
        )
        yield from damage.of_definitions(table, keys, indexes, without_keys=FREE)
        yield from damage.of_times(table, "created_at")
    for column in ("content", "file_url", "file_name"):
        yield from damage.of_texts("chat_messages", column)


DAMAGE = dict(_all())


@pytest.fixture(scope="module")
def published(
    postgres_server: dict[str, str], legacy_template: Target
) -> Iterator[Target]:
    """The sample's chat system with the legacy rows published into it."""
    to = Target({**postgres_server, "dbname": "damaged_chat"}, is_embedded=False)
    with (
        connect(Target(postgres_server, False), autocommit=True) as server,
        pipelines.working_on(CONSOLIDATION),
    ):
        server.execute(
            "create database damaged_chat template legacy_template strategy wal_log"
        )
        with connect(to) as connection:
            backup.take(to, connection)
            publish.publish(connection)
        yield to
        server.execute("drop database damaged_chat with (force)")


@pytest.fixture
def live(published: Target, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """A connection whose damage and validation are rolled back."""
    monkeypatch.setattr(validating, "committed", nullcontext)
    with pipelines.working_on(CONSOLIDATION), connect(published) as connection:
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


def test_every_policy_and_trigger_that_is_ours_is_missed(live: Connection) -> None:
    made = live.execute(
        "select kind, table_name, name from carryover.schema_changes"
        " where kind in ('policy', 'trigger') and ddl !~* '^drop '"
        " and table_name in ('chat_messages', 'chat_sessions')"
    ).fetchall()
    assert len(made) > 5
    for kind, table, name in made:
        live.execute("savepoint whole")
        live.execute(f'drop {kind} "{name}" on {table}'.encode())
        found = validate.validate(live, in_use=True)
        gone = f"{kind} {name} of {table} is gone since the publish"
        assert gone in found.errors
        live.execute("rollback to savepoint whole")
