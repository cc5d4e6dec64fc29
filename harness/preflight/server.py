"""Checks of the server and of the way to it. Reads settings and statistics only."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median

from harness import database
from harness.preflight.context import Context, listed, quoted, rehearsal
from harness.preflight.report import Check

LOOPBACK = ("localhost", "127.", "::1")
NEWEST_TESTED = 18
SLOW_SECONDS = 0.25
#: The harness's own connection, and those of dbt (``threads`` in profiles.yml).
NEEDED_CONNECTIONS = 5

_ROUND_TRIPS = 5


def connection(context: Context) -> Iterator[Check]:
    """Say which server, database and user this is, how it is reached and how fast."""
    info = context.connection.info
    database_name, user = context.row("select current_database(), current_user")
    seconds = _round_trip(context)
    host = info.host or "localhost"
    is_near, is_encrypted = _is_near(host), context.connection.pgconn.ssl_in_use
    if host.startswith("/"):
        way = f"the socket in {host}"
    else:
        way = f"{host}:{info.port}, {'TLS' if is_encrypted else 'not encrypted'}"
    said = f"{database_name} as {user} over {way}; a round trip takes {_ms(seconds)}"
    if not is_near and not is_encrypted:
        remedy = "Messages would cross the network in clear; ask for TLS with:"
        yield Check("connection", "warn", said, f"{remedy}\nexport PGSSLMODE=require")
    elif seconds > SLOW_SECONDS:
        remedy = "Loading and auditing will be slow; run from a machine near the server"
        yield Check("connection", "warn", said, f"{remedy}.")
    else:
        yield Check("connection", "pass", said)


def version(context: Context) -> Iterator[Check]:
    """See that the server is one that Carryover is tested on."""
    number = context.connection.info.server_version
    said = context.row("show server_version")[0]
    if number < database.MINIMUM_SERVER_VERSION:
        oldest = database.MINIMUM_SERVER_VERSION // 10_000
        yield Check(
            "server_version",
            "fail",
            f"PostgreSQL {said}, older than {oldest}",
            f"Upgrade the server to {oldest} or newer, or name another one:\n"
            "export DATABASE_URL=postgresql://user:password@host:5432/database",
        )
    elif number // 10_000 > NEWEST_TESTED:
        yield Check(
            "server_version",
            "warn",
            f"PostgreSQL {said}, newer than those Carryover is tested on "
            f"(15 to {NEWEST_TESTED})",
            f"Rehearse on a copy of this database first:\n{rehearsal()}",
        )
    else:
        yield Check("server_version", "pass", f"PostgreSQL {said}")


def writable(context: Context) -> Iterator[Check]:
    """See that the server takes writes: no standby, not read only by default."""
    if context.row("select pg_is_in_recovery()")[0]:
        yield Check(
            "writable",
            "fail",
            "the server is a standby: it takes no writes",
            "Name the primary; libpq finds it among several hosts with:\n"
            "export PGTARGETSESSIONATTRS=read-write",
        )
        return
    rows = context.rows("preflight_read_only")
    if rows:
        (source,) = rows[0]
        yield Check(
            "writable",
            "fail",
            "transactions are read only by default (default_transaction_read_only, "
            f"set by the {source})",
            "Take the setting back, or take it back for this command only:\n"
            f"{_reset(context, 'default_transaction_read_only', source)}\n"
            "export PGOPTIONS='-c default_transaction_read_only=off'",
        )
        return
    yield Check("writable", "pass", "a primary that takes writes")


def pooler(context: Context) -> Iterator[Check]:
    """Say whether a session pooler stands between; another kind was refused before."""
    pid = context.row("select pg_backend_pid()")[0]
    if pid == context.connection.info.backend_pid:
        yield Check(
            "pooler", "pass", "none: the session has a server process of its own"
        )
        return
    yield Check(
        "pooler",
        "warn",
        "a pooler stands between and seems to keep the session: the server's process "
        "is not the one that the connection names",
        "Make sure that it pools by session (pgbouncer: show config, pool_mode), "
        "or connect to the server itself.",
    )


def connections(context: Context) -> Iterator[Check]:
    """See that dbt and the checkpoints will get connections of their own."""
    limits = context.rows("preflight_connections")
    name, limit, used = min(limits, key=lambda row: row[1] - row[2])
    free = max(limit - used, 0)
    said = f"{free} of {limit} free ({name}), {NEEDED_CONNECTIONS} are needed at most"
    if free >= NEEDED_CONNECTIONS:
        yield Check("connections", "pass", said)
        return
    remedy = "Close idle sessions of others, or raise the limit; these are open:\n"
    remedy += (
        "select pid, usename, application_name, state, state_change from "
        "pg_stat_activity where backend_type = 'client backend' order by state_change;"
    )
    if name.startswith("role"):
        remedy += f"\nalter role {_user(context)} connection limit -1;"
    yield Check("connections", "warn" if free else "fail", said, remedy)


def standbys(context: Context) -> Iterator[Check]:
    """See that a commit waits for nobody who is away, and that WAL can be removed."""
    names, waits, attached, slots = context.rows("preflight_standbys")[0]
    if names and waits and not attached:
        yield Check(
            "standbys",
            "fail",
            f"a commit waits for a synchronous standby ({names}) and none is attached",
            "Bring the standby back, or commit without it:\n"
            "alter system set synchronous_standby_names = '';\n"
            "select pg_reload_conf();",
        )
    elif slots:
        yield Check(
            "standbys",
            "warn",
            f"replication slots that nobody reads keep all WAL on disk: "
            f"{listed(slots)}",
            "Start their readers, or drop those that are forgotten:\n"
            + "\n".join(
                f"select pg_drop_replication_slot('{name}');" for name in slots
            ),
        )
    else:
        waiting = f"synchronous with {attached} attached" if names and waits else "none"
        yield Check("standbys", "pass", f"that a commit could hang on: {waiting}")


def _round_trip(context: Context) -> float:
    seconds = []
    for _ in range(_ROUND_TRIPS):
        started = time.monotonic()
        context.connection.execute("select 1")
        seconds.append(time.monotonic() - started)
    return median(seconds)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.{0 if seconds > 0.01 else 2}f} ms"


def _is_near(host: str) -> bool:
    return host.startswith("/") or host.startswith(LOOPBACK)


def _user(context: Context) -> str:
    return quoted(context.row("select current_user")[0])


def _reset(context: Context, name: str, source: str) -> str:
    """The SQL that takes a setting back where it was made."""
    user, base = context.row("select current_user, current_database()")
    role, of_base = f"role {quoted(user)}", f"database {quoted(base)}"
    return {
        "user": f"alter {role} reset {name};",
        "database": f"alter {of_base} reset {name};",
        "database user": f"alter {role} in {of_base} reset {name};",
        "configuration file": f"alter system set {name} = off; "
        "select pg_reload_conf();",
    }.get(source, f"set {name} to off;")
