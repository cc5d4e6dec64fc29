"""The consolidation's models on a landed legacy system, and how it is landed.

The sample's outcome was worked out without our code. What it does not hold, hostile
rows do: for these the models are compared with the validation's own derivation, which
shares no SQL with them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from harness import build, ledger, legacy, pipelines, settings, validate
from harness.database import Connection, Target
from harness.errors import Refused
from tests.python.world import identifier

SAMPLE = settings.SAMPLES / "legacy_chat"
MARTS = {
    "chat_sessions": "expected_chat_sessions",
    "chat_messages": "expected_session_messages",
    "extended_sessions": "expected_extended_sessions",
}
NOTHING_UNLIKE: dict[str, list[Any]] = {mart: [] for mart in MARTS}
CLIENT, READER = identifier("f", 1), identifier("f", 2)
NOBODY, BOOKING, SUPPORT = identifier("f", 9), identifier("b", 1), identifier("b", 2)

#: Rows for every rule and for what the rules do not say; beside those of the sample.
HOSTILE = f"""
insert into profiles (id) values ('{CLIENT}'), ('{READER}');
insert into bookings (id, user_id, reader_id, status, created_at) values
('{BOOKING}', '{CLIENT}', null, 'cancelled', '2024-05-01'),
('{identifier("b", 3)}', '{READER}', '{READER}', 'completed', '2024-05-02');
insert into chat_sessions (id, participants, type, last_message_at, created_at) values
('{SUPPORT}', '{{{CLIENT}}}', 'support', '2025-01-01', '2024-01-01'),
('{BOOKING}', '{{{CLIENT}}}', 'booking', null, null);
insert into chat_messages
    (id, session_id, sender_id, type, content, file_url, created_at)
values
('{identifier("a", 1)}', '{SUPPORT}', '{CLIENT}', 'text', 'both', null, '2024-06-01'),
('{identifier("a", 2)}', '{SUPPORT}', '{CLIENT}', 'text', 'other', null, '2024-06-01'),
('{identifier("a", 3)}', '{SUPPORT}', '{CLIENT}', 'audio', '', 'https://h/x.webm?t=1',
 '2024-06-02'),
('{identifier("a", 4)}', '{identifier("b", 3)}', '{READER}', 'text', 'no session', null,
 '2024-12-24');
insert into messages
    (id, booking_id, sender_id, type, content, file_url, metadata, is_read, created_at)
values
('{identifier("a", 1)}', '{SUPPORT}', '{CLIENT}', null, 'both', null, null, null,
 '2024-06-01'),
('{identifier("a", 2)}', '{SUPPORT}', '{CLIENT}', 'text', 'mine', null, null, true,
 '2024-06-01'),
('{identifier("e", 1)}', '{BOOKING}', '{CLIENT}', 'Voice', null, 'https://h/a.webm',
 null, null, null),
('{identifier("e", 2)}', null, '{READER}', 'voice', 'x', 'https://h/%C3%A6.webm#t=1',
 '[1]', true, null),
('{identifier("e", 3)}', '{identifier("b", 3)}', '{READER}', 'audio', '',
 'https://h/%C3%A6.webm', '{{"a": 1}}', false, '2024-07-01'),
('{identifier("e", 4)}', '{SUPPORT}', '{READER}', 'file', '', 'f/%zz%20%FF.pdf', null,
 null, '2024-07-02'),
('{identifier("e", 5)}', '{NOBODY}', '{CLIENT}', 'image', '🍇 '' {{x}} %s',
 'https://h/%F0%9F%8D%87.png?u=/a', null, null, '2024-07-03'),
('{identifier("e", 6)}', '{BOOKING}', '{NOBODY}', 'text', 'x', null, null, null, null),
('{identifier("e", 7)}', null, '{READER}', 'text', 'x', null, 'null', null,
 '2024-02-01');
insert into voice_notes (id, user_id, file_url, file_name, file_size, duration_seconds,
    transcription, context_type, context_id, metadata, created_at)
