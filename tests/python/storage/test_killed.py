"""Killed at any moment of a copy or a switch and run again: the same final state.

``CARRYOVER_STORAGE_KILLS=n`` kills each this often, 2 times when it is not set, as in
CI; ``CARRYOVER_STORAGE_SEED=n`` chooses other moments.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from harness.database import Connection
from harness.storage.stores import Store
from tests.python.storage import world
from tests.python.storage.running import (
    Places,
    body,
    done,
    fill,
    mapped,
    names,
    plan,
    run,
    start,
)

KILLS = int(os.environ.get("CARRYOVER_STORAGE_KILLS", "2"))
SEED = int(os.environ.get("CARRYOVER_STORAGE_SEED", "20261121"))


def kill_at(
    task: subprocess.Popen[str], begun: Callable[[], bool], seconds: float
) -> bool:
    """Kill a task some time after it has begun; whether it was still at work."""
    until = time.monotonic() + 60
    while task.poll() is None and not begun() and time.monotonic() < until:
        time.sleep(0.002)
    time.sleep(seconds)
    was_running = task.poll() is None
    task.send_signal(signal.SIGKILL)
    task.communicate()
    return was_running


def wait_for_the_end(connection: Connection) -> None:
    """Until the server has noticed that the killed task is gone."""
    for _ in range(1000):
        row = connection.execute(
            "select count(*) from pg_stat_activity where datname = current_database()"
            " and application_name like 'carryover storage%'"
        ).fetchone()
        connection.rollback()
        if row == (0,):
            return
        time.sleep(0.01)
    raise AssertionError("the killed task's backend does not end")


def copied(connection: Connection) -> dict[str, str]:
    """The copies that the ledger knows of, by name, with their ETags."""
    found = connection.execute(
        "select target_name, target_etag from carryover.storage_files"
        " where status = 'copied'"
    ).fetchall()
    connection.rollback()
    return dict(found)


def begun(connection: Connection) -> bool:
    row = connection.execute(
        "select exists (select from carryover.storage_files where status = 'copying')"
    ).fetchone()
    connection.rollback()
    return bool(row and row[0])


def test_a_copy_that_is_killed(
    places: Places,
    connection: Connection,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = world.make(connection, 120)
    stores = fill(places, files)
    plan(places, capsys)
    rng = random.Random(f"{SEED} copy")  # noqa: S311 - no secret
    in_time = 0
    for _ in range(KILLS):
        task = start("storage.copy", "--execute", CARRYOVER_STORAGE_WORKERS="2")
        longest = 1.5 if places[world.TARGET].startswith("s3") else 0.05
        in_time += kill_at(task, lambda: begun(connection), rng.uniform(0.0, longest))
        wait_for_the_end(connection)
    known = copied(connection)
    done("storage.copy", "--execute")
    assert known.items() <= copied(connection).items(), "copied twice"
    as_planned(connection, files, stores)
    assert run("verify", capsys)["verified"]["files"] == files.mapped
    run("rollback", capsys, execute=True)
    assert names(stores[world.TARGET]) == set()
    print(f"{in_time} of {KILLS} kills came in time, {len(known)} copies were known")


def test_nothing_is_copied_twice_however_late_the_kill(
    places: Places,
    connection: Connection,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Killed after the store had the files and before the ledger knew."""
    files = world.make(connection, 40)
    stores = fill(places, files)
    plan(places, capsys)
    run("copy", capsys, execute=True)
    there = {entry.name: entry.etag for entry in stores[world.TARGET].entries()}
    connection.execute(
        "update carryover.storage_files set status = 'copying', is_ours = false,"
        " target_etag = null, copied_at = null where file_id % 2 = 0"
    )
    connection.commit()
    again = run("copy", capsys, execute=True)
    assert again["found_there"] == again["copied"]["files"] > 0
    assert {e.name: e.etag for e in stores[world.TARGET].entries()} == there
    as_planned(connection, files, stores)
    run("verify", capsys)


def test_a_switch_that_is_killed(
    folders: Places, connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    files = world.make(connection, 200)
    fill(folders, files)
    plan(folders, capsys)
    run("copy", capsys, execute=True)
    run("verify", capsys)
    before = world.rows(connection)
    rng = random.Random(f"{SEED} switch")  # noqa: S311 - no secret
    for number in range(KILLS):
        task = start("storage.switch", "--execute")
        kill_at(
            task, lambda: at_work(connection, "storage.switch"), rng.uniform(0, 0.15)
        )
        wait_for_the_end(connection)
        after = world.rows(connection)
        assert after == before or number_switched(connection) == files.messages, number
    done("storage.switch", "--execute")
    assert number_switched(connection) == files.messages
    assert world.is_as_published(connection)
    for _ in range(KILLS):
        task = start("storage.rollback", "--execute")
        kill_at(
            task, lambda: at_work(connection, "storage.rollback"), rng.uniform(0, 0.3)
        )
        wait_for_the_end(connection)
    done("storage.rollback", "--execute")
    assert world.rows(connection) == before
    assert world.is_as_published(connection)
    assert mapped(connection) == []


def at_work(connection: Connection, task: str) -> bool:
    row = connection.execute(
        "select exists (select from pg_stat_activity where datname ="
        " current_database() and application_name like %s)",
        [f"carryover {task}%"],
    ).fetchone()
    connection.rollback()
    return bool(row and row[0])


def number_switched(connection: Connection) -> int:
    row = connection.execute(
        "select count(*) from carryover.storage_references as reference"
        " inner join chat_messages as live on live.id = reference.row_id"
        " where live.file_url = reference.new_reference and switched_at is not null"
        " and restored_at is null"
    ).fetchone()
    connection.rollback()
    return int(row[0]) if row else 0


def as_planned(
    connection: Connection, files: world.Files, stores: dict[str, Store]
) -> None:
    """Every planned file is in the target, whole, and nothing else is."""
    rows = mapped(connection)
    assert {row[7] for row in rows} == {"copied"}
    target = stores[world.TARGET]
    assert names(target) == {row[2] for row in rows}
    by_name: dict[str, Any] = {row[2]: row for row in rows}
    for name, row in by_name.items():
        assert body(target, name) == files.objects[row[0].rpartition("/")[2], row[1]]
