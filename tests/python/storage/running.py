"""Runs the tasks of storage, here or as processes, on stores that are filled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

import tasks
from harness import settings
from harness.database import Connection
from harness.storage import opening
from harness.storage.stores import Store
from tests.python.storage import world

Places = dict[str, str]


def run(name: str, capsys: pytest.CaptureFixture[str], **flags: Any) -> dict[str, Any]:
    """Run a task with --json in this process; what it printed."""
    capsys.readouterr()
    tasks.namespace[f"storage.{name}"].body(None, json=True, **flags)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def plan(
    places: Places, capsys: pytest.CaptureFixture[str], **flags: Any
) -> dict[str, Any]:
    """Plan from the two sources to the target."""
    sources = [places[world.ATTACHMENTS], places[world.NOTES]]
    return run("plan", capsys, source=sources, target=places[world.TARGET], **flags)


def start(*argv: str, **environment: str) -> subprocess.Popen[str]:
    """Start a task as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "harness", *argv],
        cwd=settings.PROJECT_ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def done(*argv: str, **environment: str) -> str:
    """Run a task as a process; what it printed. It must end well."""
    task = start(*argv, **environment)
    out, err = task.communicate(timeout=180)
    assert task.returncode == 0, err
    return out


def fill(places: Places, files: world.Files) -> dict[str, Store]:
    """Put the objects where they belong; the stores by bucket."""
    stores = {name: opening.open_store(place) for name, place in places.items()}
    for bucket in (world.ATTACHMENTS, world.NOTES):
        kind = "audio/webm" if bucket == world.NOTES else "image/png"
        world.put(stores[bucket], files.of(bucket), kind)
    return stores


def names(store: Store) -> set[str]:
    """The objects of a store."""
    return {entry.name for entry in store.entries()} if store.exists() else set()


def mapped(connection: Connection) -> list[tuple[Any, ...]]:
    """The mapping, as far as it does not tell when it was made."""
    found = connection.execute(
        "select source, source_name, target_name, size, content_type, session_id,"
        " sender_id, status, reason, is_ours from carryover.storage_files"
        " where status <> 'removed' order by source, source_name, target_name"
    ).fetchall()
    connection.rollback()
    return found


def body(store: Store, name: str) -> bytes:
    """The bytes of an object."""
    with store.read(name) as content:
        return b"".join(content.chunks)
