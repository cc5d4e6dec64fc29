"""A server that may be restarted, and databases in which a migration has come far.

The server is this package's own: its tests stop it, and cut its connections. A database
is made for a test as a copy of one in which everything up to some stage has been done,
so that stages are not repeated for every test that needs them done.
"""

from __future__ import annotations

import itertools
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from harness.database import Connection
from harness.server import Server
from tests.python.chaos import moments, source
from tests.python.chaos.source import Source
from tests.python.chaos.tasks import (
    Operator,
    build_without_dbt,
    kill_all,
    stop,
    watcher,
)
from tests.python.conftest import _server

_numbers = itertools.count(1)

#: ``synchronous_commit`` stays on: a commit that was answered survives a crash. Little
#: WAL is kept, because removing it takes longer than writing it.
SETTINGS = {"fsync": "off", "max_wal_size": "64MB", "min_wal_size": "32MB"}

#: Rows that the application has of its own, which no run may touch.
_OWN_ROWS = """
    insert into profiles (id, role) values
    ('99999999-0000-4000-8000-000000000001', 'customer');
    insert into bookings (id, status)
    select format('88888888-0000-4000-8000-%s', lpad(n::text, 12, '0'))::uuid, 'new'
    from generate_series(1, 20) as n;
    insert into chats (id, booking_id)
    select format('77777777-0000-4000-8000-%s', lpad(n::text, 12, '0'))::uuid,
        format('88888888-0000-4000-8000-%s', lpad(n::text, 12, '0'))::uuid
    from generate_series(1, 20) as n;
    insert into chat_messages (id, chat_id, sender_id, content)
    select gen_random_uuid(), id, '99999999-0000-4000-8000-000000000001', 'our own'
    from chats, generate_series(1, 10)
"""


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


class Databases:
    """Databases in which a migration has come to a stage, made as copies.

    Stages: ``empty`` (the application's tables, with rows of its own), ``landed``,
    ``built``, ``backed_up`` and ``published``.
    """

    def __init__(self, server: Server, made_up: Source, folder: Path) -> None:
        self._server = server
        self._source = made_up
        self._folder = folder
        self._made: list[str] = []
        self._copies: list[str] = []

    def at(self, stage: str) -> Operator:
        """Make a database at this stage, and the operator who works on it."""
        template = self._template(stage)
        operator = self._copy(template, f"chaos_{next(_numbers)}")
        self._copies.append(operator.parameters["dbname"])
        with watcher(operator) as connection:
            _set_landing(connection, "unlogged")
        return operator

    def reference(self, stage: str) -> Operator:
        """The database that others at this stage are copies of; only to be read."""
        name = self._template(stage)
        return self._operator(name)

    def drop(self) -> None:
        """Drop the copies."""
        for name in self._copies:
            statement = sql.SQL("drop database {} with (force)")
            self._execute(statement.format(sql.Identifier(name)))
        self._copies.clear()

    def _template(self, stage: str) -> str:
        name = f"template_{stage}"
        if stage not in self._made:
            getattr(self, f"_make_{stage}")(name)
            self._made.append(stage)
        return name

    def _make_empty(self, name: str) -> None:
        self._execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        operator = self._operator(name)
        operator.run("target.create")
        operator.run("load", *self._source.arguments)
        with watcher(operator) as connection:
            connection.execute(_OWN_ROWS)
            connection.execute("drop schema staging cascade")
            connection.execute("drop schema carryover cascade")

    def _make_landed(self, name: str) -> None:
        operator = self._copy(self._template("empty"), name)
        operator.run("load", *self._source.arguments)
        # An immediate restart would empty unlogged tables here as well.
        with watcher(operator) as connection:
            _set_landing(connection, "logged")

    def _make_built(self, name: str) -> None:
        operator = self._copy(self._template("landed"), name)
        if moments.IS_FULL:
            operator.run("build")
        else:
            build_without_dbt(operator)

    def _make_backed_up(self, name: str) -> None:
        operator = self._copy(self._template("built"), name)
        operator.run("backup", "--execute")

    def _make_published(self, name: str) -> None:
        operator = self._copy(self._template("backed_up"), name)
        operator.run("publish", "--execute")

    def _copy(self, template: str, name: str) -> Operator:
        # Copied by way of the WAL, a sequence may go back when the server crashes.
        statement = sql.SQL("create database {} template {} strategy file_copy")
        self._execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return self._operator(name)

    def _operator(self, name: str) -> Operator:
        parameters = {**self._server.start(), "dbname": name}
        return Operator(parameters, self._folder / name)

    def _execute(self, statement: sql.Composed) -> None:
        where = make_conninfo(**self._server.start())
        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute(statement)


@pytest.fixture(scope="session")
def _databases(
    own_server: Server, made_up: Source, tmp_path_factory: pytest.TempPathFactory
) -> Databases:
    return Databases(own_server, made_up, tmp_path_factory.mktemp("operators"))


@pytest.fixture
def databases(_databases: Databases) -> Iterator[Databases]:
    """Databases at any stage, on the package's own server; gone after the test."""
    yield _databases
    kill_all()  # a test that fails may leave a task behind
    _databases.drop()


def _set_landing(connection: Connection, how: str) -> None:
    """Make the landing tables logged, or unlogged as a load makes them."""
    for (name,) in connection.execute(
        "select relname from pg_class where relkind = 'r'"
        " and relnamespace = to_regnamespace('staging')"
    ).fetchall():
        table = sql.Identifier("staging", name)
        connection.execute(sql.SQL(f"alter table {{}} set {how}").format(table))
