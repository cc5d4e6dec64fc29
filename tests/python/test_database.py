"""Which database is meant, and what may be printed of it."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import conninfo

from harness import database
from harness.database import Target
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