values
('{identifier("d", 1)}', '{READER}', 'https://h/%C3%A6.webm?t=2', 'one.webm', 0, 4,
 'said', 'chat', '{identifier("b", 3)}', '{{"a": 2, "b": 3}}', '2024-07-02'),
('{identifier("d", 2)}', '{READER}', 'https://h/%C3%A6.webm', '', 7, null, 'said too',
 'chat', null, null, '2024-07-01'),
('{identifier("d", 3)}', '{CLIENT}', 'https://h/x.webm', 'x', 1, 1, null, 'chat', null,
 null, null),
('{identifier("d", 4)}', '{CLIENT}', 'https://h/get?id=1', 'y', 1, 1, null, 'chat',
 '{BOOKING}', null, null),
('{identifier("d", 5)}', '{CLIENT}', 'https://h/get?id=2', null, null, null, null,
 'chat', '{SUPPORT}', '[]', '2024-07-05'),
('{identifier("d", 6)}', '{CLIENT}', 'https://h/twice.ogg', null, 5, null, 'first',
 'chat', null, null, '2024-07-06'),
('{identifier("d", 7)}', '{CLIENT}', 'https://h/twice.ogg?t=1', 'twice', 6, 7, null,
 'chat', '{BOOKING}', '{{}}', '2024-07-07'),
('{identifier("e", 4)}', '{READER}', 'https://h/taken.ogg', null, 5, null, 'said',
 'chat', null, '"x"', '2024-07-08'),
('{identifier("d", 8)}', '{NOBODY}', 'https://h/z.ogg', null, 5, null, null, null, null,
 null, '2024-07-08'),
('{identifier("d", 9)}', '{NOBODY}', 'https://h/z.ogg', null, 5, null, null, 'chat',
 null, null, '2024-07-08');
