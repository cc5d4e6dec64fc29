"""Backup and restore of the consolidation: its policies, functions and ledger as well.

Each database is a copy of the sample's, landed and built.
"""

from __future__ import annotations

import io
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest

from harness import (
    backup,
    consolidation,
    embedded,
    legacy,
    pipelines,
    publish,
    rollback,
    settings,
    structure,
)
from harness.backup import commands
from harness.console import Console
from harness.database import Connection, Target
from harness.errors import Refused
from harness.stages import Session
from tests.python.world import identifier

TABLES = ["chat_messages", "chat_sessions", "messages", "voice_notes"]
STANDING = {
    "rows": "select table_name, count(*) from carryover.published_rows"
    " where rolled_back_at is null group by 1 order by 1",
    "changes": "select kind, table_name, name from carryover.schema_changes"
    " where rolled_back_at is null order by 1, 2, 3, change_id",
    "runs": "select status from carryover.runs",
}
#: What a rollback has to do for a session that a run brings forward.
EXTENDED = """
create publication supabase_realtime;
insert into chat_sessions (id, title, created_at, updated_at) values
('{id}', 'stood', '2040-01-01', '2020-01-01');
insert into consolidated.extended_sessions (id, last_message_at, messages_added)
values ('{id}', '2030-01-01', 1)
""".format(id=identifier("c", 1))


