"""Which database is meant, and what may be printed of it."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import conninfo
from psycopg.conninfo import make_conninfo

from harness import database, settings
from harness.database import (
    Connection,
    ConnectionLost,
    Target,
    committed,
    connect,
    lost_connections_named,
    require_writable,
)
from harness.errors import ConnectionFailed, Refused, UsageError

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


@pytest.mark.parametrize(
    "password",
    ["se/cret", "se@cret", "12/se@cret", "/se@cret", "12/se?cret", "@secret"],
)
def test_a_password_that_is_not_encoded_is_not_quoted(
    password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://me:{password}@host/chats")
    with pytest.raises(UsageError, match="percent-encoded") as refused:
        database.target()
    for part in ("se", "cret", "12"):
        assert part not in str(refused.value).replace("percent", "").split("(")[0]


@pytest.mark.parametrize("name", ["pgbouncer", "schema", "connection_limit"])
def test_a_parameter_of_another_program_is_named(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as Prisma's."""
    monkeypatch.setenv(
        "DATABASE_URL", f"postgresql://me:s%40e@host/d?sslmode=require&{name}=x"
    )
    with pytest.raises(UsageError, match=f"PostgreSQL knows no parameter {name}"):
        database.target()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:a:b@host/chats",
        "postgresql://me:a?schema=b@host/chats",
        "postgresql://host/chats?user=me%40x.example",
        "postgresql://me:%2F%40@[::1]:5432/chats?target_session_attrs=any",
        "host=here dbname=chats",
    ],
)
def test_what_libpq_reads_is_read(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    assert database.target().parameters["dbname"] == "chats"


@pytest.mark.parametrize("value", ["", None, "app"])
def test_an_empty_live_schema_is_the_default(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CARRYOVER_LIVE_SCHEMA", raising=False)
    if value is not None:
        monkeypatch.setenv("CARRYOVER_LIVE_SCHEMA", value)
    assert settings.live_schema() == (value or "public")


def test_no_program_gets_a_password_among_its_arguments() -> None:
    to = Target({"host": "h", "password": SECRET, "dbname": "d"}, is_embedded=False)
    way, variables = database.for_program(to)
    assert SECRET not in way
    assert variables["PGPASSWORD"] == SECRET
    refused = Target({**to.parameters, "sslpassword": "x"}, is_embedded=False)
    with pytest.raises(UsageError, match="sslpassword"):
        database.for_program(refused)


@pytest.mark.parametrize(
    "place", ["database {0}", "role {1}", "role {1} in database {0}"]
)
def test_a_database_that_is_read_only_is_not_written_to(
    place: str, connection: Connection, database: dict[str, str]
) -> None:
    connection.execute("create role reader login superuser")
    connection.execute(
        f"alter {place.format(connection.info.dbname, 'reader')}"
        " set default_transaction_read_only to on".encode()
    )
    connection.commit()
    to = Target({**database, "user": "reader"}, is_embedded=False)
    with connect(to) as session, pytest.raises(Refused, match="is read only"):
        require_writable(session, to)
    connection.execute("set transaction read write; drop owned by reader")
    connection.execute("drop role reader")
    connection.commit()


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