"""


@pytest.fixture(autouse=True)
def at_work() -> Iterator[None]:
    """All of this is about the consolidation."""
    with pipelines.working_on(pipelines.CONSOLIDATION):
        yield


def expected() -> dict[str, Any]:
    outcome: dict[str, Any] = json.loads((SAMPLE / "expected.json").read_text("utf-8"))
    return outcome


def counts(connection: Connection, relation: str, column: str) -> dict[str, int]:
    return dict(
        connection.execute(
            f"select {column}, count(*) from {relation} group by 1"
        ).fetchall()
    )


def marts_unlike_the_derivation(connection: Connection) -> dict[str, list[Any]]:
    """The rows of each mart that the second derivation has not, and the other way."""
    validate.derive_consolidation(connection)
    found = {}
    for mart, derived in MARTS.items():
        found[mart] = connection.execute(
            f"(table consolidated.{mart} except all table {derived})"
            f" union all (table {derived} except all table consolidated.{mart})"
        ).fetchall()
        assert connection.execute(f"select from {derived} limit 1").fetchall()
    return found


def test_the_sample_comes_out_as_expected(of_legacy_chat: Connection) -> None:
    outcome = expected()
    reconciled = {
        origin: figures
        for origin, *figures in of_legacy_chat.execute(
            "select origin, rows_read, rows_kept, rows_merged, rows_skipped"
            " from consolidated.legacy_reconciliation"
        )
    }
    assert reconciled["messages"][0] == outcome["messages"]
    assert reconciled["voice_notes"][0] == outcome["voice_notes"]
    sums = [sum(figures) for figures in zip(*reconciled.values(), strict=True)]
    merged = outcome["merged_voice_notes"]
    assert sums[1:] == [outcome["migrated"], merged, outcome["skipped"]]
    assert sums[0] == sum(sums[1:])
    assert (
        counts(of_legacy_chat, "consolidated.skipped_legacy_rows", "reason")
        == outcome["skip_reasons"]
    )
    sessions, messages = "consolidated.chat_sessions", "consolidated.chat_messages"
    assert counts(of_legacy_chat, sessions, "type") == outcome["new_sessions"]
    assert counts(of_legacy_chat, sessions, "status") == outcome["session_status"]
    assert counts(of_legacy_chat, messages, "type") == outcome["by_type"]


def test_every_message_of_the_sample_is_as_expected(of_legacy_chat: Connection) -> None:
    fields = (
        *("id", "sender_id", "type", "content", "is_read", "file_name", "file_size"),
        *("duration_seconds", "created_at", "session", "session_type"),
    )
    rows = of_legacy_chat.execute(
        "select message.id::text, message.sender_id::text, message.type,"
        " message.content, message.is_read, message.file_name, message.file_size,"
        " message.duration_seconds, message.created_at::text,"
        " case when session.type = 'unlinked' then 'unlinked:' || message.sender_id"
        " else message.session_id::text end, coalesce(session.type, existing.type)"
        " from consolidated.chat_messages as message"
        " left join consolidated.chat_sessions as session"
        " on message.session_id = session.id"
        " left join public.chat_sessions as existing"
        " on message.session_id = existing.id"
    ).fetchall()
    found = {row[0]: dict(zip(fields, row, strict=True)) for row in rows}
    text = (SAMPLE / "expected_chat_messages.jsonl").read_text("utf-8")
    wanted = {row["id"]: row for row in map(json.loads, text.splitlines())}
    for row in wanted.values():
        seconds, _, fraction = row["created_at"].removesuffix("+00:00").partition(".")
        row["created_at"] = f"{seconds}.{fraction}".rstrip("0").rstrip(".") + "+00"
    assert found == wanted


def test_the_second_derivation_agrees_on_the_sample(of_legacy_chat: Connection) -> None:
    assert marts_unlike_the_derivation(of_legacy_chat) == NOTHING_UNLIKE


def test_the_audits_are_the_consolidations_own(of_legacy_chat: Connection) -> None:
    found = dict(
        of_legacy_chat.execute("select name, status from consolidated.audit_results")
    )
    assert set(found.values()) <= {"pass", "success"}
    assert {"session_messages", "legacy_rows_are_conserved"} <= set(found)
    assert not {"loaded_run", "stg_mysql_dump__chats", "error_rate"} & set(found)
    run = ledger.current_run(of_legacy_chat)
    built = of_legacy_chat.execute(
        "select run_id from consolidated.loaded_run"
    ).fetchall()
    assert built == [(run.run_id,)]
    with pipelines.working_on(pipelines.MIGRATION):
        assert ledger.find_current_run(of_legacy_chat) is None
    row = of_legacy_chat.execute("select to_regnamespace('marts') is null").fetchone()
    assert row == (True,)


def test_hostile_rows_come_out_as_derived(
    of_legacy_chat: Connection, legacy_chat: Target
) -> None:
    of_legacy_chat.execute(HOSTILE.encode())
    of_legacy_chat.commit()
    legacy.land(of_legacy_chat, target="test")

    result = build.build(legacy_chat, ["--selector", "consolidation"])

    assert not result.failures
    assert marts_unlike_the_derivation(of_legacy_chat) == NOTHING_UNLIKE
    of_legacy_chat.rollback()
    assert of_legacy_chat.execute(
        "select source_id::text, column_name, rule, old_value, new_value"
        " from consolidated.legacy_coercions where source_id = any(%s::uuid[])"
        " order by 1, 2",
        [[identifier("e", 1), identifier("e", 2)]],
    ).fetchall() == [
        (identifier("e", 1), *coercion)
        for coercion in (
            ("content", "content_null_to_empty", None, ""),
            ("created_at", "created_at_null", None, "2024-05-01 00:00:00.000000+00"),
            ("is_read", "is_read_null_to_false", None, "false"),
            ("type", "type_unknown", "Voice", "file"),
        )
    ] + [
        (
            identifier("e", 2),
            "created_at",
            "created_at_null",
            None,
            "2024-02-01 00:00:00.000000+00",
        )
    ]
    assert dict(
        of_legacy_chat.execute(
            "select source_id::text, kept_message_id::text"
            " from consolidated.merged_legacy_rows where source_id = any(%s::uuid[])",
            [
                [identifier("a", 1), identifier("a", 2)]
                + [identifier("d", number) for number in range(1, 10)]
            ],
        ).fetchall()
    ) == {
        identifier("a", 1): identifier("a", 1),
        identifier("d", 1): identifier("e", 3),
        identifier("d", 2): identifier("e", 2),
        identifier("d", 3): identifier("a", 3),
        identifier("d", 7): identifier("d", 6),
    }


def test_the_empty_landing_has_the_columns_of_a_real_one() -> None:
    path = settings.PROJECT_ROOT / "macros" / "legacy_landing.sql"
    macro = re.sub(r"'\s*~ '", "", path.read_text("utf-8"))
    for name, table in legacy.TABLES.items():
        columns = [f"{column} {kind}" for column, kind in table.columns.items()]
        if table.is_target:
            columns.append("is_published boolean")
        assert f"'{settings.legacy_landing(name)}': '{', '.join(columns)}'" in macro


MINIMAL = """
create table profiles (id uuid);
create table bookings
(id uuid, user_id uuid, reader_id uuid, status text, created_at timestamptz);
create table messages (id uuid, booking_id uuid, sender_id uuid, type varchar(9),
    content text, created_at timestamp);
