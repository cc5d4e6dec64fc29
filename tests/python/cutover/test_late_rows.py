"""What old clients write between the landing and the cutover is carried with it.

The application is in use all the time: no moment is free of such rows.
"""

from __future__ import annotations

import pytest

from harness import backup, ledger, pipelines
from harness import publish as publishing
from harness.cutover import carrying, checks, executing, steps
from harness.cutover.carrying import Late
from harness.database import Connection
from harness.effects import RowsNotWritten
from harness.validate import validate
from tests.python.cutover.people import (
    BOOKING,
    CLIENT,
    MARTS,
    NOBODY,
    OTHER,
    READER,
    at,
    derive,
    dumped,
    identifier,
    land,
    rows,
)

#: What old clients do after the landing: write, edit, delete.
LATE = f"""
insert into messages (id, booking_id, sender_id, type, content, file_url, created_at)
values
('{identifier("c", 1)}', '{BOOKING}', '{CLIENT}', 'text', 'late', null, now()),
('{identifier("c", 2)}', '{OTHER}', '{READER}', 'voice', null, 'https://h/l.ogg',
    '2024-01-01'),
('{identifier("c", 3)}', null, '{CLIENT}', 'text', 'to nobody', null, now()),
('{identifier("c", 4)}', null, '{NOBODY}', 'text', 'of nobody', null, now());
insert into voice_notes (id, user_id, file_url, duration_seconds, context_id) values
('{identifier("c", 5)}', '{READER}', 'https://h/l.ogg', 7, '{OTHER}'),
('{identifier("c", 6)}', '{CLIENT}', 'https://h/m.ogg', 8, '{BOOKING}');
update messages set content = 'edited', booking_id = '{OTHER}'
where id = '{identifier("e", 2)}';
update messages set content = 'edited by both' where id = '{identifier("e", 1)}';
update chat_messages set content = 'mine' where id = '{identifier("e", 1)}';
update voice_notes set transcription = 'heard' where id = '{identifier("e", 1)}';
delete from messages where id = '{identifier("e", 3)}';
"""


@pytest.fixture
def written(published: Connection) -> Connection:
    """The published sample, in which old clients have gone on since the landing."""
    published.execute(LATE.encode())
    published.commit()
    return published


def test_late_rows_that_a_trigger_swallows_are_not_called_carried(
    written: Connection,
) -> None:
    written.execute(
        "create function swallow() returns trigger language plpgsql as"
        " $$ begin return null; end $$;"
        "create trigger softly before insert on chat_messages for each row"
        f" when (new.id = '{identifier('c', 1)}') execute function swallow()"
    )
    written.commit()
    before = dumped(written)
    with pytest.raises(RowsNotWritten, match="the trigger softly"):
        executing.execute(written)
    assert dumped(written) == before


def test_late_rows_go_the_way_of_the_views(written: Connection) -> None:
    assert str(executing.preview(written).late) == "6 rows written, 3 rows edited"
    before = dumped(written)
    stood = rows(written, "table messages order by id")
    plan = executing.execute(written)
    assert rows(written, "table messages order by id") == stood
    assert plan.carried is not None
    left = {"messages": [identifier("e", 1)], "voice_notes": []}
    assert plan.carried.as_dict() == {"written": 6, "edited": 2, "left": left}
    assert any(identifier("e", 1) in warning for warning in plan.warnings)
    assert rows(
        written,
        "select id::text, session_id::text, type, content, duration_seconds"
        " from chat_messages where id::text like 'cccccccc%'"
        f" and id <> '{identifier('c', 3)}' order by id",
    ) == [
        (identifier("c", 1), BOOKING, "text", "late", None),
        (identifier("c", 2), OTHER, "audio", "", 7),
        (identifier("c", 6), BOOKING, "audio", "Voice message", 8),
    ]
    assert rows(
        written,
        "select session_id::text, content from chat_messages"
        f" where id in ('{identifier('e', 1)}', '{identifier('e', 2)}') order by id",
    ) == [(BOOKING, "mine"), (OTHER, "edited")]
    assert rows(
        written,
        "select count(*) from chat_messages"
        " where metadata ->> 'transcription' = 'heard'"
        f" and file_url = 'https://h/a.webm' and sender_id = '{CLIENT}'",
    ) == [(1,)]
    assert rows(
        written,
        "select detail -> 'carried' -> 'written' from carryover.steps"
        " where step = 'cutover'",
    ) == [(6,)]
    executing.undo(written)
    assert dumped(written) == before
    assert rows(written, "table messages order by id") == stood


def test_afterwards_it_is_valid_and_nothing_is_carried_twice(
    written: Connection, postgres_server: dict[str, str]
) -> None:
    executing.execute(written)
    with pipelines.working_on(pipelines.CONSOLIDATION):
        found = validate(written, in_use=True)
        assert found.is_valid, found.errors
    stood = rows(
        written, "select id, session_id, content from chat_messages order by 1"
    )
    land(written)
    again(written, postgres_server)
    assert stood == rows(
        written, "select id, session_id, content from chat_messages order by 1"
    )
    with pipelines.working_on(pipelines.CONSOLIDATION):
        found = validate(written, in_use=True)
        assert found.is_valid, found.errors


def test_under_the_lock_only_what_is_new_is_looked_at(written: Connection) -> None:
    facts, since = steps.read_facts(written), checks.moment(written)
    known = carrying.find(written, facts)
    nothing = Late({"messages": [], "voice_notes": []}, known.edited)
    written.execute(
        f"insert into messages (id, sender_id) values ('{identifier('d', 1)}',"
        f" '{CLIENT}')"
    )
    for first, new in ((known, 7), (nothing, 1)):
        found = carrying.find(written, facts, since, first)
        assert sum(map(len, found.written.values())) == new
        assert found.edited == known.edited


def again(connection: Connection, server: dict[str, str]) -> None:
    """Build and publish what was landed."""
    connection.execute("drop schema consolidated cascade")
    derive(connection)
    connection.execute(MARTS.encode())
    with pipelines.working_on(pipelines.CONSOLIDATION):
        run = ledger.current_run(connection)
        ledger.set_status(connection, run.run_id, "built")
        connection.commit()
        backup.take(at(server, connection.info.dbname), connection)
        publishing.publish(connection)
