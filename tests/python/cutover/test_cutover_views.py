"""Through the views old clients read and write as they did the tables.

People act as Supabase's roles do, under the policies of the consolidation.
"""

from __future__ import annotations

import psycopg
import pytest

from harness import cutover
from harness.cutover import executing
from harness.cutover.writing import NAMESPACES
from harness.database import Connection
from tests.python.cutover.people import (
    ADMIN,
    BOOKING,
    CLIENT,
    NOBODY,
    OTHER,
    READER,
    STRANGER,
    acting,
    derive,
    identifier,
    land,
    named,
    rows,
)


def test_an_insert_stands_in_both_systems(published: Connection) -> None:
    executing.execute(published)
    with acting(published, CLIENT):
        returned = rows(
            published,
            "insert into messages (booking_id, sender_id, type, file_url) values"
            f" ('{BOOKING}', '{CLIENT}', 'voice', 'https://h/%C3%A6.webm?t=1'),"
            f" ('{OTHER}', '{CLIENT}', null, null),"
            f" (null, '{CLIENT}', 'Gif', 'x.gif'), ('{NOBODY}', '{CLIENT}', 'x', '')"
            " returning id, type, is_read, words, position is not null, created_at",
        )
    assert [row[1:5] for row in returned] == [
        (kind, False, 0, True) for kind in ("voice", None, "Gif", "x")
    ]
    found = {
        row[0]: row[1:]
        for row in rows(
            published,
            "select message.id, session.id::text, session.type, session.status,"
            " session.participants::text[], message.type, message.content,"
            " message.file_name, message.created_at = session.last_message_at"
            " from chat_messages as message"
            " join chat_sessions as session on session.id = session_id",
        )
    }
    unlinked = named(published, CLIENT)
    pair = [CLIENT, READER]
    assert [found[row[0]] for row in returned] == [
        (BOOKING, "booking", "active", pair, "audio", "", "æ.webm", True),
        (OTHER, "booking", "ended", pair, "text", "", None, True),
        (unlinked, "unlinked", "ended", [CLIENT], "file", "", "x.gif", True),
        (unlinked, "unlinked", "ended", [CLIENT], "text", "", None, True),
    ]
    kept = rows(
        published,
        "select count(*) from legacy_archive.messages where content is null"
        f" and sender_id = '{CLIENT}' and created_at > now() - interval '1 minute'",
    )
    assert kept == [(4,)]


def test_a_voice_note_becomes_a_message_or_part_of_one(published: Connection) -> None:
    executing.execute(published)
    with acting(published, CLIENT):
        rows(
            published,
            "insert into messages (id, booking_id, sender_id, type, file_url) values"
            f" ('{identifier('c', 1)}', '{BOOKING}', '{CLIENT}', 'voice',"
            " 'https://h/one.webm?t=1') returning id",
        )
        returned = rows(
            published,
            "insert into voice_notes (id, user_id, file_url, file_name, file_size,"
            " duration_seconds, transcription, context_type, context_id) values"
            f" ('{identifier('c', 2)}', '{CLIENT}', 'https://h/one.webm', 'one', 7, 3,"
            f" 'said', 'chat', '{BOOKING}'),"
            f" ('{identifier('c', 3)}', '{CLIENT}', 'https://h/two.webm', '', null, 4,"
            f" null, 'chat', '{BOOKING}'),"
            f" ('{identifier('c', 4)}', '{CLIENT}', 'https://h/three.webm', '', null,"
            f" 4, null, 'reading', '{BOOKING}'),"
            f" ('{identifier('c', 1)}', '{CLIENT}', 'https://h/four.webm', '', null, 4,"
            f" null, 'chat', '{BOOKING}') returning metadata",
        )
    assert returned == [({},)] * 4
    assert (
        len(rows(published, "select from voice_notes where id::text like 'cccccccc%'"))
        == 4
    )
    derived = rows(
        published,
        "select chat_cutover.named_uuid("
        f"'{NAMESPACES['voice_note_namespace']}', '{identifier('c', 1)}')::text",
    )[0][0]
    assert {
        row[0]: row[1:]
        for row in rows(
            published,
            "select id::text, file_name, file_size, duration_seconds, metadata"
            " from chat_messages where created_at > now() - interval '1 minute'",
        )
    } == {
        identifier("c", 1): ("one", 7, 3, {"transcription": "said"}),
        identifier("c", 3): ("two.webm", 0, 4, {}),
        derived: ("four.webm", 0, 4, {}),
    }
    shown = rows(
        published, f"select id::text from messages where booking_id = '{BOOKING}'"
    )
    assert sorted(row[0] for row in shown) == [
        identifier("c", 1),
        identifier("e", 1),
        identifier("e", 2),
    ]
    with acting(published, CLIENT):
        rows(
            published,
            "update voice_notes set transcription = 'heard', duration_seconds = 9"
            f" where id in ('{identifier('c', 1)}', '{identifier('c', 2)}')"
            " returning 1",
        )
    assert (
        rows(
            published,
            "select metadata ->> 'transcription', duration_seconds from chat_messages"
            f" where id in ('{derived}', '{identifier('c', 1)}')",
        )
        == [("heard", 9)] * 2
    )


