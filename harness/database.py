"""Which database, and a connection to it.

``DATABASE_URL`` names the target; else the usual ``PG*`` variables; else the embedded
server under ``.carryover/``, which is started when it is not running. Owns connecting
and redacting; writes nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import psycopg
from psycopg import conninfo

from harness import embedded, libpq, pooler, session_settings, signals
from harness.errors import (
    ConnectionFailed,
    HarnessError,
    Refused,
    UsageError,
    one_line,
)
from harness.queries import query

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
        """The ``PG*`` variables and the ``DATABASE_URL`` that name this target.

        ``PGCLIENTENCODING`` is among them: dbt can take its encoding from nowhere else.
        """
        variables = {
            PG_VARIABLES[key]: value
            for key, value in self.parameters.items()
            if key in PG_VARIABLES
        }
        return {
            "DATABASE_URL": self.url,
            "PGCLIENTENCODING": session_settings.CLIENT_ENCODING,
            **variables,
        }

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

    The session has the settings of ``session_settings``, whatever the URL, the
    environment, the role or the database says. Raises ``ConnectionFailed`` when the
    database does not answer, and ``Refused`` when the server is older than PostgreSQL
    15, a pooler does not keep the session, or a setting cannot be changed.
    """
    to = to or target()
    parameters = {
        **_CONNECTION_DEFAULTS,
        **to.parameters,
        "client_encoding": session_settings.CLIENT_ENCODING,
    }
    way = conninfo.make_conninfo(**parameters)
    with libpq.clean_environment() if to.is_embedded else nullcontext():
        connection = _open(way, to)
        try:
            pooler.require_kept_session(connection, way, str(to))
            _begin_session(connection, to)
            connection.autocommit = autocommit
        except BaseException:
            connection.close()
            raise
    if (opened := _opened.get()) is not None:
        opened.append(connection)
    return connection


def _open(way: str, to: Target) -> Connection:
    try:
        return psycopg.connect(way, autocommit=True)
    except psycopg.OperationalError as error:
        raise ConnectionFailed(
            f"cannot connect to {to}: {one_line(error)}. Nothing was written. "
            "Check DATABASE_URL or the PG* variables, then run the command again."
        ) from None


def resolved(to: Target, connection: Connection) -> Target:
    """The target as libpq resolved it: one server, for everything that follows."""
    return replace(to, parameters=libpq.resolved(connection))


def server_identity(connection: Connection) -> str:
    """What tells this database of this server from any other; dbt asks the same."""
    row = connection.execute(query("server_identity")).fetchone()
    return str(row[0]) if row else ""


def _begin_session(connection: Connection, to: Target) -> None:
    if connection.info.server_version < MINIMUM_SERVER_VERSION:
        version = connection.info.parameter_status("server_version")
        raise Refused(
            f"{to} runs PostgreSQL {version}; Carryover needs 15 or newer. "
            "Nothing was written. Upgrade the server or name another one."
        )
    session_settings.pin(connection)
    # Not at startup: a transaction pooler would keep the name for its next client.
    if "application_name" not in to.parameters:
        connection.execute("set application_name to 'carryover'")
    # Not every server's operating system can tell.
    with suppress(psycopg.errors.InvalidParameterValue):
        connection.execute(
            "select set_config('client_connection_check_interval', %s, false)",
            [_CLIENT_CHECK],
        )


def for_program(to: Target) -> tuple[str, dict[str, str]]:
    """How ``psql`` and its like reach the target: a connection string, an environment.

    The password is in the environment: others see a program's arguments. Raises
    ``UsageError`` for a ``sslpassword``, which can go nowhere else.
    """
    if "sslpassword" in to.parameters:
        raise UsageError(
            "PostgreSQL's programs take no sslpassword that others cannot see. Nothing "
            "was written. Name a key without one."
        )
    named = dict(to.parameters)
    environment = dict(os.environ)
    if to.is_embedded:
        environment = libpq.without_variables(environment)
    environment["PGCLIENTENCODING"] = session_settings.CLIENT_ENCODING
    password = named.pop("password", "")
    if password:
        environment["PGPASSWORD"] = password
    return conninfo.make_conninfo(**named), environment


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
    """Read a URL; no error quotes it, because it holds a password."""
    _require_encoded(url)
    unknown = _unknown_parameters(url)
    if unknown:
        raise UsageError(
            f"DATABASE_URL cannot be read: PostgreSQL knows no parameter "
            f"{', '.join(unknown)}, which another program may. Nothing was written. "
            "Leave it out for Carryover; CARRYOVER_LIVE_SCHEMA names the application's "
            "schema."
        )
    try:
        parsed = conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise _unreadable(
            "it is no URL of PostgreSQL, or a part is malformed"
        ) from None
    ports = str(parsed.get("port") or "").split(",")
    if not all(port.isdecimal() or not port for port in ports):
        raise _unreadable("its port is no number, or its password not percent-encoded")
    return {key: str(value) for key, value in parsed.items() if value is not None}


def _require_encoded(url: str) -> None:
    """Raise ``UsageError`` where a password has a character that ends its part."""
    path, _, query = _without_login(url).partition("?")
    if "@" in path or ("@" in query and _without_login(url) == url):
        raise _unreadable(
            "an @ is where none can be, as in a password that is not percent-encoded "
            "(write @ as %40, / as %2F)"
        )


def _unknown_parameters(url: str) -> list[str]:
    """The names in a URL's query that libpq does not know, such as those of Prisma."""
    names = [name for name, _ in parse_qsl(_without_login(url).partition("?")[2], True)]
    return [name for name in names if name not in libpq.keywords()]


def _without_login(url: str) -> str:
    """A URL without its user and password, found as libpq does; else nothing of it."""
    found = re.fullmatch(r"postgres(?:ql)?://([^@/]*@)?(.*)", url, re.DOTALL)
    if not found:
        return ""
    return found[2] if found[1] else url


def _unreadable(why: str) -> UsageError:
    return UsageError(
        f"DATABASE_URL cannot be read: {why}. Nothing was written. "
        "Write it as postgresql://user:password@host:port/database."
    )


def require_writable(connection: Connection, to: Target) -> None:
    """Raise ``Refused`` when the server or the database takes no writes.

    What a role or a database sets to keep everybody from writing is obeyed.
    """
    row = connection.execute(
        "select pg_is_in_recovery(), current_setting('default_transaction_read_only')"
    ).fetchone()
    if row and row[0]:
        raise Refused(
            f"{to} is a standby, which takes no writes. Nothing was written. "
            "Name the primary with DATABASE_URL, then run the command again."
        )
    if row and row[1] == "on":
        raise Refused(
            f"{to} is read only (default_transaction_read_only is on for the role, the "
            "database or the session). Nothing was written. Reset it where it is set: "
            "./inv preflight says where"
        )
