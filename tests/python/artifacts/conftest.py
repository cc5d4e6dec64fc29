"""A fresh folder for artifacts, and a database in which a run has been loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from harness.database import Connection
from tests.python.artifacts import stages


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of all artifacts, of which nothing exists yet."""
    folder = tmp_path / "with a space" / "artifacts"
    monkeypatch.setenv("CARRYOVER_ARTIFACTS", str(folder))
    for name in ("CARRYOVER_SCHEMA_PREFIX", "CARRYOVER_LIVE_SCHEMA"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def connection(database: dict[str, str], home: Path) -> Iterator[Connection]:
    """A database in which a run has been loaded."""
    with psycopg.connect(**database) as connection:  # type: ignore[arg-type]
        connection.execute("set time zone 'Asia/Kolkata'")
        stages.load(connection, stages.RUN)
        yield connection