def dump(to: Target) -> str:
    """All that pg_dump says, rows too, but for Carryover's own schemas."""
    own = ("carryover", "carryover_backups", "staging", "transform", "consolidated")
    done = subprocess.run(
        [
            *(str(embedded.binary("pg_dump")), "--restrict-key=x", "--inserts"),
            *(f"--exclude-schema={name}" for name in own),
            to.url,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    # An order of rows is nobody's promise.
    return "\n".join(sorted(done.stdout.splitlines()))


def ledger_says(connection: Connection) -> Mapping[str, list[Any]]:
    found = {name: connection.execute(q).fetchall() for name, q in STANDING.items()}
    connection.rollback()
    return found


def execute(connection: Connection, statements: str) -> None:
    connection.execute(statements.encode())
    connection.commit()


def test_a_restore_takes_back_all_that_a_publish_did_and_brings_it_again(
    legacy_chat: Target, of_legacy_chat: Connection
) -> None:
    connection = of_legacy_chat
    execute(connection, EXTENDED)
    before = dump(legacy_chat)
    first = backup.take(legacy_chat, connection)
    assert sorted(first.names) == TABLES
    publish.publish(connection)
    published, stood = dump(legacy_chat), ledger_says(connection)
    assert [table for table, _ in stood["rows"]] == [
        *("chat_messages", "chat_sessions", "extended_sessions")
    ]
    second = backup.take(legacy_chat, connection)

    done = backup.restore(connection, first.backup_id)

    assert done.is_done
    assert done.unexplained == 0
    assert done.left == ()
    assert dump(legacy_chat) == before
    nothing = {"rows": [], "changes": [], "runs": [("rolled_back",)]}
    assert ledger_says(connection) == nothing
    with pytest.raises(Refused, match="no run has published rows"):
        rollback.preview(connection)

    # And to after the publish: the functions that policies call come first.
    assert backup.restore(connection, second.backup_id).unexplained == 0
    assert not backup.preview_restore(connection, second.backup_id).is_needed
    assert ledger_says(connection) == stood
    assert dump(legacy_chat) == published

    taken = rollback.rollback(connection)
    assert taken.proof
    assert taken.proof.holds
    assert dump(legacy_chat) == before
    assert backup.restore(connection, second.backup_id).is_done
    assert dump(legacy_chat) == published
    assert ledger_says(connection) == stood


def test_after_a_restore_a_publish_and_its_rollback_are_as_the_first(
    legacy_chat: Target, of_legacy_chat: Connection
) -> None:
    connection = of_legacy_chat
    before = dump(legacy_chat)
    backup.take(legacy_chat, connection)
    plan = publish.publish(connection)
    structure_then = structure.read(connection, TABLES)
    stood = ledger_says(connection)
    assert backup.restore(connection).is_done
    with pytest.raises(Refused, match="was taken before the restore of backup"):
        backup.require_verified(connection)

    backup.take(legacy_chat, connection)
    again = publish.publish(connection)

    assert again.inserted == plan.inserted
    assert [c.name for c in again.changes] == [c.name for c in plan.changes]
    assert structure.read(connection, TABLES) == structure_then
    assert ledger_says(connection) == stood
    assert not publish.preview(connection).writes
    taken = rollback.rollback(connection)
    assert taken.proof
    assert taken.proof.holds
    assert dump(legacy_chat) == before


def test_tables_that_were_made_for_the_publish_are_no_publish(
    legacy_chat: Target, of_legacy_chat: Connection
) -> None:
    """The run made them before the backup: a restore leaves them, empty."""
    connection = of_legacy_chat
    execute(connection, "drop table chat_messages, chat_sessions")
    before = dump(legacy_chat)
    consolidation.make_tables(Session(Console(), legacy_chat, connection))
    made = dump(legacy_chat)
    backup.take(legacy_chat, connection)
    inserted = publish.publish(connection).inserted
    assert inserted > 0

    assert backup.restore(connection).unexplained == 0

    assert dump(legacy_chat) == made
    assert ledger_says(connection) == {
        "rows": [],
        "changes": [
            ("target table", name, name) for name in ("chat_messages", "chat_sessions")
        ],
        "runs": [("rolled_back",)],
    }
    backup.take(legacy_chat, connection)
    assert publish.publish(connection).inserted == inserted
    rollback.rollback(connection)
    assert dump(legacy_chat) == before


def test_what_users_have_written_since_is_counted_and_never_lost_unasked(
    legacy_chat: Target, of_legacy_chat: Connection
) -> None:
    connection = of_legacy_chat
    execute(connection, EXTENDED)
    backup.take(legacy_chat, connection)
    publish.publish(connection)
    execute(
        connection,
        "insert into messages (sender_id, content) select id, 'new' from profiles"
        " limit 1; update chat_sessions set title = 'mine', updated_at = now()"
        f" where id = '{identifier('c', 1)}'; insert into chat_messages (session_id,"
        " sender_id, content) select session_id, sender_id, 'new' from chat_messages"
        " limit 2",
    )
    stood = dump(legacy_chat)

    plan = backup.preview_restore(connection)
    assert {t.name: t.rows.unexplained for t in plan.tables} == {
        **dict.fromkeys(TABLES, 0),
        **{"messages": 1, "chat_sessions": 1, "chat_messages": 2},
    }
    with pytest.raises(Refused, match="4 rows newer than the backup"):
        backup.restore(connection)
    assert dump(legacy_chat) == stood

    assert backup.restore(connection, force=True).is_done
    # Who did what meanwhile is not lost with the audit table.
    row = connection.execute(
        "select count(*) > 2, to_regclass('chat_audit_logs') is null"
        " from carryover.kept_audit_logs"
    ).fetchone()
    assert row == (True, True)


def test_what_somebody_has_built_on_stays_and_is_named(
    legacy_chat: Target, of_legacy_chat: Connection
) -> None:
    connection = of_legacy_chat
    backup.take(legacy_chat, connection)
    publish.publish(connection)
    private = settings.security_schema()
    execute(connection, f"create function {private}.ours() returns int return 1")

    done = backup.restore(connection)

    assert done.left == (f"schema {private}",)
    assert [kind for kind, _, _ in ledger_says(connection)["changes"]] == ["schema"]
    console = Console()
    commands.print_restore(console, done)
    execute(connection, f"drop function {private}.ours()")
    assert backup.preview_restore(connection).differences == (
        f"schema {private} is extra",
    )
    assert backup.restore(connection).left == ()
    assert not backup.preview_restore(connection).is_needed


def test_a_backup_counts_for_its_own_pipeline_and_one_holds_what_stands(
    legacy_chat: Target, of_legacy_chat: Connection
) -> None:
    connection = of_legacy_chat
    taken = backup.take(legacy_chat, connection)
    assert taken.pipeline is pipelines.CONSOLIDATION
    with pipelines.working_on(pipelines.MIGRATION):
        reason = backup.why_not(connection, taken)
        assert reason == "does not hold chats, media"
        listed = commands.backups_as_json(Session(Console(), legacy_chat, connection))
        assert [each["counts_for_publishing"] for each in listed] == [True]
    # After the cutover views stand where the legacy tables stood.
    execute(
        connection,
        "create schema legacy_archive; alter table messages set schema legacy_archive;"
        "create view messages as table legacy_archive.messages;"
        "insert into carryover.cutovers (run_id, executed_at, operator, live_schema,"
        " archive_schema) select run_id, now(), 'me', 'public', 'legacy_archive'"
        " from carryover.runs",
    )
    assert "messages is missing" in str(backup.why_not(connection, taken))
    assert sorted(backup.take(legacy_chat, connection).names) == [
        table for table in TABLES if table != "messages"
    ]
    with pytest.raises(Refused, match=r"\./inv cutover --undo --execute"):
        backup.restore(connection, taken.backup_id)


#: Ways in which rows of a legacy table can lie elsewhere than in one plain table.
ELSEWHERE = {
    "is partitioned": """
        alter table messages rename to messages_2024;
        create table messages (like messages_2024) partition by list (type);
        alter table messages attach partition messages_2024 default;
    """,
    "has a parent or child by inheritance": """
        create table messages_2024 () inherits (messages);
        with moved as (delete from only messages where is_read returning *)
        insert into messages_2024 table moved;
    """,
    "is a partition": """
        create table all_messages (like messages) partition by list (type);
        alter table all_messages attach partition messages default;
    """,
    "is a materialized view": """
        alter table messages rename to messages_2024;
        create materialized view messages as table messages_2024;
    """,
    "is a view": """
        alter table messages rename to messages_2024;
        create view messages as table messages_2024;
    """,
    "is a foreign table": """
        alter table messages rename to messages_2024;
        create foreign data wrapper nowhere; create server nowhere
        foreign data wrapper nowhere;
        create foreign table messages (id uuid) server nowhere;
    """,
}


@pytest.mark.parametrize("reason", ELSEWHERE)
def test_a_legacy_table_that_a_backup_cannot_hold_is_refused_by_name(
    reason: str, legacy_chat: Target, of_legacy_chat: Connection
) -> None:
    """It was left out without a word, and the backup was called verified."""
    execute(of_legacy_chat, ELSEWHERE[reason])
    said = f"live table public.messages {reason}, which a backup of ours cannot hold"
    with pytest.raises(Refused, match=said):
        backup.preview(of_legacy_chat)
    with pytest.raises(Refused, match=said):
        backup.take(legacy_chat, of_legacy_chat)
    assert backup.list_backups(of_legacy_chat) == []


def test_an_unlogged_legacy_table_is_held(
    legacy_chat: Target, of_legacy_chat: Connection
) -> None:
    execute(of_legacy_chat, "alter table voice_notes set unlogged")
    taken = backup.take(legacy_chat, of_legacy_chat)
    assert sorted(taken.names) == TABLES
    assert taken.table("voice_notes").rows == 350


@pytest.mark.parametrize(
    "reason", ["is partitioned", "has a parent or child by inheritance"]
)
def test_every_row_of_a_legacy_table_lands_wherever_it_lies(
    reason: str, of_legacy_chat: Connection
) -> None:
    execute(of_legacy_chat, ELSEWHERE[reason])
    landed = legacy.land(of_legacy_chat, target="test")
    assert landed.tables["messages"].rows == 2500


def test_legacy_tables_of_another_schema_are_said_to_be_left_out(
    legacy_chat: Target, of_legacy_chat: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_legacy_chat.execute("create schema old; alter table messages set schema old")
    of_legacy_chat.execute("alter table voice_notes set schema old")
    of_legacy_chat.commit()
    monkeypatch.setenv("CARRYOVER_LEGACY_SCHEMA", "old")
    err = io.StringIO()
    session = Session(Console(io.StringIO(), err), legacy_chat, of_legacy_chat)
    taken = commands.run_backup(session)
    assert taken.names == ["chat_messages", "chat_sessions"]
    commands.plan_backup(session)
    said = "old.messages and old.voice_notes are not in the backup"
    assert err.getvalue().count(said) == 2
