"""The cutover and its undoing: all or nothing, and exactly back.

On the sample's legacy system, with the marts that the second derivation makes of it.
"""

from __future__ import annotations

from typing import Any

import pytest

from harness import cutover, ledger, locks
from harness.cutover import carrying, checks, executing, state
from harness.database import Connection, Target, connect
from harness.errors import Refused
from tests.python.cutover.people import (
    BOOKING,
    CLIENT,
    MARTS,
    READER,
    at,
    dumped,
    identifier,
    land,
    publish,
    rows,
)

#: Names that need quotes, ids of text, enumerations, short texts, times without a zone.
ODD = f"""
create schema "Chat, live"; set search_path to "Chat, live";
create type kind as enum ('text', 'voice', 'image');
create domain word as text not null;
create table profiles (id uuid primary key, role text);
create table bookings (id uuid primary key, user_id uuid, reader_id uuid, status text,
    created_at timestamp);
create table messages (id text primary key, booking_id varchar(36), sender_id text,
    type kind default 'text', content varchar(20), created_at timestamp default now(),
    metadata json, mood word default 'calm', tag text collate "C");
create table voice_notes (id uuid, user_id uuid, file_url text, context_type text,
    context_id uuid, created_at timestamptz);
create type sort as enum ('booking', 'unlinked', 'support');
create type state as enum ('active', 'ended');
create table chat_sessions (id uuid primary key, participants uuid[] not null,
    type sort, booking_id uuid, status state, created_at timestamp,
    last_message_at timestamp);
create table chat_messages (id uuid primary key, session_id uuid not null,
    sender_id uuid not null, type text not null, content text not null, file_url text,
    file_name text, file_size int, duration_seconds int, is_read boolean,
    created_at timestamp, metadata jsonb);
insert into profiles values ('{CLIENT}'), ('{READER}');
insert into bookings values ('{BOOKING}', '{CLIENT}', '{READER}', 'open', '2024-05-01');
insert into messages (id, booking_id, sender_id, content, created_at) values
('{identifier("e", 1)}', '{BOOKING}', '{CLIENT}', 'old', '2024-05-02');
insert into voice_notes values ('{identifier("d", 1)}', '{CLIENT}', 'x.ogg', 'chat',
    '{BOOKING}', '2024-05-03');
"""


def test_every_row_reads_as_before(published: Connection) -> None:
    """Also where the new system had messages of its own: old clients see no other."""
    wanted = {
        name: rows(published, f"select * from {name} order by id")
        for name in ("messages", "voice_notes")
    }
    deleted = [str(row[0]) for row in wanted["messages"][:3]]
    published.execute("delete from messages where id = any(%s)", [deleted])
    published.commit()
    wanted["messages"] = wanted["messages"][3:]
    executing.execute(published)
    for name, stood in wanted.items():
        assert rows(published, f"select * from {name} order by id") == stood
    hidden = {
        str(row[0]) for row in rows(published, "table legacy_archive.earlier_messages")
    }
    assert len(hidden) == 30 + len(deleted)
    assert hidden >= set(deleted)
    theirs = "from messages where id in (select message_id from"
    earlier = f"{theirs} legacy_archive.earlier_messages)"
    assert not rows(published, f"select {earlier}")
    assert published.execute(f"delete {earlier}".encode()).rowcount == 0
    published.execute(
        "insert into chat_messages (session_id, sender_id, content)"
        f" values ('{BOOKING}', '{READER}', 'new')"
    )
    assert len(rows(published, "table messages")) == len(wanted["messages"]) + 1


def test_undone_the_schema_and_all_rows_are_back(published: Connection) -> None:
    before = dumped(published)
    rows_before = rows(published, "table messages order by id")
    executing.execute(published)
    assert dumped(published) != before
    published.execute(
        "insert into messages (id, sender_id, content) values (%s, %s, 'late');",
        [identifier("c", 1), CLIENT],
    )
    published.commit()
    undone = executing.undo(published)
    assert dumped(published) == before
    assert undone.written == {"messages": 1, "voice_notes": 0}
    assert undone.of_new_clients == 0
    assert not cutover.stands(published)
    after = rows(published, "table messages order by id")
    assert [row for row in after if str(row[0]) != identifier("c", 1)] == rows_before
    assert len(after) == len(rows_before) + 1


def test_the_plan_names_what_follows_the_tables(published: Connection) -> None:
    before = dumped(published)
    plan = executing.preview(published)
    assert dumped(published) == before
    assert plan.rows == {"messages": 2503, "voice_notes": 351}
    said = "\n".join(plan.warnings)
    for named in (
        "the view recent follows its table into the archive",
        "refers to the archive: a message that a new client wrote",
        "messages stays in the publication supabase_realtime",
        "the policy open of messages is set aside",
        "the policy own of voice_notes is set aside",
        "cutover_report is not authenticated and will see no row",
    ):
        assert named in said
    assert "never" not in said


def test_done_again_it_says_so_and_changes_nothing(published: Connection) -> None:
    assert executing.preview(published).stands is None
    executing.execute(published)
    before = dumped(published)
    assert executing.execute(published).stands is not None
    assert dumped(published) == before
    assert executing.preview(published).stands is not None


