"""Publishing the consolidation: rows, keys, policies, and the way back.

Each database is a copy of the sample's, landed and built. What stood before must come
back byte for byte, and what the application had must stay as it was.
"""

from __future__ import annotations

import json
import subprocess
from datetime import datetime
from typing import Any

import psycopg
import pytest

from harness import (
    backup,
    consolidation,
    constraints,
    delivery,
    embedded,
    publish,
    rollback,
    settings,
    target,
    validate,
)
from harness.console import Console
from harness.database import Connection, Target
from harness.errors import Refused
from harness.stages import Session
from tests.python.world import identifier

SAMPLE = settings.SAMPLES / "legacy_chat"
NEW = {"chat_sessions": 209, "chat_messages": 2693}
EXISTING = 10
#: A time after every row of the sample.
LATER = "2030-01-01 00:00:00+00"


def schema_of(to: Target) -> str:
    """What pg_dump says of the application's schemas and of what publish makes."""
    done = subprocess.run(
        [
            *(str(embedded.binary("pg_dump")), "--schema-only", "--restrict-key=x"),
            *("--exclude-schema=carryover*", "--exclude-schema=staging"),
            *("--exclude-schema=consolidated", "--exclude-schema=transform", to.url),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def published(to: Target, connection: Connection) -> publish.Plan:
    backup.take(to, connection)
    return publish.publish(connection)


def value(connection: Connection, query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    connection.commit()
    assert row is not None
    return row[0]


def content(connection: Connection, table: str) -> str:
    return str(
        value(
            connection,
            f"select md5(string_agg(t::text, '' order by id)) from {table} as t",
        )
    )


def live_rows(connection: Connection) -> dict[str, dict[str, Any]]:
    """The live messages that came from the legacy tables, as the sample writes them."""
    fields = (
        *("id", "sender_id", "type", "content", "is_read", "file_name", "file_size"),
        *("duration_seconds", "created_at", "session", "session_type"),
    )
    rows = connection.execute(
        "select message.id::text, message.sender_id::text, message.type,"
        " message.content, message.is_read, message.file_name, message.file_size,"
        " message.duration_seconds, message.created_at,"
        " case when session.type = 'unlinked' then 'unlinked:' || message.sender_id"
        " else message.session_id::text end, session.type"
        " from chat_messages as message"
        " inner join chat_sessions as session on message.session_id = session.id"
        " inner join carryover.published_rows as owned on message.id = owned.row_id"
    ).fetchall()
    connection.commit()
    return {row[0]: dict(zip(fields, row, strict=True)) for row in rows}


def test_the_sample_comes_out_live_and_what_stood_is_as_it_was(
    legacy_chat: Target, of_legacy_chat: Connection
) -> None:
    of_legacy_chat.execute(
        "create table stood as table chat_sessions;"
        "create table said as table chat_messages;"
        "create table written as table messages;"
        "create table spoken as table voice_notes"
    )
    of_legacy_chat.commit()

    plan = published(legacy_chat, of_legacy_chat)

    assert plan.failed == 0
    assert {t.name: t.insert for t in plan.tables if t.name in NEW} == NEW
    assert plan.updated == EXISTING
    text = (SAMPLE / "expected_chat_messages.jsonl").read_text("utf-8")
    wanted = {row["id"]: row for row in map(json.loads, text.splitlines())}
    for row in wanted.values():
        row["created_at"] = datetime.fromisoformat(row["created_at"])
    assert live_rows(of_legacy_chat) == wanted
    of_legacy_chat.execute(
        "update stood set last_message_at = live.last_message_at"
        " from chat_sessions as live where stood.id = live.id"
        " and live.last_message_at >= coalesce(stood.last_message_at, '-infinity')"
    )
    for table, kept, count in (
        ("messages", "written", 2500),
        ("voice_notes", "spoken", 350),
        ("chat_sessions", "stood", 10),
        ("chat_messages", "said", 30),
    ):
        same = f"select count(*) from (table {kept} intersect table {table}) as same"
        assert value(of_legacy_chat, same) == count
    assert not publish.preview(of_legacy_chat).writes


def test_publish_then_rollback_is_as_if_nothing_had_been(
    legacy_chat: Target, of_legacy_chat: Connection
) -> None:
    before = schema_of(legacy_chat)
    rows = [content(of_legacy_chat, t) for t in ("chat_sessions", "chat_messages")]

    published(legacy_chat, of_legacy_chat)
    assert schema_of(legacy_chat) != before
    taken = rollback.rollback(of_legacy_chat)

    assert taken.proof is not None
    assert taken.proof.holds
    assert taken.deleted == sum(NEW.values())
    assert rows == [
        content(of_legacy_chat, t) for t in ("chat_sessions", "chat_messages")
    ]
    assert schema_of(legacy_chat) == before
    # And once more, with a backup of its own: the way back leaves nothing behind.
    assert published(legacy_chat, of_legacy_chat).inserted == sum(NEW.values())


def test_keys_say_what_happens_when_a_parent_goes(
    legacy_chat: Target, of_legacy_chat: Connection
) -> None:
    published(legacy_chat, of_legacy_chat)

    rules = of_legacy_chat.execute(
        "select conname, confdeltype from pg_constraint where contype = 'f'"
        " and convalidated and conname like 'fk_%' order by 1"
    ).fetchall()
    assert rules == [
        ("fk_chat_messages_reply_to", "n"),
        ("fk_chat_messages_sender_id", "c"),
        ("fk_chat_messages_session_id", "c"),
        ("fk_chat_sessions_booking_id", "n"),
    ]
    methods = dict(
        of_legacy_chat.execute(
            "select idx.relname, am.amname from pg_class as idx"
            " inner join pg_am as am on idx.relam = am.oid where idx.relname ~ '^idx_'"
        ).fetchall()
    )
    assert methods["idx_chat_sessions_participants"] == "gin"
    assert len(methods) >= 9
    for column, table in (("type", "chat_messages"), ("status", "chat_sessions")):
        with pytest.raises(psycopg.errors.CheckViolation):
            of_legacy_chat.execute(f"update {table} set {column} = 'no such'".encode())
        of_legacy_chat.rollback()


def test_values_that_live_rows_have_are_allowed_as_well(
    legacy_chat: Target, of_legacy_chat: Connection
) -> None:
    of_legacy_chat.execute(
        "update chat_messages set type = 'it''s a video' where id ="
        " (select id from chat_messages limit 1)"
    )
    of_legacy_chat.commit()

    published(legacy_chat, of_legacy_chat)

    check = value(
        of_legacy_chat,
        "select pg_get_constraintdef(oid) from pg_constraint"
        " where conname = 'chat_messages_type_check'",
    )
    assert "'it''s a video'::text" in check
    assert not publish.preview(of_legacy_chat).writes


EXTENDED = """
create function stamp() returns trigger language plpgsql as
$$ begin new.updated_at = now(); return new; end $$;
create trigger stamps before update on chat_sessions
for each row execute function stamp();
insert into chat_sessions (id, title, last_message_at, updated_at) values
({first}, 'older', '2020-01-01', '2020-01-01'),
({second}, 'newer', '2031-01-01', '2020-01-01'),
({third}, 'none', null, '2020-01-01');
insert into consolidated.extended_sessions (id, last_message_at, messages_added)
select id, {later}, 1 from unnest(array[{first}, {second}, {third}]::uuid[]) as s (id);
"""


def test_a_session_that_stood_is_brought_forward_and_nothing_else_of_it(
    legacy_chat: Target, of_legacy_chat: Connection
) -> None:
    ids = [identifier("c", number) for number in (1, 2, 3)]
    first, second, third = (f"'{each}'" for each in ids)
    of_legacy_chat.execute(
        EXTENDED.format(
            later=f"'{LATER}'", first=first, second=second, third=third
        ).encode()
    )
    of_legacy_chat.commit()

    plan = published(legacy_chat, of_legacy_chat)

    extended = next(t for t in plan.tables if t.name == "extended_sessions")
    assert (extended.update, extended.counts["present"]) == (EXISTING + 2, 1)
    rows = of_legacy_chat.execute(
        "select title, extract(year from last_message_at)::int,"
        " extract(year from updated_at)::int from chat_sessions"
        " where id = any(%s) order by id",
        [ids],
    ).fetchall()
    assert rows == [("older", 2030, 2020), ("newer", 2031, 2020), ("none", 2030, 2020)]
    assert not publish.preview(of_legacy_chat).writes

    # A title is a user's, whatever becomes of the time.
    of_legacy_chat.execute(
        "update chat_sessions set title = 'mine' where id = %s;", [ids[0]]
    )
    of_legacy_chat.commit()
    rollback.rollback(of_legacy_chat)
    rows = of_legacy_chat.execute(
        "select title, extract(year from last_message_at)::int from chat_sessions"
        " where id = any(%s) order by id",
        [ids],
    ).fetchall()
    assert rows == [("mine", 2020), ("newer", 2031), ("none", None)]


def test_a_session_that_users_changed_is_still_brought_forward(
    legacy_chat: Target, of_legacy_chat: Connection
) -> None:
    """Else a message of an old client would be newer than its session for good."""
    published(legacy_chat, of_legacy_chat)
    session = value(
        of_legacy_chat, "select id from consolidated.chat_sessions order by id limit 1"
    )
    of_legacy_chat.execute(
        "update chat_sessions set title = 'mine', last_message_at = '2029-01-01'"
        " where id = %s",
        [session],
    )
    of_legacy_chat.execute(
        "update consolidated.chat_sessions set last_message_at = %s, status = 'ended'"
        " where id = %s",
        [LATER, session],
    )
    of_legacy_chat.commit()

    plan = {
        table.name: table for table in published(legacy_chat, of_legacy_chat).tables
    }

    assert plan["chat_sessions"].counts["conflict"] == 1
    assert plan["extended_sessions"].update == 1
    row = of_legacy_chat.execute(
        "select title, last_message_at = %s from chat_sessions where id = %s",
        [LATER, session],
    ).fetchone()
    assert row == ("mine", True)
    of_legacy_chat.commit()
    assert not publish.preview(of_legacy_chat).writes
    assert validate.validate(of_legacy_chat).findings[
        "extended_sessions"
    ] == dict.fromkeys(validate.FINDINGS, 0)


def test_rows_that_users_build_on_stay_when_the_run_goes(
    legacy_chat: Target, of_legacy_chat: Connection
) -> None:
    published(legacy_chat, of_legacy_chat)
    replied_to, session, sender = of_legacy_chat.execute(
        "select id, session_id, sender_id from consolidated.chat_messages"
        " order by id limit 1"
    ).fetchall()[0]
    of_legacy_chat.execute(
        "insert into chat_messages"
        " (session_id, sender_id, content, reply_to_message_id)"
        " values (%s, %s, 'new', %s)",
        [session, sender, replied_to],
    )
    of_legacy_chat.commit()

    taken = {table.name: table for table in rollback.rollback(of_legacy_chat).tables}

    assert taken["chat_messages"].referenced == 1
    assert taken["chat_sessions"].referenced == 1
    assert value(of_legacy_chat, "select count(*) from chat_messages") == 30 + 2


def test_an_application_without_the_new_tables_is_given_them(
    legacy_chat: Target, of_legacy_chat: Connection
) -> None:
    """The marts stay those of the sample: what goes into sessions that stood fails."""
    of_legacy_chat.execute("drop table chat_messages, chat_sessions")
    of_legacy_chat.commit()
    before = schema_of(legacy_chat)
    session = Session(Console(), legacy_chat, of_legacy_chat)
    plan = publish.preview(of_legacy_chat)
    assert plan.inserted > 2500
    assert schema_of(legacy_chat) == before

    consolidation.make_tables(session)
    assert target.missing_chat_tables(of_legacy_chat) == []
    assert published(legacy_chat, of_legacy_chat) == plan
    taken = rollback.rollback(of_legacy_chat)

    assert {"target table chat_sessions", "target table chat_messages"} <= set(
        taken.dropped
    )
    assert schema_of(legacy_chat) == before


def test_what_is_in_the_way_leaves_no_table_behind(
    legacy_chat: Target,
    of_legacy_chat: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of_legacy_chat.execute("drop table chat_messages, chat_sessions")
    of_legacy_chat.commit()
    before = schema_of(legacy_chat)
    session = Session(Console(), legacy_chat, of_legacy_chat)

    def refuses(*_: object, **__: object) -> None:
        raise Refused("something is in the way.")

    monkeypatch.setattr(delivery, "publish_and_prove", refuses)
    with pytest.raises(Refused):
        consolidation.publish(session, in_use=False)

    assert schema_of(legacy_chat) == before
    assert not constraints.undo(
        of_legacy_chat, None, constraints.TARGET_TABLES, execute=False
    )
