"""What could not be written is named, and nothing is said to be undone that is done."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import ledger
from harness.artifacts import ArtifactsNotWritten, write_artifacts
from harness.database import Connection
from harness.storage import mapping
from tests.python.artifacts import stages
from tests.python.artifacts.exposition import read


def publish(connection: Connection) -> None:
    stages.build(connection)
    stages.publish(connection)


def fail_to_publish(connection: Connection) -> None:
    stages.build(connection)
    stages.step(connection, stages.RUN, "publish", status="failed")


def roll_back(connection: Connection) -> None:
    publish(connection)
    stages.step(connection, stages.RUN, "rollback")
    ledger.set_status(connection, stages.RUN, "rolled_back")


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (stages.build, "The run has changed no live table."),
        (fail_to_publish, "The run has changed no live table."),
        (publish, "The publish is done and committed."),
        (roll_back, "The rollback is done and committed."),
    ],
)
def test_it_says_what_is_done_already(
    connection: Connection, home: Path, work: Callable[[Connection], None], said: str
) -> None:
    work(connection)
    home.parent.mkdir()
    home.write_text("a file in the place of the folder")
    with pytest.raises(ArtifactsNotWritten) as refused:
        write_artifacts(connection, stages.RUN)
    assert said in str(refused.value)
    assert "unchanged" not in str(refused.value)
    assert str(refused.value).endswith(f"run: ./inv artifacts --run {stages.RUN}")


def test_a_full_disk_leaves_whole_files(
    connection: Connection, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(connection)

    def fill(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fill)
    with pytest.raises(ArtifactsNotWritten, match="No space left on device"):
        write_artifacts(connection, stages.RUN)
    assert not [path for path in home.rglob("*") if path.is_file()]


def test_the_mapping_of_files_is_named_as_well(
    connection: Connection, home: Path
) -> None:
    home.parent.mkdir()
    home.write_text("a file in the place of the folder")
    with pytest.raises(ArtifactsNotWritten, match="is done and stays"):
        mapping.write(connection, stages.RUN, "consolidation")


def test_a_collector_of_another_user_reads_its_file_and_no_other(
    connection: Connection,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish(connection)
    collected = tmp_path / "collector"
    collected.mkdir()
    monkeypatch.setenv("CARRYOVER_METRICS", str(collected))
    before = os.umask(0o077)
    try:
        folder = write_artifacts(connection, stages.RUN)
    finally:
        os.umask(before)
    assert [path.name for path in collected.iterdir()] == ["carryover_migration.prom"]
    file = collected / "carryover_migration.prom"
    assert file.stat().st_mode & 0o777 == 0o644
    text = (folder / "metrics.prom").read_text(encoding="utf-8")
    assert file.read_text(encoding="utf-8") == text
    assert read(text)
    assert stages.MESSAGE_1 not in text
    monkeypatch.setenv("CARRYOVER_METRICS", str(tmp_path / "nowhere"))
    with pytest.raises(ArtifactsNotWritten, match="nowhere"):
        write_artifacts(connection, stages.RUN)


def test_a_folder_that_was_open_is_closed_and_its_parent_kept(
    connection: Connection, home: Path
) -> None:
    folder = home / stages.RUN
    folder.mkdir(parents=True)
    home.chmod(0o755)
    folder.chmod(0o777)
    write_artifacts(connection, stages.RUN)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert home.stat().st_mode & 0o777 == 0o755
