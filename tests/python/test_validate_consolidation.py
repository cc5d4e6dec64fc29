"""Validation of a consolidation: every planted fault is found and named.

One database is published; each test damages it in a transaction that is taken back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from harness import backup, legacy, pipelines, publish, settings, validate
from harness.database import Connection, Target, connect
from harness.errors import CheckFailed
from harness.validate import validating

#: Rows that damage is done to, by what they are; each is named with its place.
CHOICES = {
    "message": "select id from consolidated.chat_messages where origin = 'messages'"
    " and file_name is null",
    "spoken": "select id from consolidated.chat_messages where origin = 'voice_notes'",
    "merged": "select kept_message_id from consolidated.merged_legacy_rows"
    " where kept_message_id <> source_id",
    "file": "select id from consolidated.chat_messages where file_name is not null",
    "skipped": "select source_id from consolidated.skipped_legacy_rows",
    "session": "select id from consolidated.chat_sessions where type = 'booking'",
    "extended": "select id from consolidated.extended_sessions",
    "standing": "select id from staging.legacy_chat_messages",
}


@pytest.fixture(scope="module")
def published(
    postgres_server: dict[str, str], legacy_template: Target
) -> Iterator[Target]:
    """The sample's chat system with the legacy rows published into it."""
    to = Target({**postgres_server, "dbname": "validated"}, is_embedded=False)
    with (
        connect(Target(postgres_server, False), autocommit=True) as server,
        pipelines.working_on(pipelines.CONSOLIDATION),
    ):
        server.execute(
            "create database validated template legacy_template strategy wal_log"
        )
        with connect(to) as connection:
            backup.take(to, connection)
            publish.publish(connection)
        yield to
        server.execute("drop database validated with (force)")