def test_what_new_clients_write_is_seen_by_old_ones(published: Connection) -> None:
    executing.execute(published)
    mine = identifier("c", 5)
    with acting(published, READER):
        published.execute(
            "insert into chat_messages (id, session_id, sender_id, type, content)"
            " values (%s, %s, %s, 'audio', 'new')",
            [mine, BOOKING, READER],
        )
    with acting(published, CLIENT):
        assert rows(
            published,
            "select type, content, words, is_read from messages"
            f" where booking_id = '{BOOKING}' order by created_at desc limit 1",
        ) == [("voice", "new", 0, False)]
        assert rows(
            published,
            f"update messages set is_read = true where booking_id = '{BOOKING}'"
            f" and sender_id <> '{CLIENT}' returning id::text",
        ) == [(identifier("e", 2),), (mine,)]
        assert not rows(
            published,
            f"update messages set content = 'x' where id = '{mine}' returning id",
        )
    assert rows(
        published,
        "select is_read, content from chat_messages where id in"
        f" ('{mine}', '{identifier('e', 2)}') order by content",
    ) == [(True, "hello"), (True, "new")]
    assert rows(
        published,
        "select is_read from legacy_archive.messages"
        f" where id = '{identifier('e', 2)}'",
    ) == [(True,)]
    with acting(published, READER):
        assert rows(
            published,
            f"update messages set content = 'y' where id in ('{mine}',"
            f" '{identifier('e', 2)}') returning content, edited_at is null",
        ) == [("y", False), ("y", True)]
    assert (
        rows(
            published,
            f"select content from chat_messages where id in ('{mine}',"
            f" '{identifier('e', 2)}') union all select content"
            f" from legacy_archive.messages where id = '{identifier('e', 2)}'",
        )
        == [("y",)] * 3
    )


