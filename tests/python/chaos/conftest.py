"""A server that may be restarted, and databases in which a pipeline has come far.

The server is this package's own: its tests stop it, and cut its connections. Tests work
on the migration unless they are marked with one of ``ON``.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness import pipelines
from harness.pipelines import MIGRATION
from harness.server import Server
from tests.python.chaos import moments, source
from tests.python.chaos.databases import Databases, OfConsolidation, OfMigration, World
from tests.python.chaos.source import Source
from tests.python.chaos.tasks import kill_all, stop
from tests.python.conftest import _server

#: ``synchronous_commit`` stays on: a commit that was answered survives a crash. Little
#: WAL is kept, because removing it takes longer than writing it.
SETTINGS = {"fsync": "off", "max_wal_size": "64MB", "min_wal_size": "32MB"}


@pytest.fixture(autouse=True, scope="session")
def _needs_proc() -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("the processes of a task are found in /proc")


@pytest.fixture(scope="session")
def own_server() -> Iterator[Server]:
    """A running server of this package's own."""
    home = Path(tempfile.mkdtemp(prefix="carryover-chaos-"))
    home.chmod(0o755)
    server = replace(_server(home / "postgres"), settings=SETTINGS)
    try:
        server.start()
        yield server
    finally:
        stop(server, "immediate")  # nothing of it is kept
        server.reset()
        shutil.rmtree(home)


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """The dump that these tests carry: over 8 MB, so that a parser process reads it."""
    return source.write(
        tmp_path_factory.mktemp("source"), chats=300, messages_each=40, text_bytes=700
    )


@pytest.fixture(scope="session")
def _all_databases(
    own_server: Server, made_up: Source, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Databases]:
    worlds: list[World] = [OfMigration(made_up), OfConsolidation()]
    return {
        each.pipeline.name: Databases(
            own_server, each, tmp_path_factory.mktemp(each.pipeline.name)
        )
        for each in worlds
    }


@pytest.fixture
def databases(
    request: pytest.FixtureRequest, _all_databases: dict[str, Databases]
) -> Iterator[Databases]:
    """Databases at any stage, on the package's own server; gone after the test.

    The test works on their pipeline: the migration, or that of the test's parameter.
    """
    found = _all_databases[getattr(request, "param", MIGRATION.name)]
    with pipelines.working_on(found.pipeline):
        yield found
    kill_all()  # a test that fails may leave a task behind
    found.drop()


@pytest.fixture(autouse=True)
def _seed_is_told() -> None:
    """A failure shows the seed, which chooses the same moments again."""
    print(f"CARRYOVER_CHAOS_SEED={moments.SEED}")
