"""The sample's consolidation with its files: no stage takes the switch for an edit."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import backup, legacy, publish, rollback, validate
from harness.database import Connection, Target
from harness.errors import Refused
from harness.security import check, standins
from harness.storage import opening, references
from tests.python.storage import world
from tests.python.storage.running import Places, plan, run


@pytest.fixture
def switched(
    legacy_chat: Target,
    of_legacy_chat: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Places:
    """Published, with a file for each reference, copied and switched to."""
    for name, value in {
        **legacy_chat.environment,
        "CARRYOVER_ARTIFACTS": str(tmp_path / "artifacts"),
    }.items():
        monkeypatch.setenv(name, value)
    connection = of_legacy_chat
    standins.create(connection)
    connection.commit()
    backup.take(legacy_chat, connection)
    publish.publish(connection)
    places = {
        name: (tmp_path / name).as_uri()
        for name in (world.ATTACHMENTS, world.NOTES, world.TARGET)
    }
    put_files(connection, places)
    assert live(connection) == mart(connection)
    planned = plan(places, capsys)
    run("copy", capsys, execute=True)
    assert run("verify", capsys)["access"]["faults"] == []
    done = run("switch", capsys, execute=True)
    assert done["switched"]["rows"] == planned["mapped"]["messages"] > 700
    return places


def put_files(connection: Connection, places: Places) -> None:
    stores = {name: opening.open_store(place) for name, place in places.items()}
    for (text,) in connection.execute(
        "select distinct file_url from chat_messages where file_url <> ''"
    ).fetchall():
        buckets = (world.ATTACHMENTS, world.NOTES)
        found = references.read(text, buckets, world.TARGET).candidates
        if found and found[0].bucket:
            named = iter([(found[0].name, text.encode())])
            world.put(stores[found[0].bucket], named, None)
    connection.rollback()


def live(connection: Connection, but: object = None) -> list[tuple[object, ...]]:
    """The messages that were published, as they stand, without one."""
    found = connection.execute(
        "select id, content, file_url, file_name, coalesce(file_size, 0)"
        " from chat_messages where id in (select id from consolidated.chat_messages)"
        " order by id"
    ).fetchall()
    connection.rollback()
    return [row for row in found if row[0] != but]


def mart(connection: Connection, but: object = None) -> list[tuple[object, ...]]:
    found = connection.execute(
        "select id, content, file_url, file_name, coalesce(file_size, 0)"
        " from consolidated.chat_messages order by id"
    ).fetchall()
    connection.rollback()
    return [row for row in found if row[0] != but]


def test_no_stage_takes_the_switch_for_an_edit(
    switched: Places,
    legacy_chat: Target,
    of_legacy_chat: Connection,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One database for all stages: to make it takes longer than to ask it."""
    validating_and_publishing_again_see_no_edit(of_legacy_chat)
    landing_again_reads_what_was_there_before(of_legacy_chat)
    checked = check.run(of_legacy_chat, lambda _: None)
    assert checked.passed, checked.as_dict()
    of_legacy_chat.rollback()
    with pytest.raises(Refused, match=r"storage.rollback --execute"):
        rollback.rollback(of_legacy_chat)
    edited = an_edit_at_the_source_keeps_the_copy(legacy_chat, of_legacy_chat)
    undone = run("rollback", capsys, execute=True)
    assert undone["left"] == []
    assert undone["reference_only"] == 1
    assert live(of_legacy_chat, but=edited) == mart(of_legacy_chat, but=edited)
    taken = rollback.rollback(of_legacy_chat)
    assert taken.left == 0
    assert taken.proof is not None
    assert taken.proof.holds


def validating_and_publishing_again_see_no_edit(connection: Connection) -> None:
    assert validate.validate(connection).is_valid
    plan_again = publish.preview(connection)
    assert not plan_again.writes
    assert sum(table.left for table in plan_again.tables) == 0
    # An edit of a switched row is seen all the same.
    with connection.transaction(force_rollback=True):
        connection.execute(
            "update chat_messages set file_name = 'other' where id ="
            " (select row_id from carryover.storage_references limit 1)"
        )
        found = publish._plan(connection)[0]
        assert sum(table.left for table in found.tables) == 1
    connection.rollback()


def landing_again_reads_what_was_there_before(connection: Connection) -> None:
    question = (
        "select md5(string_agg(landed::text, '' order by id)) from"
        " (select id, file_url from staging.legacy_chat_messages"
        " where not coalesce(is_published, false)) as landed"
    )
    before = connection.execute(question).fetchone()
    with connection.transaction(force_rollback=True):
        legacy._land_tables(connection)
        again = question.replace("legacy_chat", "new_legacy_chat")
        assert connection.execute(again).fetchone() == before
    connection.rollback()


def an_edit_at_the_source_keeps_the_copy(to: Target, connection: Connection) -> object:
    row = connection.execute(
        "update consolidated.chat_messages set content = 'edited at the source'"
        " where id = (select max(row_id::text)::uuid from carryover.storage_references)"
        " returning id"
    ).fetchone()
    connection.commit()
    assert row is not None
    backup.take(to, connection)
    assert publish.publish(connection).updated == 1
    now = connection.execute(
        "select content, file_url = new_reference, file_size > 0 from chat_messages"
        " as live inner join carryover.storage_references on row_id = live.id"
        " where live.id = %s",
        [row[0]],
    ).fetchone()
    connection.rollback()
    assert now == ("edited at the source", True, True)
    assert not publish.preview(connection).writes
    return row[0]
