"""Which file goes where, and what fits nothing: the rules of the plan."""

from __future__ import annotations

import csv
import unicodedata
import uuid
from pathlib import Path

import pytest
from invoke.exceptions import Exit

from harness import publish
from harness.database import Connection
from harness.storage import opening
from tests.python import world as migrated
from tests.python.storage import world
from tests.python.storage.running import Places, mapped, plan, run

SESSION, OTHER = world.identifier("b", 1), world.identifier("b", 2)
SENDER, PEER = world.identifier("a", 1), world.identifier("a", 2)
FOLDER = f"{SESSION}/{SENDER}"


@pytest.fixture
def chat(folders: Places, connection: Connection) -> Places:
    """Two sessions without messages, and empty buckets."""
    connection.execute(world.TABLES)
    for person in (SENDER, PEER):
        connection.execute("insert into profiles values (%s)", [person])
    for session in (SESSION, OTHER):
        connection.execute(
            "insert into chat_sessions (id, participants) values (%s, %s)",
            [session, [SENDER, PEER]],
        )
    world.publish(connection)
    connection.commit()
    for name in (world.ATTACHMENTS, world.NOTES):
        opening.open_store(folders[name]).make()
    return folders


def say(
    connection: Connection,
    number: int,
    reference: str,
    *,
    session: uuid.UUID = SESSION,
) -> None:
    connection.execute(
        "insert into chat_messages (id, session_id, sender_id, file_url)"
        " values (%s, %s, %s, %s)",
        [world.identifier("e", number), session, SENDER, reference],
    )
    connection.commit()


def put(places: Places, bucket: str, *names: str) -> None:
    store = opening.open_store(places[bucket])
    world.put(store, ((name, name.encode()) for name in names), None)


def targets(connection: Connection) -> dict[str, str]:
    return {row[1]: row[2] for row in mapped(connection)}


def unmatched(connection: Connection) -> list[tuple[str, str | None, str | None]]:
    found = connection.execute(
        "select kind, source_name, right(row_id::text, 1)"
        " from carryover.storage_unmatched order by 1, 2, 3"
    ).fetchall()
    connection.rollback()
    return found


