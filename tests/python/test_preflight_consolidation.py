"""The preflight of the consolidation: its own lines provoked, remedies followed."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from harness import backup, preflight, publish, settings
from harness.database import Connection, Target
from harness.preflight import Check, Preflight
from tests.python.test_preflight import NAMES, follow, line, role_of
from tests.python.world import identifier

#: The lines that only the consolidation has, after those that they follow.
OWN = {
    "live_tables": ("cutover",),
    "existing_rows": ("existing_values", "delete_rules"),
    "publications": ("identities",),
    "landed": ("legacy_rows",),
}
SUPABASE = """
do $$ begin create role anon; create role authenticated;
exception when duplicate_object then null; end $$;
create schema auth;
create function auth.uid() returns uuid language sql stable as
$$ select current_setting('request.jwt.claim.sub', true)::uuid $$;
grant usage on schema auth to anon, authenticated;
create publication supabase_realtime
"""


def look(to: Target, connection: Connection, **options: bool) -> Preflight:
    return preflight.run(connection, to, **{"needs_backup": False, **options})


def execute(connection: Connection, statements: str) -> None:
    connection.execute(statements.encode())
    connection.commit()


def others(found: Preflight) -> dict[str, Check]:
    """The lines that did not pass."""
    return {check.name: check for check in found.checks if check.status != "pass"}


def test_the_sample_passes_every_check(
    legacy_chat: Target, of_legacy_chat: Connection
) -> None:
    found = look(legacy_chat, of_legacy_chat)
    expected = [
        each
        for name in NAMES
        if name != "bookings_taken"
        for each in (name, *OWN.get(name, ()))
    ]
    assert [check.name for check in found.checks] == expected
    assert list(others(found)) == ["existing_values", "identities"]
    support = "4 rows of chat_sessions have the type 'support'; the checks that come"
    assert line(found, "existing_values").said.startswith(support)
    warned = line(found, "identities")
    # Roles are the server's: another test may have made them.
    roles = of_legacy_chat.execute(
        "select name from unnest(array['anon', 'authenticated']) as name"
        " where to_regrole(name) is null order by name"
    ).fetchall()
    missing_names = ", ".join([*(name for (name,) in roles), "auth.uid()"])
    assert warned.said.startswith(f"missing: {missing_names}; ")
    assert "2,902 insert" in line(found, "rows_to_write").said
    assert "publishing adds 7 keys and 9 indexes" in line(found, "keys").said

    execute(of_legacy_chat, SUPABASE)
    missing = look(legacy_chat, of_legacy_chat, needs_backup=True)
    assert list(others(missing)) == ["existing_values", "backup"]
    backup.take(legacy_chat, of_legacy_chat)
    assert look(legacy_chat, of_legacy_chat, needs_backup=True).passed
    publish.publish(of_legacy_chat)
    after = look(legacy_chat, of_legacy_chat, needs_backup=True)
    assert line(after, "keys").said == "all that the specification names stand"
    # What a publish made itself, triggers and memberships, is nothing to warn of.
    assert others(after) == {}


def test_tables_that_are_to_come_are_no_failure(
    legacy_chat: Target, of_legacy_chat: Connection
) -> None:
    execute(of_legacy_chat, "drop table chat_messages, chat_sessions")
    found = look(legacy_chat, of_legacy_chat)
    # What the sample's marts hold for sessions that stood has no place any more.
    assert list(others(found)) == ["identities", "parents_missing", "values_refused"]
    assert line(found, "live_tables").said == (
        "public: profiles, bookings; chat_sessions and chat_messages are made before"
        " the publish"
    )
    assert "2,799 insert" in line(found, "rows_to_write").said
    row = of_legacy_chat.execute("select to_regclass('chat_sessions')").fetchone()
    assert row == (None,)
    of_legacy_chat.rollback()
    with role_of(legacy_chat.parameters) as reader:
        execute(of_legacy_chat, f"grant select on profiles to {reader['user']}")
        to = Target(reader, is_embedded=False)
        with psycopg.connect(make_conninfo(**reader)) as connection:
            lacking = line(look(to, connection), "rights")
        assert "grant create on schema public to" in lacking.remedy


def test_rows_that_break_the_keys_to_come_are_told(
    legacy_chat: Target, of_legacy_chat: Connection
) -> None:
    nobody, coming = identifier("f", 9), "(select id from consolidated.chat_sessions"
    execute(
        of_legacy_chat,
        "insert into chat_messages (id, session_id, sender_id, reply_to_message_id)"
        f" select id, '{nobody}', '{nobody}', '{nobody}' from (values"
        f" ('{identifier('a', 1)}'::uuid), ('{identifier('a', 2)}')) as two (id);"
        "insert into chat_messages (session_id, sender_id) select session_id, sender_id"
        f" from consolidated.chat_messages where session_id in {coming}) limit 1;"
        f"insert into chat_sessions (booking_id) values ('{nobody}')",
    )
    check = line(look(legacy_chat, of_legacy_chat), "existing_rows")
    assert check.status == "fail"
    # A session that this publish brings is there before the key is.
    assert check.said.split("; ") == [
        "the booking_id of 1 rows of chat_sessions is not in bookings (such as "
        + check.said.split("(such as ")[1].split(")")[0]
        + ")",
        *(
            f"the {column} of 2 rows of chat_messages is not in {parent} (such as"
            f" {identifier('a', 1)}, {identifier('a', 2)})"
            for column, parent in (
                ("session_id", "chat_sessions"),
                ("sender_id", "profiles"),
                ("reply_to_message_id", "chat_messages"),
            )
        ),
    ]
    for listing in check.remedy.splitlines()[1:]:
        assert of_legacy_chat.execute(listing.encode()).fetchall()
    of_legacy_chat.rollback()


def test_values_and_rules_that_are_not_specified_are_told(
    legacy_chat: Target, of_legacy_chat: Connection
) -> None:
    execute(
        of_legacy_chat,
        "update chat_messages set type = 'video' where id in"
        " (select id from chat_messages limit 2);"
        "update chat_sessions set status = 'it''s on' where id in"
        " (select id from chat_sessions limit 1);"
        "alter table chat_messages add constraint mine foreign key (session_id)"
        " references chat_sessions (id) on delete restrict",
    )
    found = look(legacy_chat, of_legacy_chat)
    values, rules = line(found, "existing_values"), line(found, "delete_rules")
    assert values.status == rules.status == "warn"
    assert values.said == (
        "4 rows of chat_sessions have the type 'support'; 1 rows of chat_sessions have"
        " the status \"it's on\"; 2 rows of chat_messages have the type 'video'; the"
        " checks that come will allow these values too"
    )
    assert rules.said == (
        "mine of chat_messages does restrict when its row of chat_sessions is deleted,"
        " not cascade"
    )
    for listing in values.remedy.splitlines()[1:]:
        assert of_legacy_chat.execute(listing.encode()).fetchall()
    of_legacy_chat.rollback()
    follow(legacy_chat.parameters, rules)
    assert "delete_rules" not in others(look(legacy_chat, of_legacy_chat))


def test_legacy_rows_that_changed_and_a_cutover_are_told(
    legacy_chat: Target,
    of_legacy_chat: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    execute(
        of_legacy_chat,
        "insert into messages (sender_id, content) select id, 'new' from profiles"
        " limit 2; delete from messages where id in (select id from"
        " staging.legacy_messages limit 1); delete from voice_notes where id in"
        " (select id from voice_notes limit 3)",
    )
    check = line(look(legacy_chat, of_legacy_chat), "legacy_rows")
    assert (check.status, check.said) == (
        "warn",
        "since the landing: 2 new and 1 deleted in messages, 3 deleted in voice_notes",
    )
    assert "./inv consolidate.land" in check.remedy
    archive = settings.archive_schema()
    execute(
        of_legacy_chat,
        f"create schema {archive};"
        + "".join(
            f"alter table {name} set schema {archive};"
            f"create view {name} as table {archive}.{name};"
            for name in ("messages", "voice_notes")
        )
        + "insert into carryover.cutovers (run_id, executed_at, operator, live_schema,"
        f" archive_schema, detail) select run_id, now(), 'me', 'public', '{archive}',"
        """ '{"legacy_schema": "public"}' from carryover.runs""",
    )
    found = look(legacy_chat, of_legacy_chat)
    assert line(found, "cutover").said.endswith(f"rows are read from {archive}")
    assert line(found, "legacy_rows").said == check.said
    monkeypatch.setenv("CARRYOVER_LEGACY_SCHEMA", "elsewhere")
    cutover = line(look(legacy_chat, of_legacy_chat), "cutover")
    assert cutover.status == "fail"
    assert "export CARRYOVER_LEGACY_SCHEMA=public" in cutover.remedy


def test_what_the_policies_ask_and_may_not_is_told(
    legacy_chat: Target, of_legacy_chat: Connection
) -> None:
    execute(of_legacy_chat, SUPABASE)
    execute(of_legacy_chat, "revoke execute on function auth.uid() from public")
    with role_of(legacy_chat.parameters) as owner:
        execute(
            of_legacy_chat,
            f"grant create on database {owner['dbname']} to {owner['user']};"
            + "".join(
                f"alter table {table} owner to {owner['user']};"
                for table in ("chat_sessions", "chat_messages", "profiles", "bookings")
            ),
        )
        to = Target(owner, is_embedded=False)
        with psycopg.connect(make_conninfo(**owner)) as connection:
            refused = line(look(to, connection), "identities")
            assert (refused.status, "may not call" in refused.said) == ("fail", True)
            follow(legacy_chat.parameters, refused)
            alone = line(look(to, connection), "identities")
            assert alone.status == "warn"
            assert "cannot add chat_sessions and chat_messages" in alone.said
            follow(legacy_chat.parameters, alone)
            assert line(look(to, connection), "identities").status == "pass"
        execute(
            of_legacy_chat,
            f"revoke postgres from {owner['user']};"
            f"revoke all on schema auth from {owner['user']};"
            f"revoke all on function auth.uid() from {owner['user']}",
        )
