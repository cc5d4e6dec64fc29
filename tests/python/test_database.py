"""Which database is meant, and what may be printed of it."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import conninfo
from psycopg.conninfo import make_conninfo

from harness import database
from harness.database import (
    Connection,
    ConnectionLost,
    Target,
    committed,
    lost_connections_named,
)
from harness.errors import ConnectionFailed, UsageError

SECRET = "s3cr&t/å%"  # noqa: S105 - the test's own


@pytest.fixture(autouse=True)
def no_target(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", *database.PG_VARIABLES.values()):
        monkeypatch.delenv(name, raising=False)


def test_database_url_wins_over_the_pg_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGHOST", "elsewhere")
    monkeypatch.setenv(
        "DATABASE_URL", "postgresql://me@here:6543/chats?sslmode=require"
    )
    to = database.target()
    assert to.parameters == {
        "user": "me",
        "host": "here",
        "port": "6543",
        "dbname": "chats",
        "sslmode": "require",
    }
    assert not to.is_embedded


def test_the_pg_variables_name_a_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "here")
    monkeypatch.setenv("PGDATABASE", "chats")
    assert database.target().parameters == {"host": "here", "dbname": "chats"}


def test_an_unreadable_url_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://host:port:again/x?nothing=1")
    with pytest.raises(UsageError, match="DATABASE_URL cannot be read"):
        database.target()


def test_a_password_never_prints() -> None:
    to = Target(
        {"host": "127.0.0.1", "port": "1", "user": "me", "password": SECRET}, False
    )
    with pytest.raises(ConnectionFailed) as failed:
        database.connect(to)
    assert SECRET not in f"{to}{failed.value}"
    assert "127.0.0.1:1" in str(failed.value)


def test_the_url_reads_back_as_it_was() -> None:
    parameters = {
        "host": "/a b/socket",
        "user": "o'neil@x",
        "password": SECRET,
        "dbname": "my chats",
    }
    read = conninfo.conninfo_to_dict(Target(parameters, False).url)
    assert {key: str(value) for key, value in read.items()} == parameters


def test_times_are_exchanged_in_utc(connection: psycopg.Connection[tuple[str]]) -> None:
    assert connection.execute("show timezone").fetchone() == ("UTC",)


def end(connection: Connection, parameters: dict[str, str]) -> None:
    """End a connection's backend from the server's side, as an administrator would."""
    pid = connection.info.backend_pid
    with psycopg.connect(make_conninfo(**parameters)) as other:
        other.execute("select pg_terminate_backend(%s, 10000)", [pid])


def work_until_lost(connection: Connection, parameters: dict[str, str]) -> None:
    """Work whose connection is gone in its middle."""
    with committed(connection):
        connection.execute("select 1")
        end(connection, parameters)
        connection.execute("select 1")


def commit_when_lost(connection: Connection, parameters: dict[str, str]) -> None:
    """Work whose connection is gone when it is to be committed."""
    with committed(connection):
        connection.execute("select 1")
        end(connection, parameters)


def test_work_on_a_connection_that_is_lost_raises_what_ended_it(
    connection: Connection, database: dict[str, str]
) -> None:
    """And not that a lost connection cannot be rolled back."""
    with pytest.raises(psycopg.errors.AdminShutdown):
        work_until_lost(connection, database)


def test_a_commit_that_is_not_answered_may_be_done(
    connection: Connection, database: dict[str, str]
) -> None:
    with pytest.raises(ConnectionLost, match="was lost while committing: terminating"):
        commit_when_lost(connection, database)


def test_a_lost_connection_is_named_and_an_error_of_the_work_is_not(
    connection: Connection, database: dict[str, str]
) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero), lost_connections_named():
        connection.execute("select 1 / 0")
    connection.rollback()
    end(connection, database)
    again = "run the command again"
    with pytest.raises(ConnectionLost, match=again), lost_connections_named():
        connection.execute("select 1")