def test_nobody_else_sees_or_writes_a_row(published: Connection) -> None:
    executing.execute(published)
    everything = "select from messages union all select from voice_notes"
    with acting(published, STRANGER):
        assert not rows(published, everything)
        for table in ("messages", "voice_notes", "carried_notes"):
            assert not rows(published, f"select from chat_cutover.{table}")
        assert not rows(published, "update messages set is_read = true returning id")
        assert not rows(published, "delete from messages returning id")
        assert rows(
            published, f"select chat_cutover.mark_read('{identifier('e', 2)}', true)"
        ) == [(False,)]
    refused = {
        "as another": f"insert into messages (sender_id) values ('{CLIENT}')",
        "into a chat of others": "insert into messages (booking_id, sender_id)"
        f" values ('{BOOKING}', '{STRANGER}')",
        "a voice note": "insert into voice_notes (user_id, file_url)"
        f" values ('{CLIENT}', 'x')",
        "a restrictive policy": "insert into voice_notes (user_id, file_url)"
        f" values ('{STRANGER}', 'never')",
        "a session": f"select chat_cutover.place('{OTHER}', '{STRANGER}', null)",
        "another's row": f"select chat_cutover.place_message('{identifier('e', 3)}')",
        "the archive itself": "select from legacy_archive.messages",
        "an archive's row": "insert into chat_cutover.messages (sender_id)"
        f" values ('{CLIENT}')",
    }
    for what, statement in refused.items():
        with (
            pytest.raises(psycopg.errors.InsufficientPrivilege),
            acting(published, STRANGER),
        ):
            assert rows(published, statement), what
        published.rollback()
    published.execute("set local role anon; set local row_security to on")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rows(published, everything)
    published.rollback()
    with acting(published, CLIENT):
        assert not rows(published, "delete from messages returning id")
        assert len(rows(published, "table messages")) == 3
    with acting(published, ADMIN):
        total = len(rows(published, "table messages"))
        assert rows(
            published,
            f"delete from messages where id = '{identifier('e', 2)}' returning content",
        ) == [("hello",)]
        assert len(rows(published, "table messages")) == total - 1
        rows(
            published,
            f"delete from voice_notes where id = '{identifier('e', 1)}' returning id",
        )
    gone = "where content = 'hello' or file_url = 'https://h/a.webm'"
    assert not rows(published, f"select from chat_messages {gone}")
    assert not rows(published, f"select from legacy_archive.messages {gone}")


def test_a_later_landing_reads_the_archive_and_carries_nothing_twice(
    published: Connection,
) -> None:
    executing.execute(published)
    with acting(published, CLIENT):
        rows(
            published,
            "insert into messages (booking_id, sender_id, type, content, file_url)"
            f" values ('{OTHER}', '{CLIENT}', 'voice', null, 'https://h/b.webm'),"
            f" (null, '{CLIENT}', 'Gif', 'x', null) returning id",
        )
        rows(
            published,
            "insert into voice_notes (user_id, file_url) values"
            f" ('{CLIENT}', 'https://h/b.webm'), ('{CLIENT}', 'https://h/c.webm')"
            " returning id",
        )
    rows(
        published,
        f"insert into messages (sender_id) values ('{NOBODY}') returning id",
    )
    published.commit()
    assert cutover.legacy_schema(published) == "legacy_archive"
    land(published)
    derive(published)
    for name in ("chat_sessions", "session_messages"):
        live = name.replace("session_messages", "chat_messages")
        assert not rows(
            published,
            f"select id from expected_{name} except select id from {live}",
        )
        unpublished = (
            f"select id from expected_{name} except select row_id from"
            " carryover.published_rows"
        )
        assert not rows(published, unpublished)
    published.rollback()
    assert len(rows(published, "table staging.legacy_messages")) == len(
        rows(published, "table legacy_archive.messages")
    )


def test_nobody_hides_a_message_behind_its_id(published: Connection) -> None:
    executing.execute(published)
    taken = [identifier("c", number) for number in (1, 2)]
    with acting(published, READER):
        published.cursor().executemany(
            "insert into chat_messages (id, session_id, sender_id, content)"
            " values (%s, %s, %s, 'true')",
            [(each, BOOKING, READER) for each in taken],
        )
    with acting(published, CLIENT):
        rows(
            published,
            "insert into messages (id, booking_id, sender_id, content) values"
            f" ('{taken[0]}', '{BOOKING}', '{CLIENT}', 'false') returning id",
        )
        rows(
            published,
            "insert into voice_notes (id, context_id, user_id, file_url) values"
            f" ('{taken[1]}', '{BOOKING}', '{CLIENT}', 'https://h/f.ogg') returning id",
        )
    with acting(published, READER):
        shown = "select from messages where content = 'true'"
        assert len(rows(published, shown)) == 2
        written = "update messages set content = 'mine' where content = 'true'"
        assert len(rows(published, f"{written} returning id")) == 2
    assert rows(
        published,
        "select content from legacy_archive.messages"
        f" where id = '{taken[0]}' union all select content from chat_messages"
        f" where id in ('{taken[0]}', '{taken[1]}')",
    ) == [("false",), ("mine",), ("mine",)]