def test_names_that_clash_are_made_distinct_and_stay_so(
    chat: Places, connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    put(chat, world.ATTACHMENTS, "a/x.png", "b/x.png", "c/X.PNG", "none")
    put(chat, world.NOTES, "d/x.png")
    for number, name in enumerate(("a/x.png", "b/x.png", "c/X.PNG", "none")):
        say(connection, number, world.url(world.ATTACHMENTS, name))
    say(connection, 9, world.url(world.NOTES, "d/x.png"))
    found = plan(chat, capsys)
    assert found["unmatched"] == {"name clashes in the target": 3}
    names = targets(connection)
    assert names["a/x.png"] == f"{FOLDER}/x.png"
    assert names["none"] == f"{FOLDER}/none"
    assert len(set(map(str.lower, names.values()))) == 5
    assert names["c/X.PNG"].startswith(f"{FOLDER}/X-")
    assert names["c/X.PNG"].endswith(".PNG")
    plan(chat, capsys)
    assert targets(connection) == names
    run("copy", capsys, execute=True)
    # A file that comes later changes no name that is copied.
    put(chat, world.ATTACHMENTS, "A/x.png")
    say(connection, 10, world.url(world.ATTACHMENTS, "A/x.png"))
    plan(chat, capsys)
    assert targets(connection).items() >= names.items()
    run("copy", capsys, execute=True)
    assert run("verify", capsys)["verified"]["files"] == 6


def test_a_file_of_two_messages_goes_to_each_of_their_sessions(
    chat: Places, connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    put(chat, world.ATTACHMENTS, "x.png")
    url = world.url(world.ATTACHMENTS, "x.png")
    say(connection, 1, url)
    say(connection, 2, url)
    say(connection, 3, url, session=OTHER)
    found = plan(chat, capsys)
    assert found["mapped"]["files"] == 2
    assert found["mapped"]["messages"] == 3
    assert found["unmatched"] == {"file of several messages": 3}
    assert {row[2] for row in mapped(connection)} == {
        f"{SESSION}/{SENDER}/x.png",
        f"{OTHER}/{SENDER}/x.png",
    }


def test_what_cannot_be_told_is_not_guessed(
    chat: Places, connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    put(chat, world.ATTACHMENTS, "same.png")
    put(chat, world.NOTES, "same.png", "unused.webm")
    say(connection, 1, "same.png")
    say(connection, 2, world.url(world.ATTACHMENTS, "gone.png"))
    say(connection, 3, "https://elsewhere.test/x.png")
    say(connection, 4, world.url("avatars", "x.png"))
    plan(chat, capsys)
    assert mapped(connection) == []
    assert unmatched(connection) == [
        ("file without message", "same.png", None),
        ("file without message", "same.png", None),
        ("file without message", "unused.webm", None),
        ("message without file", None, "2"),
        ("reference to another place", None, "3"),
        ("reference to another place", None, "4"),
        ("several files for one message", None, "1"),
    ]


def test_the_exact_name_counts_before_the_unescaped_and_the_composed(
    chat: Places, connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    composed = unicodedata.normalize("NFC", "é.png")
    decomposed = unicodedata.normalize("NFD", "é.png")
    put(chat, world.ATTACHMENTS, "a b.png", "a%20b.png", decomposed, "c%2520.png")
    base = f"{world.ORIGIN}/public/{world.ATTACHMENTS}"
    say(connection, 1, f"{base}/a%20b.png")
    say(connection, 2, f"{base}/a%2520b.png")
    say(connection, 3, world.url(world.ATTACHMENTS, composed))
    say(connection, 4, f"{base}/c%2520.png")
    plan(chat, capsys)
    found = connection.execute(
        "select right(row_id::text, 1), source_name, matched_by"
        " from carryover.storage_references"
        " inner join carryover.storage_files using (file_id) order by 1"
    ).fetchall()
    connection.rollback()
    assert found == [
        ("1", "a b.png", "decoded path"),
        ("2", "a%20b.png", "decoded path"),
        ("3", decomposed, "composed path"),
        ("4", "c%2520.png", "path"),
    ]


def test_a_name_that_no_database_holds_is_named(
    chat: Places,
    connection: Connection,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = opening.open_store(chat[world.ATTACHMENTS]).url.removeprefix("file://")
    Path(folder, "\udcff.png").write_bytes(b"x")
    found = plan(chat, capsys)
    assert found["unmatched"] == {"file whose name is no UTF-8": 1}
    csv_file = tmp_path / "artifacts" / found["run_id"] / "storage-unmatched.csv"
    with csv_file.open(encoding="utf-8", newline="") as file:
        assert [row["source_name"] for row in csv.DictReader(file)] == ["'\\udcff.png'"]


def test_nothing_is_planned_without_a_run_or_a_bucket(
    folders: Places, connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Exit, match="there is no file://") as ended:
        plan(folders, capsys)
    assert ended.value.code == 4
    with pytest.raises(Exit, match="no files of the consolidation are planned"):
        run("copy", capsys, execute=True)
    with pytest.raises(Exit, match="there is no pipeline other"):
        run("plan", capsys, source=["x"], pipeline="other")


def test_images_of_a_migration_are_found_by_path_image_and_message(
    tmp_path: Path,
    environment: dict[str, str],
    connection: Connection,
    capsys: pytest.CaptureFixture[str],
) -> None:
    migrated.rehearse(connection, chats=5)
    migrated.back_up(connection)
    publish.publish(connection)
    images = connection.execute(
        "select id, chat_message_id, file_path from media order by chat_message_id"
    ).fetchall()
    connection.rollback()
    assert len(images) == 5
    by_path, by_image, by_message, by_folder, missing = images
    assert missing[2] == f"/chats/images/{missing[1]}"
    store = opening.open_store(str(tmp_path / "images"))
    connection.execute(
        "update media set file_path = 'uploads/abc-123.jpg' where id = %s",
        [by_image[0]],
    )
    connection.execute(
        "update media set file_path = 'uploads/lost.jpg' where id = any(%s)",
        [[by_message[0], by_folder[0]]],
    )
    connection.commit()
    names = [
        by_path[2].lstrip("/"),
        "old/abc-123.webp",
        f"thumbs/{str(by_message[1]).upper()}.png",
        f"of/{by_folder[1]}/photo.jpg",
        "nobody.jpg",
    ]
    world.put(store, ((name, name.encode()) for name in names), None)
    flags = {"pipeline": "migration"}
    found = run(
        "plan", capsys, source=[store.url], target=str(tmp_path / "new"), **flags
    )
    assert found["unmatched"] == {"file without message": 1, "message without file": 1}
    ways = connection.execute(
        "select row_id, matched_by, source_name from carryover.storage_references"
        " inner join carryover.storage_files using (file_id)"
    ).fetchall()
    connection.rollback()
    assert {row[0]: row[1:] for row in ways} == {
        by_path[0]: ("path", names[0]),
        by_image[0]: ("image id", names[1]),
        by_message[0]: ("message id", names[2]),
        by_folder[0]: ("message id", names[3]),
    }
    run("copy", capsys, execute=True, **flags)
    run("verify", capsys, **flags)
    run("switch", capsys, execute=True, **flags)
    paths = connection.execute(
        "select media.file_path, message.chat_id || '/' || media.owner_id || '/'"
        " from media inner join chat_messages as message"
        " on message.id = chat_message_id where media.id <> %s",
        [missing[0]],
    ).fetchall()
    connection.rollback()
    assert all(path.startswith(folder) for path, folder in paths)
    assert not publish.preview(connection).writes
    run("rollback", capsys, execute=True, **flags)
    again = connection.execute(
        "select file_path from media where id = %s", [by_path[0]]
    )
    assert again.fetchone() == (by_path[2],)