create table voice_notes (id text, user_id uuid, file_url text, context_type text,
    context_id uuid, created_at timestamptz);
insert into messages values
(gen_random_uuid(), null, gen_random_uuid(), 'text', 'x', '2024-01-01 08:00:00');
"""


@pytest.mark.usefixtures("environment")
def test_a_system_without_the_new_tables_lands(connection: Connection) -> None:
    connection.execute(MINIMAL)
    connection.commit()

    landed = legacy.land(connection, target="test")

    rows = {name: state.rows for name, state in landed.tables.items()}
    assert rows == {**dict.fromkeys(legacy.TABLES, 0), "messages": 1}
    assert connection.execute(
        "select created_at::text, file_url, is_read from staging.legacy_messages"
    ).fetchall() == [("2024-01-01 08:00:00+00", None, None)]
    detail = ledger.step_detail(connection, landed.run_id, "consolidate.land")
    assert detail is not None
    assert detail["tables"]["messages"]["rows"] == 1


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("drop table bookings", "there is no table public.bookings"),
        (
            "alter table messages rename to archived;"
            " create view messages as table archived",
            "there is no table public.messages",
        ),
        (
            "alter table messages drop column booking_id, drop column content",
            "the table public.messages lacks booking_id, content",
        ),
        (
            "alter table voice_notes add column duration_seconds numeric",
            "voice_notes.duration_seconds is numeric",
        ),
    ],
)
def test_a_system_of_another_shape_is_refused(
    connection: Connection, change: str, said: str
) -> None:
    connection.execute(MINIMAL)
    connection.execute(change.encode())
    connection.commit()

    with pytest.raises(Refused, match=said):
        legacy.land(connection, target="test")

    assert connection.execute("select to_regnamespace('staging')").fetchone() == (None,)


@pytest.mark.usefixtures("environment")
def test_a_failed_landing_leaves_the_last_one(connection: Connection) -> None:
    connection.execute(MINIMAL)
    connection.commit()
    first = legacy.land(connection, target="test")
    connection.execute("insert into voice_notes (id, file_url) values ('no-uuid', 'x')")
    connection.commit()

    with pytest.raises(legacy.LandingFailed, match="rolled back"):
        legacy.land(connection, target="test")

    run = ledger.current_run(connection)
    assert run.run_id == first.run_id
    connection.execute("truncate staging.legacy_loads")
    with pytest.raises(Refused, match="are empty: the server ended abnormally"):
        ledger.current_run(connection)