def test_written_through_the_views_every_row_is_as_consolidated(
    published: Connection,
) -> None:
    """Two writings of one set of rules: the models' outcome, and the triggers'."""
    executing.execute(published)
    own = "id, booking_id, sender_id, type, content, file_url, metadata, is_read"
    published.execute(
        "create temp table written as table legacy_archive.messages;"
        "create temp table heard as table legacy_archive.voice_notes;"
        "delete from legacy_archive.messages; delete from legacy_archive.voice_notes;"
        "delete from legacy_archive.carried_notes; delete from chat_messages"
        " where id in (select id from consolidated.chat_messages);"
        "delete from chat_sessions"
        " where id in (select id from consolidated.chat_sessions);"
        f"insert into messages ({own}, created_at) select {own}, created_at"
        " from written order by created_at, id;"
        "insert into voice_notes select * from heard order by created_at, id"
    )
    for table, columns in (
        (
            "chat_messages",
            "id, session_id, sender_id, type, content, file_url, file_name, file_size,"
            " duration_seconds, is_read, created_at, metadata",
        ),
        (
            "chat_sessions",
            # Here all messages come before the voice notes: one may be older.
            "id, participants, type, booking_id, status, last_message_at,"
            " case when type = 'booking' then created_at end",
        ),
    ):
        made, wanted = (
            f"select {columns} from {schema}.{table} where id in"
            f" (select id from consolidated.{table})"
            for schema in ("public", "consolidated")
        )
        assert rows(published, f"({made}) except all ({wanted})") == []
        assert rows(published, f"({wanted}) except all ({made})") == []
    derive(published)
    urls = (
        *("https://h/%C3%A6.webm?t=1#x", "f/%zz%20%FF.pdf", "https://h", "https://h/"),
        *("", "a", "a.b?c/d", "https://h/get?id=1", "h/%F0%9F%8D%87.png", "%00", "%"),
    )
    assert not published.execute(
        "select url from unnest(%s::text[]) as url where"
        " chat_cutover.file_name(url) is distinct from pg_temp.file_name(url)"
        " or chat_cutover.file_key(url) is distinct from pg_temp.file_of(url)",
        [list(urls)],
    ).fetchall()


def test_the_owner_changes_and_deletes_in_both_systems(published: Connection) -> None:
    executing.execute(published)
    total = len(rows(published, "table messages"))
    changed = "update messages set is_read = true where not coalesce(is_read, false)"
    published.execute(changed.encode())
    assert not rows(
        published,
        "select from chat_messages where not is_read"
        " and type <> 'audio' and id in (select id from legacy_archive.messages)",
    )
    moved = rows(
        published,
        f"update messages set booking_id = '{OTHER}', content = 'moved',"
        " type = 'image', created_at = '2024-07-07', file_url = 'https://h/p%20q.png'"
        f" where id = '{identifier('e', 3)}' returning edited_at is not null",
    )
    assert moved == [(True,)]
    assert rows(
        published,
        "select session_id::text, content, type, created_at::date::text, file_name"
        f" from chat_messages where id = '{identifier('e', 3)}'",
    ) == [(OTHER, "moved", "image", "2024-07-07", "p q.png")]
    for column in ("id", "sender_id"):
        with pytest.raises(psycopg.errors.FeatureNotSupported), published.transaction():
            published.execute(f"update messages set {column} = gen_random_uuid()")
    assert published.execute("delete from messages").rowcount == total
    assert published.execute("delete from voice_notes").rowcount == 351
    left = (
        "select id from legacy_archive.messages union all select id from chat_messages"
    )
    assert not rows(published, f"{left} except table legacy_archive.earlier_messages")