@pytest.fixture
def live(published: Target, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """A connection to it, whose changes and validations are taken back."""
    monkeypatch.setattr(validating, "committed", nullcontext)
    with (
        pipelines.working_on(pipelines.CONSOLIDATION),
        connect(published) as connection,
    ):
        yield connection
        connection.rollback()


def damage(connection: Connection, script: str) -> dict[str, list[str]]:
    """Run a script that names its victims, ``{message[0]}``; returns their ids."""
    ids = {}
    for name, query in CHOICES.items():
        rows = connection.execute(f"{query} order by 1 limit 9".encode()).fetchall()
        assert len(rows) == 9
        ids[name] = [str(row[0]) for row in rows]
    connection.execute(script.format(**ids).encode())
    return ids


def found_of(found: validate.Validation) -> dict[str, dict[str, int]]:
    """What was found at all, by table and kind."""
    return {
        table: {kind: count for kind, count in kinds.items() if count}
        for table, kinds in found.findings.items()
    }


def differing(table: str, rows: dict[str, str]) -> list[dict[str, object]]:
    """Rows of the result that name one column each."""
    return [
        {"table": table, "id": row_id, "columns": [column]}
        for row_id, column in sorted(rows.items())
    ]


def test_what_was_published_is_valid(live: Connection) -> None:
    found = validate.validate(live)

    assert found.is_valid, found.errors
    assert found.result["existing_rows_compared_with"] not in (None, "landing")
    assert found.result["expected_rows"] == {
        "chat_sessions": 165 + 44,
        "extended_sessions": 10,
        "chat_messages": 2693,
    }
    assert found.result["origins"] == {
        "messages": origin(read=2500, migrated=2491, skipped=9),
        "voice_notes": origin(read=350, migrated=202, merged=81, skipped=67),
    }
    assert not any(found_of(found).values())
    totals = ("total_chat_sessions", "total_chat_messages")
    assert [found.result[total] for total in totals] == [10 + 209, 30 + 2693]
    validate.require_valid(found)


def origin(**figures: int) -> dict[str, int]:
    fates = ("read", "migrated", "merged", "skipped", "failed", "removed")
    return {**dict.fromkeys((*fates, "unaccounted"), 0), **figures}


OF_MESSAGES = """
alter table chat_messages drop constraint fk_chat_messages_session_id,
    drop constraint fk_chat_messages_reply_to;
delete from chat_messages where id = '{message[0]}';
update chat_messages set content = content || ' ' where id = '{message[1]}';
update chat_messages set session_id = '{extended[0]}' where id = '{message[2]}';
update chat_messages set metadata = '{{"x": 1}}' where id = '{message[3]}';
update chat_messages set sender_id = (
    select id from profiles where id <> chat_messages.sender_id limit 1
) where id = '{message[4]}';
update chat_messages set session_id = id where id = '{message[5]}';
update chat_messages set reply_to_message_id = session_id where id = '{message[6]}';
update chat_messages set is_read = not is_read where id = '{spoken[0]}';
update chat_messages set file_name = 'x' where id = '{file[0]}';
insert into chat_messages (id, session_id, sender_id)
select of_row.id::uuid, '{session[0]}', message.sender_id
from (values ('{session[0]}'), ('{skipped[0]}')) as of_row (id)
cross join (select sender_id from chat_messages limit 1) as message;
"""


def test_every_fault_of_our_messages_is_found_and_named(live: Connection) -> None:
    then = dict(live.execute("select id::text, sender_id::text from chat_messages"))
    ids = damage(live, OF_MESSAGES)
    now = dict(live.execute("select id::text, sender_id::text from chat_messages"))
    (missing, text, moved, notes, sender, astray, answer, *_) = ids["message"]

    found = validate.validate(live)

    result = found.result
    assert result["missing_messages"] == [missing]
    assert result["extra_messages"] == sorted([ids["session"][0], ids["skipped"][0]])
    assert result["orphaned_messages"] == sorted([astray, answer])
    assert result["different_rows"] == differing(
        "chat_messages",
        {
            text: "content",
            moved: "session_id",
            notes: "metadata",
            sender: "sender_id",
            astray: "session_id",
            ids["spoken"][0]: "is_read",
            ids["file"][0]: "file_name",
        },
    )
    assert result["message_sender_mismatches"] == [
        {
            "message_id": sender,
            "expected_sender": then[sender],
            "actual_sender": now[sender],
        }
    ]
    assert {
        (row["message_id"], row["actual_session"])
        for row in result["message_session_mismatches"]
    } == {(moved, ids["extended"][0]), (astray, astray)}
    assert result["unaccounted_rows"] == [
        {"origin": "messages", "id": missing, "message_id": missing}
    ]
    assert not result["altered_rows"]
    assert f"1 missing row of chat_messages (such as {missing})" in found.errors
    assert "1 of 2,500 messages not accounted for" in found.errors
    with pytest.raises(CheckFailed, match=r"consolidation-validation-results\.json"):
        validate.require_valid(found)


OF_EXISTING = """
update chat_messages set is_read = not is_read where id = '{standing[0]}';
update chat_messages set delivered_at = now() where id = '{standing[1]}';
delete from chat_messages where id = '{standing[2]}';
update chat_sessions set title = 'x' where id = '{extended[0]}';
update chat_sessions set last_message_at = last_message_at - interval '1 microsecond'
where id = '{extended[1]}';
update chat_sessions set last_message_at = null where id = '{extended[2]}';
update chat_sessions set last_message_at = last_message_at + interval '1 day'
where id = '{extended[3]}';
"""


def test_whatever_changed_of_an_existing_row_is_found(live: Connection) -> None:
    # What the application's own triggers change on an update is not the matter here.
    live.execute("alter table chat_messages disable trigger user")
    live.execute("alter table chat_sessions disable trigger user")
    ids = damage(live, OF_EXISTING)

    found = validate.validate(live)

    read, delivered, gone, *_ = ids["standing"]
    titled, lowered, emptied, *_ = ids["extended"]
    assert found.result["altered_rows"] == [
        *differing("chat_messages", {read: "is_read", delivered: "delivered_at"}),
        *differing("chat_sessions", {titled: "title"}),
    ]
    assert found.result["missing_messages"] == [gone]
    assert found.result["different_rows"] == differing(
        "extended_sessions", {lowered: "last_message_at", emptied: "last_message_at"}
    )
    assert f"1 altered row of chat_sessions (such as {titled} in title)" in found.errors
    assert found_of(found) == {
        "chat_sessions": {"altered": 1},
        "chat_messages": {"missing": 1, "altered": 2},
        "extended_sessions": {"different": 2},
    }


OF_SESSIONS = """
delete from chat_sessions where id = '{session[0]}';
update chat_sessions set participants = participants[:1] where id = '{session[1]}';
update chat_sessions set last_message_at = created_at where id = '{session[2]}';
alter table chat_sessions drop constraint fk_chat_sessions_booking_id;
update chat_sessions set booking_id = '{message[0]}' where id = '{extended[0]}';
insert into chat_sessions (id) values ('{message[0]}');
"""


def test_every_fault_of_a_session_is_found_and_named(live: Connection) -> None:
    ids = damage(live, OF_SESSIONS)

    found = validate.validate(live)

    gone, fewer, older, *_ = ids["session"]
    assert found.result["missing_sessions"] == [gone]
    assert found.result["extra_sessions"] == ids["message"][:1]
    assert found.result["orphaned_sessions"] == ids["extended"][:1]
    assert found.result["different_rows"] == differing(
        "chat_sessions", {fewer: "participants", older: "last_message_at"}
    )
    assert found.result["altered_sessions"] == ids["extended"][:1]
    assert found.findings["chat_messages"]["missing"] > 0


def test_merged_voice_notes_go_with_the_message_they_are_in(live: Connection) -> None:
    ids = damage(live, "delete from chat_messages where id = '{merged[0]}'")

    found = validate.validate(live)

    lost = found.result["unaccounted_rows"]
    assert {row["message_id"] for row in lost} == {ids["merged"][0]}
    assert {row["origin"] for row in lost} == {"messages", "voice_notes"}
    notes = found.result["origins"]["voice_notes"]
    assert notes["merged"] == 81 - notes["unaccounted"]


def test_without_its_backup_a_run_is_compared_with_what_was_landed(
    live: Connection,
) -> None:
    live.execute("update carryover.backups set status = 'dropped'")
    ids = damage(
        live, "update chat_messages set content = '' where id = '{standing[0]}'"
    )

    found = validate.validate(live).result

    assert found["existing_rows_compared_with"] == "landing"
    standing = ids["standing"][0]
    assert found["altered_messages"] == [standing]
    assert found["altered_rows"] == differing("chat_messages", {standing: "content"})


USE = """
insert into chat_messages (session_id, sender_id, content, created_at)
select '{session[0]}', participants[1], 'hello', clock_timestamp()
from chat_sessions where id = '{session[0]}';
update chat_sessions set last_message_at = clock_timestamp()
where id in ('{session[0]}', '{extended[0]}');
update chat_sessions set title = 'ours' where id = '{extended[0]}';
delete from chat_messages where id in ('{standing[0]}', '{spoken[0]}');
insert into chat_sessions (participants, created_at)
select participants, clock_timestamp() from chat_sessions where id = '{session[0]}';
"""


def test_what_users_do_is_no_fault_when_the_application_is_in_use(
    live: Connection,
) -> None:
    damage(live, USE)

    found = validate.validate(live, in_use=True)

    assert found.is_valid, found.errors
    assert found_of(found) == {
        "chat_sessions": {"newer": 1, "changed": 2},
        "chat_messages": {"newer": 1, "changed": 2},
        "extended_sessions": {},
    }
    assert found.result["origins"]["voice_notes"]["removed"] == 1


def test_no_result_has_the_text_of_a_message(live: Connection) -> None:
    damage(
        live,
        "update chat_messages set content = 'a secret', is_read = not is_read"
        " where id in ('{message[0]}', '{standing[0]}')",
    )

    assert "a secret" not in repr(validate.validate(live).result)


def test_before_a_publish_all_is_missing_and_nothing_altered(
    of_legacy_chat: Connection,
) -> None:
    of_legacy_chat.execute("drop schema consolidated cascade")

    found = validate.validate(of_legacy_chat)

    assert not found.is_valid
    assert found_of(found) == {
        "chat_sessions": {"missing": 209},
        "extended_sessions": {"different": 10},
        "chat_messages": {"missing": 2693},
    }


def test_a_landing_after_the_publish_is_valid_without_another(
    published: Target,
) -> None:
    """The last test: it lands what was published, and builds and publishes nothing."""
    with (
        pipelines.working_on(pipelines.CONSOLIDATION),
        connect(published) as connection,
    ):
        first = validate.validate(connection)
        landed = legacy.land(connection, target="test")
        found = validate.validate(connection)
        schema = settings.consolidated_schema()
        built = connection.execute(f"select to_regnamespace('{schema}')").fetchone()

    assert first.is_valid, first.errors
    assert found.run_id == landed.run_id != first.run_id
    assert found.is_valid, found.errors
    assert found.result["origins"] == first.result["origins"]
    assert built == (schema,)
