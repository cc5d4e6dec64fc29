"""Plan, copy, verify, switch, rollback and clean, whole, on folders and on S3."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from invoke.exceptions import Exit

import tasks
from harness.console import Step
from harness.database import Connection
from harness.errors import Refused
from harness.storage.stores import Store
from tests.python.storage import world
from tests.python.storage.running import Places, body, fill, mapped, names, plan, run


def test_all_the_way_and_back(
    places: Places,
    connection: Connection,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = world.make(connection)
    stores = fill(places, files)
    before = world.rows(connection)
    planned = plan(places, capsys)
    assert planned["mapped"] == {
        "files": files.mapped,
        "bytes": planned["mapped"]["bytes"],
        "messages": files.messages,
    }
    unmatched = planned["unmatched"]
    assert unmatched["file without message"] == files.unused
    assert unmatched["message without file"] == files.missing
    assert names(stores[world.TARGET]) == set()

    copied = run("copy", capsys, execute=True)
    assert copied["copied"]["files"] == files.mapped
    assert copied["failed"] == []
    assert len(names(stores[world.TARGET])) == files.mapped
    assert run("copy", capsys, execute=True)["copied"]["files"] == 0

    verified = run("verify", capsys)
    assert verified["verified"]["files"] == files.mapped
    assert world.rows(connection) == before

    assert run("switch", capsys)["switched"]["rows"] == files.messages
    assert world.rows(connection) == before
    switched = run("switch", capsys, execute=True)
    assert switched["switched"] == {"rows": files.messages, "files": files.mapped}
    assert world.is_as_published(connection)
    for file_url, size, source, name in references(connection):
        assert f"/object/authenticated/{world.TARGET}/" in file_url
        body = files.objects[source.rpartition("/")[2], name]
        assert size == len(body)
    assert run("switch", capsys, execute=True)["switched"]["rows"] == 0

    planned_back = run("rollback", capsys)
    assert planned_back["removed"] == copied["copied"]
    undone = run("rollback", capsys, execute=True)
    assert undone["removed"] == copied["copied"]
    assert undone["restored"] == files.messages
    assert undone["left"] == []
    assert world.rows(connection) == before
    assert world.is_as_published(connection)
    assert not stores[world.TARGET].exists()
    assert objects(stores) == files.objects
    assert {row[7] for row in mapped(connection)} == set()
    assert plan(places, capsys)["mapped"] == planned["mapped"]


def objects(stores: dict[str, Store]) -> dict[tuple[str, str], bytes]:
    """Everything in the two sources."""
    return {
        (bucket, name): body(stores[bucket], name)
        for bucket in (world.ATTACHMENTS, world.NOTES)
        for name in names(stores[bucket])
    }


def references(connection: Connection) -> list[tuple[str, int, str, str]]:
    found = connection.execute(
        "select live.file_url, live.file_size, file.source, file.source_name"
        " from chat_messages as live inner join carryover.storage_references"
        " as reference on live.id = reference.row_id"
        " inner join carryover.storage_files as file using (file_id)"
        " where restored_at is null"
    ).fetchall()
    connection.rollback()
    return found


def test_the_mapping_log_names_every_file_and_what_fits_nothing(
    places: Places,
    connection: Connection,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = world.make(connection)
    fill(places, files)
    planned = plan(places, capsys)
    folder = tmp_path / "artifacts" / planned["run_id"]
    with (folder / "storage-mapping.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == files.messages
    for row in rows:
        bucket = row["source"].rpartition("/")[2]
        data = files.objects[bucket, row["source_name"]]
        assert int(row["size"]) == len(data)
        assert row["target_name"].startswith(f"{row['session_id']}/{row['sender_id']}/")
        has_ending = "." in row["source_name"].rpartition("/")[2].strip(".")
        assert row["content_type"] or not has_ending
        assert row["status"] == "planned"
    with (folder / "storage-unmatched.csv").open(encoding="utf-8", newline="") as file:
        kinds = [row["kind"] for row in csv.DictReader(file)]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == planned["unmatched"]


def test_sources_go_only_when_everything_is_verified_and_switched(
    places: Places, connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    files = world.make(connection, 24)
    stores = fill(places, files)
    plan(places, capsys)
    run("copy", capsys, execute=True)
    refused(lambda: run("clean", capsys, execute=True), "files are not verified")
    run("verify", capsys)
    refused(lambda: run("clean", capsys, execute=True), "references are not switched")
    run("switch", capsys, execute=True)
    left = connection.execute(
        "update chat_messages set file_url = %s where id = %s returning id",
        [world.url(world.ATTACHMENTS, "0-plain.jpg"), world.identifier("e", 1)],
    ).fetchall()
    connection.commit()
    assert left
    refused(lambda: run("clean", capsys, execute=True), "still named by live rows")
    connection.execute(
        "update chat_messages as live set file_url = new_reference"
        " from carryover.storage_references where row_id = live.id"
    )
    connection.commit()
    unused = files.unused
    assert run("clean", capsys)["removed"]["files"] == files.mapped
    assert objects(stores) == files.objects
    run("clean", capsys, execute=True)
    assert len(objects(stores)) == unused
    assert run("clean", capsys, execute=True)["removed"]["files"] == 0
    refused(lambda: run("rollback", capsys, execute=True), "are the only ones")
    assert len(names(stores[world.TARGET])) == files.mapped


@pytest.mark.parametrize("execute", [True, False])
def test_nothing_is_switched_to_copies_that_are_not_verified(
    places: Places,
    connection: Connection,
    capsys: pytest.CaptureFixture[str],
    execute: bool,
) -> None:
    files = world.make(connection, 12)
    fill(places, files)
    before = world.rows(connection)
    plan(places, capsys)
    refused(
        lambda: run("switch", capsys, execute=execute), "storage.copy --execute, then"
    )
    run("copy", capsys, execute=True)
    refused(lambda: run("switch", capsys, execute=execute), "copies are not verified")
    assert world.rows(connection) == before
    steps = connection.execute(
        "select count(*) from carryover.steps where step = 'storage.switch'"
    ).fetchone()
    connection.rollback()
    assert steps == (0,)
    run("verify", capsys)
    assert run("switch", capsys, execute=execute)["switched"]["rows"] == files.messages


def test_a_switch_of_some_is_told_to_copy_the_others(
    places: Places, connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    files = world.make(connection, 12)
    fill(places, files)
    plan(places, capsys)
    run("copy", capsys, execute=True)
    run("verify", capsys)
    connection.execute(
        "update carryover.storage_files set status = 'copied' where file_id ="
        " (select min(file_id) from carryover.storage_references)"
    ).connection.commit()
    tasks.namespace["storage.switch"].body(None, execute=True)
    err = capsys.readouterr().err
    assert "next: ./inv storage.copy --execute, then ./inv storage.verify" in err
    assert "storage.clean" not in err


def refused(work: Callable[[], object], words: str) -> None:
    """The task is refused, with exit code 4, for this reason."""
    with pytest.raises(Exit) as ended:
        work()
    assert ended.value.code == Refused.exit_code
    assert words in str(ended.value)


def test_progress_is_told_by_files_and_bytes() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    step = Step("copying files", Terminal())
    step.files(1200, 5000, 30_000_000, 200_000_000)
    drawn = step.stream.getvalue()  # type: ignore[attr-defined]
    assert "15%  1,200 of 5,000 files, 30.0 of 200.0 MB" in drawn
