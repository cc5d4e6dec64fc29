"""Which database, and a connection to it.

``DATABASE_URL`` names the target; else the usual ``PG*`` variables; else the embedded
server under ``.carryover/``, which is started when it is not running. Owns connecting
and redacting; writes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from psycopg import conninfo

from harness import embedded, signals
from harness.errors import (
    ConnectionFailed,
    HarnessError,
    Refused,
    UsageError,
    one_line,
)

Connection = psycopg.Connection[Any]

#: The connections that were opened inside ``all_closed``.
_opened: ContextVar[list[Connection] | None] = ContextVar("opened", default=None)

#: PostgreSQL's own variables, as libpq reads them, by the keyword that each stands for.
PG_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
}
MINIMUM_SERVER_VERSION = 150000
#: What a connection has unless the target's own parameters say otherwise. A network
#: that swallows everything is noticed after a minute and a half, not after two hours.
_CONNECTION_DEFAULTS = {
    "application_name": "carryover",
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "6",
}
#: How often a working server looks whether its client is still there. Without it, the
#: statement of a killed task goes on to its end and holds the locks meanwhile.
_CLIENT_CHECK = "2s"
#: The server's words for a connection that it ends or does not take (SQLSTATE).
_LOST_STATES = ("57P01", "57P02", "57P03", "57P04", "57P05")


class ConnectionLost(HarnessError):
    """The connection to the database broke while a task was at work."""


@dataclass(frozen=True)
class Target:
    """The database that a task works on.

    ``parameters`` are libpq's keywords and values. ``is_embedded`` tells a rehearsal on
    this machine's own server from a database that somebody named.
    """

    parameters: dict[str, str]
    is_embedded: bool

    def __str__(self) -> str:
        """The target as it may be printed: without its password."""
        if self.is_embedded:
            return f"embedded PostgreSQL ({self.parameters['dbname']})"
        shown = self.parameters
        host = shown.get("host") or shown.get("hostaddr") or "localhost"
        port = f":{shown['port']}" if shown.get("port") else ""
        user = f"{shown['user']}@" if shown.get("user") else ""
        return f"{user}{host}{port}/{shown.get('dbname', '')}"

    @property
    def environment(self) -> dict[str, str]:
        """The ``PG*`` variables and the ``DATABASE_URL`` that name this target."""
        variables = {
            PG_VARIABLES[key]: value
            for key, value in self.parameters.items()
            if key in PG_VARIABLES
        }
        return {"DATABASE_URL": self.url, **variables}

    @property
    def url(self) -> str:
        """The target as a URL, its parts percent-encoded, its host in the query."""
        rest = dict(self.parameters)
        user, password = rest.pop("user", ""), rest.pop("password", "")
        dbname = rest.pop("dbname", "")
        login = quote(user, safe="") + (
            f":{quote(password, safe='')}" if password else ""
        )
        at = f"{login}@" if login else ""
        query = f"?{urlencode(rest, quote_via=quote)}" if rest else ""
        return f"postgresql://{at}/{quote(dbname, safe='')}{query}"


def target() -> Target:
    """Find the database that the environment names.

    Raises ``UsageError`` when ``DATABASE_URL`` cannot be read, and what
    ``embedded.start`` raises when the embedded server is needed and does not start.
    """
    url = os.environ.get("DATABASE_URL", "")
    if url:
        return Target(_parse(url), is_embedded=embedded.owns(_parse(url)))
    named = {
        key: os.environ[variable]
        for key, variable in PG_VARIABLES.items()
        if os.environ.get(variable)
    }
    if "host" in named or "dbname" in named:
        return Target(named, is_embedded=embedded.owns(named))
    return Target(embedded.start(), is_embedded=True)


def of_embedded(name: str) -> Target:
    """Name another database of the embedded server, which is started if need be.

    Raises what ``embedded.start`` raises.
    """
    return Target({**embedded.start(), "dbname": name}, is_embedded=True)


def connect(to: Target | None = None, *, autocommit: bool = False) -> Connection:
    """Open a connection to the target.

    Times are exchanged in UTC whatever the server's setting, and a table whose
    row-level security would hide rows from us cannot be read. Raises
    ``ConnectionFailed`` when the database does not answer and ``Refused`` when the
    server is older than PostgreSQL 15.
    """
    to = to or target()
    try:
        connection = psycopg.connect(
            conninfo.make_conninfo(**{**_CONNECTION_DEFAULTS, **to.parameters}),
            autocommit=autocommit,
        )
    except psycopg.OperationalError as error:
        raise ConnectionFailed(
            f"cannot connect to {to}: {one_line(error)}. Nothing was written. "
            "Check DATABASE_URL or the PG* variables, then run the command again."
        ) from None
    if connection.info.server_version < MINIMUM_SERVER_VERSION:
        version = connection.info.parameter_status("server_version")
        connection.close()
        raise Refused(
            f"{to} runs PostgreSQL {version}; Carryover needs 15 or newer. "
            "Nothing was written. Upgrade the server or name another one."
        )
    if (opened := _opened.get()) is not None:
        opened.append(connection)
    # A row that a policy hides must be an error: it would pass for a missing one.
    connection.execute("set time zone 'UTC'; set row_security to off")
    connection.commit()
    # Not every server's operating system can tell.
    with suppress(psycopg.errors.InvalidParameterValue):
        connection.execute(
            "select set_config('client_connection_check_interval', %s, false)",
            [_CLIENT_CHECK],
        )
    connection.commit()
    return connection


@contextmanager
def committed(connection: Connection) -> Iterator[None]:
    """Commit the work inside; when it raises, roll all of it back.

    Raises ``ConnectionLost`` when the connection breaks while it commits: only then it
    cannot be told here whether the work is done.
    """
    try:
        yield
    except BaseException:
        take_back(connection)
        raise
    try:
        with signals.deferred():
            connection.commit()
    except psycopg.Error as error:
        take_back(connection)
        if not is_lost(error):
            raise
        raise ConnectionLost(
            f"the connection to the database was lost while committing: "
            f"{said_by(error)}. Either all of this step was done or nothing of it. "
            "See which with ./inv status, then run the command again: what is done is "
            "not done twice."
        ) from error


@contextmanager
def all_closed() -> Iterator[list[Connection]]:
    """Close in the end every connection that is opened inside; gives all of them.

    The server rolls back what they have not committed.
    """
    opened: list[Connection] = []
    token = _opened.set(opened)
    try:
        yield opened
    finally:
        _opened.reset(token)
        for connection in opened:
            connection.close()


def take_back(connection: Connection) -> None:
    """Roll back; of a connection that is lost the server has done so already."""
    with suppress(psycopg.OperationalError):
        connection.rollback()


@contextmanager
def lost_connections_named() -> Iterator[None]:
    """Turn what psycopg raises when a connection breaks into ``ConnectionLost``."""
    try:
        yield
    except psycopg.OperationalError as error:
        if not is_lost(error):
            raise
        raise ConnectionLost(
            f"the connection to the database was lost: {said_by(error)}. What was "
            "under way was rolled back, what was committed before stands. See where "
            "the run stands with ./inv status, then run the command again."
        ) from error


def is_lost(error: psycopg.Error) -> bool:
    """Whether an error means that the connection is gone, not that the work was bad."""
    if not isinstance(error, psycopg.OperationalError):
        return False
    state = error.sqlstate or ""  # libpq, which misses the server, gives none
    return not state or state.startswith("08") or state in _LOST_STATES


def said_by(error: psycopg.Error) -> str:
    """What the database said, on one line.

    Without the server's DETAIL and CONTEXT: they quote rows, and so somebody's message.
    """
    return one_line(error.diag.message_primary or error)


def _parse(url: str) -> dict[str, str]:
    try:
        parsed = conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # libpq's own words quote the URL, and with it the password.
        raise UsageError(
            "DATABASE_URL cannot be read: it is no URL of PostgreSQL, or one of its "
            "parts is not percent-encoded. Nothing was written. "
            "Write it as postgresql://user:password@host:port/database."
        ) from None
    return {key: str(value) for key, value in parsed.items() if value is not None}
