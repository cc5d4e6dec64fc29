"""Thousands of files and a very large one: complete, and in bounded memory.

In CI 5,000 files go from folder to folder, and 200 to the S3 server, each with one of
200 MB, which the verification reads back. ``CARRYOVER_STORAGE_FULL=1`` takes 5,000
through every pair of stores.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from harness.database import Connection
from tests.python.storage import world
from tests.python.storage.running import Places, done, fill, mapped, names

FULL = bool(os.environ.get("CARRYOVER_STORAGE_FULL"))
LARGE = 200 << 20
MOST_MEMORY = 200_000_000

_ONLY_FULL = pytest.mark.skipif(not FULL, reason="CARRYOVER_STORAGE_FULL is not set")
PAIRS = [
    pytest.param("folder", "folder", 5000, id="folder to folder"),
    pytest.param("folder", "s3", 5000 if FULL else 200, id="folder to s3"),
    pytest.param("s3", "folder", 5000, id="s3 to folder", marks=_ONLY_FULL),
    pytest.param("s3", "s3", 5000, id="s3 to s3", marks=_ONLY_FULL),
]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "target_kind", "count"), PAIRS)
def test_all_of_them_and_back(
    kind: str,
    target_kind: str,
    count: int,
    connection: Connection,
    environment: dict[str, str],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    if "s3" in (kind, target_kind):
        request.getfixturevalue("s3")
    kinds = {world.ATTACHMENTS: kind, world.NOTES: kind, world.TARGET: target_kind}
    places: Places = {
        name: (tmp_path / name).as_uri() if how == "folder" else f"s3://{name}"
        for name, how in kinds.items()
    }
    files = world.make(connection, count, large=LARGE)
    stores = fill(places, files)
    before = world.rows(connection)
    sources = ("--source", places[world.ATTACHMENTS], "--source", places[world.NOTES])
    done("storage.plan", *sources, "--target", places[world.TARGET])
    done("storage.copy", "--execute")
    done("storage.verify")
    done("storage.switch", "--execute")
    assert {row[7] for row in mapped(connection)} == {"verified"}
    assert len(names(stores[world.TARGET])) == files.mapped
    sizes = connection.execute(
        "select count(*), max(file_size) from chat_messages"
        " where file_url like '%/chat-files/%'"
    ).fetchone()
    connection.rollback()
    assert sizes == (files.messages, LARGE)
    done("storage.rollback", "--execute")
    assert world.rows(connection) == before
    assert names(stores[world.TARGET]) == set()
    assert (
        len(names(stores[world.ATTACHMENTS]) | names(stores[world.NOTES])) > count / 2
    )
    print(peaks(connection))
    assert max(peaks(connection).values()) <= MOST_MEMORY, peaks(connection)


def peaks(connection: Connection) -> dict[str, Any]:
    """The peak memory of each step, in bytes."""
    found = connection.execute(
        "select step, peak_memory_bytes from carryover.steps where step ~ '^storage'"
    ).fetchall()
    connection.rollback()
    return dict(found)
