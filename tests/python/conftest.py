"""The databases that tests run on: a server for the session, a database for each test.

The server is the embedded one, or the PostgreSQL whose programs are in the folder that
``CARRYOVER_TEST_PG_BIN`` names. It lives in a temporary folder and is removed with it;
the project's own embedded database is never touched. Of several workers of pytest-xdist
each has a server, and folders for what dbt writes, of its own.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from harness import build, embedded, legacy, pipelines, settings
from harness.database import Connection, Target, connect
from harness.server import Server

#: Tests lose nothing in a crash, so nothing waits for the disk.
UNSAFE_AND_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}

_numbers = itertools.count(1)


def pytest_configure() -> None:
    """Keep the workers out of each other's folders also where no fixture does."""
    os.environ.update(_folders_of_worker())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests on the session's server: CI runs them on two versions.

    Slow tests come first, so that no worker begins one when the others are at the end.
    """
    for item in items:
        if "postgres_server" in getattr(item, "fixturenames", ()):
            item.add_marker("database")
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A temporary folder that the server's user can reach when root runs the tests.

    Pytest's own ``tmp_path`` is closed to everybody but the user who runs it.
    """
    folder = Path(tempfile.mkdtemp(prefix="carryover-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[dict[str, str]]:
    """A running server; libpq's keywords for its database ``carryover``."""
    home = Path(tempfile.mkdtemp(prefix="carryover-tests-"))
    home.chmod(0o755)
    server = _server(home / "postgres")
    try:
        yield server.start()
    finally:
        server.reset()
        shutil.rmtree(home)


@pytest.fixture
def database(postgres_server: dict[str, str]) -> Iterator[dict[str, str]]:
    """A fresh, empty database; libpq's keywords for it."""
    name = sql.Identifier(f"test_{next(_numbers)}")
    with psycopg.connect(
        make_conninfo(**postgres_server), autocommit=True
    ) as connection:
        connection.execute(sql.SQL("create database {}").format(name))
        yield {**postgres_server, "dbname": name.as_string().strip('"')}
        connection.execute(sql.SQL("drop database {} with (force)").format(name))


@pytest.fixture
def connection(database: dict[str, str]) -> Iterator[Connection]:
    """A connection to ``database``, opened as the harness opens its own."""
    with connect(Target(database, is_embedded=False)) as connection:
        yield connection


@pytest.fixture(scope="session")
def legacy_template(postgres_server: dict[str, str]) -> Target:
    """The sample's legacy chat system, landed and built; to be copied, not changed."""
    to = Target({**postgres_server, "dbname": "legacy_template"}, is_embedded=False)
    with connect(Target(postgres_server, False), autocommit=True) as server:
        server.execute("create database legacy_template")
    with pipelines.working_on(pipelines.CONSOLIDATION):
        with connect(to) as connection:
            sample = settings.SAMPLES / "legacy_chat" / "legacy.sql"
            connection.execute(sample.read_bytes())
            connection.commit()
            legacy.land(connection, target="test")
        assert not build.build(to, ["--selector", "consolidation"]).failures
    return to


@pytest.fixture
def legacy_chat(
    postgres_server: dict[str, str], legacy_template: Target
) -> Iterator[Target]:
    """A database of the sample's legacy chat system, landed and built.

    The test works on the consolidation.
    """
    name = f"legacy_{next(_numbers)}"
    with (
        connect(Target(postgres_server, False), autocommit=True) as server,
        pipelines.working_on(pipelines.CONSOLIDATION),
    ):
        # Without a checkpoint: copying the pages is all that there is to do.
        server.execute(
            sql.SQL(
                "create database {} template legacy_template strategy wal_log"
            ).format(sql.Identifier(name))
        )
        yield Target({**postgres_server, "dbname": name}, is_embedded=False)
        server.execute(
            sql.SQL("drop database {} with (force)").format(sql.Identifier(name))
        )


@pytest.fixture
def of_legacy_chat(legacy_chat: Target) -> Iterator[Connection]:
    """A connection to ``legacy_chat``."""
    with connect(legacy_chat) as connection:
        yield connection


@pytest.fixture
def environment(
    database: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """The environment of a task that works on ``database``, set for the test.

    Carryover's folders are in ``tmp_path`` and every other setting is at its default.
    Returns the variables that were set.
    """
    for variable in os.environ:
        if variable.startswith(("CARRYOVER_", "PG", "DBT_")):
            monkeypatch.delenv(variable)
    variables = {
        **Target(database, is_embedded=False).environment,
        "CARRYOVER_HOME": str(tmp_path / "home"),
        "CARRYOVER_ARTIFACTS": str(tmp_path / "artifacts"),
        **_folders_of_worker(),
    }
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    return variables


def _folders_of_worker() -> dict[str, str]:
    """Where dbt writes when several workers run tests; nothing when one process does.

    A folder for all tests of a worker: dbt parses the project anew in an empty one.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        return {}
    return {
        "DBT_TARGET_PATH": str(settings.PROJECT_ROOT / "target" / worker),
        "DBT_LOG_PATH": str(settings.PROJECT_ROOT / "logs" / worker),
    }


def _server(home: Path) -> Server:
    server = replace(embedded.server(), home=home, settings=UNSAFE_AND_FAST)
    programs = os.environ.get("CARRYOVER_TEST_PG_BIN")
    if not programs:
        return server
    install = Path(programs).resolve().parent
    # The builtin locales came with PostgreSQL 17.
    return replace(
        server, install=install, version="tested", locale=("--locale=C.UTF-8",)
    )