def test_refused_in_one_sentence(published: Connection) -> None:
    def refusal() -> str:
        with pytest.raises(Refused) as error:
            executing.execute(published)
        with pytest.raises(Refused):
            executing.preview(published)
        assert not cutover.stands(published)
        return str(error.value)

    with pytest.raises(Refused, match="no cutover stands"):
        executing.undo(published)
    published.execute(
        "insert into messages (sender_id)"
        f" select '{CLIENT}' from generate_series(1, {carrying.MOST});"
        "update voice_notes set transcription = 'new' where transcription is null"
    )
    published.commit()
    said = refusal()
    assert said.startswith("more than 10,000 rows of messages and voice_notes")
    assert said.endswith("Run: ./inv consolidate --execute")
    published.execute(
        f"delete from messages where sender_id = '{CLIENT}' and content is null"
        f" and id <> '{identifier('e', 1)}';"
        "revoke insert on chat_messages from authenticated"
    )
    published.commit()
    assert 'grant insert on "public"."chat_messages" to authenticated' in refusal()
    published.execute(
        "grant insert on chat_messages to authenticated;create schema legacy_archive"
    )
    published.commit()
    assert "there is a schema legacy_archive already" in refusal()
    published.execute("drop schema legacy_archive")
    ledger.set_status(published, checks.require_published(published).run_id, "built")
    published.commit()
    assert "the consolidation is not published: the run" in refusal()


def test_what_stands_in_the_way_of_undoing_is_named(published: Connection) -> None:
    executing.execute(published)
    published.execute("create view newer as table messages")
    published.commit()
    with pytest.raises(executing.CutoverFailed, match="depend on it"):
        executing.undo(published)
    assert cutover.stands(published)
    published.execute(
        "drop view newer; drop view voice_notes; create view voice_notes as"
        " table legacy_archive.voice_notes"
    )
    published.commit()
    with pytest.raises(Refused, match=r"public\.voice_notes is not what the cutover"):
        executing.preview_undo(published)
    published.execute("drop view voice_notes")
    published.commit()
    with pytest.raises(Refused, match=r"the view public\.voice_notes that the cutover"):
        executing.undo(published)


def test_all_or_nothing_beside_a_writer(
    published: Connection,
    postgres_server: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(locks, "PAUSES", ())
    before = dumped(published)
    with connect(at(postgres_server, published.info.dbname)) as writer:
        writer.execute("insert into messages (sender_id) values (%s)", [CLIENT])
        with pytest.raises(Refused, match="the live tables are locked by process"):
            executing.execute(published)
        writer.rollback()
        look, late = checks.warnings, identifier("c", 1)

        def meanwhile(*given: Any) -> Any:
            writer.execute(
                "insert into messages (id, sender_id) values (%s, %s)", [late, CLIENT]
            )
            writer.commit()
            return look(*given)

        with monkeypatch.context() as writing:
            writing.setattr(checks, "warnings", meanwhile)
            writing.setattr(carrying, "MOST", 0)
            with pytest.raises(Refused, match="more than 0 rows of messages"):
                executing.execute(published)
        writer.execute("delete from messages where id = %s", [late])
        writer.commit()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killing:
        killing.setattr(state, "enter", killed)
        with pytest.raises(KeyboardInterrupt):
            executing.execute(published)
    assert dumped(published) == before
    executing.execute(published)
    after = dumped(published)
    with monkeypatch.context() as killing:
        killing.setattr(state, "end", killed)
        with pytest.raises(KeyboardInterrupt):
            executing.undo(published)
    assert dumped(published) == after


def test_an_application_of_another_shape(
    database: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARRYOVER_LIVE_SCHEMA", "Chat, live")
    monkeypatch.setenv("CARRYOVER_SCHEMA_PREFIX", "My own ")
    to = Target(database, is_embedded=False)
    with connect(to) as connection:
        connection.execute(ODD.encode())
        connection.commit()
        land(connection)
        marts = MARTS.replace("consolidated", '"My own consolidated"')
        publish(to, connection, marts.replace("staging.", '"My own staging".'))
        connection.execute('set search_path to "Chat, live"')
        before = dumped(connection)
        stood = (
            rows(connection, "table messages"),
            rows(connection, "table voice_notes"),
        )
        executing.execute(connection)
        assert stood == (
            rows(connection, "table messages"),
            rows(connection, "table voice_notes"),
        )
        new, late = identifier("c", 1), identifier("c", 2)
        connection.execute(
            "insert into chat_messages (id, session_id, sender_id, type, content,"
            " created_at) values (%s, %s, %s, 'audio', %s, '2024-06-01'),"
            " (%s, %s, %s, 'file', '', '2024-06-02')",
            [new, BOOKING, READER, "much too long for the old", late, BOOKING, READER],
        )
        assert rows(
            connection,
            "select id, type::text, content, mood::text, tag from messages"
            f" where booking_id = '{BOOKING}' order by created_at",
        ) == [
            (identifier("e", 1), "text", "old", "calm", None),
            (new, "voice", "much too long for th", None, None),
            (late, None, "", None, None),
        ]
        assert rows(
            connection,
            "insert into messages (id, booking_id, sender_id, type, created_at) values"
            f" ('{identifier('c', 3)}', '{BOOKING}', '{CLIENT}', 'image',"
            " '2024-07-01 08:00') returning mood::text, created_at::text",
        ) == [("calm", "2024-07-01 08:00:00")]
        rows(
            connection,
            f"update messages set content = 'edited', metadata = '[1]'"
            f" where id in ('{identifier('c', 3)}', '{identifier('e', 1)}')"
            " returning id",
        )
        assert rows(
            connection,
            "select message.type, content, message.created_at::text,"
            " message.created_at = last_message_at, message.metadata"
            " from chat_messages as message join chat_sessions as session"
            " on session_id = session.id where content = 'edited'"
            " order by message.created_at",
        ) == [
            ("text", "edited", "2024-05-02 00:00:00", False, [1]),
            ("image", "edited", "2024-07-01 08:00:00", True, [1]),
        ]
        connection.commit()
        executing.undo(connection)
        assert dumped(connection) == before
