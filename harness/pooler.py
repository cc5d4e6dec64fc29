"""Whether a pooler is between us and the server, and whether it keeps our session.

A pooler that pools by transaction (pgbouncer's ``pool_mode = transaction``, Supabase's
port 6543) hands what a session sets, and its locks, to other clients. So it is found
out before the first setting. Only reads, and opens a second connection for a moment.
"""

from __future__ import annotations

import secrets
import select
import time
from contextlib import closing, suppress
from typing import Any

import psycopg
from psycopg import pq, sql

from harness.errors import Refused

#: Supabase's pooler pools by transaction on this port, and only there.
TRANSACTION_PORT = 6543
#: How often both connections take their turn, and for how many seconds a pooler may
#: take back a process that it gave to one of them.
_ROUNDS = 3
_PAUSE = 0.02
#: A pool that is exhausted lets a second client wait for minutes.
_SECONDS = 10.0


class TransactionPooler(Refused):
    """The connection goes through a pooler that does not keep the session."""


def require_kept_session(
    connection: psycopg.Connection[Any], conninfo: str, name: str
) -> None:
    """Raise ``TransactionPooler`` unless every transaction is of one server session.

    The connection must be new and in autocommit mode; ``conninfo`` opens another like
    it. ``name`` is the target as it may be printed.
    """
    if _server_process(connection, "") == connection.info.backend_pid:
        return
    if _is_shared(connection, conninfo):
        raise TransactionPooler(
            f"{name} is a pooler that pools by transaction: settings, locks and "
            "temporary tables would go to other clients. Nothing was set or written. "
            "Name the server itself or a session pooler (Supabase: port 5432) with "
            "DATABASE_URL, then run the command again."
        )


def _is_shared(connection: psycopg.Connection[Any], conninfo: str) -> bool:
    """Whether others get the server process that this connection has, or had.

    Ours and another connection take turns. A pooler with no second one to give keeps
    ours.
    """
    if connection.info.port == TRANSACTION_PORT:
        return True
    token = secrets.token_hex(8)
    ours: set[int] = set()
    theirs: set[int] = set()
    with (
        suppress(psycopg.OperationalError),
        closing(psycopg.connect(conninfo, autocommit=True)) as other,
    ):
        for _ in range(_ROUNDS):
            # Twice: a pooler that goes round two processes would seem to keep them.
            ours |= {_server_process(connection, token) for _ in range(2)}
            if len(ours) > 1:
                return True
            time.sleep(_PAUSE)
            found = _seen_by(other.pgconn, *ours)
            if found is None:
                return False
            process, last_statement = found
            theirs.add(process)
            # An empty statement is one that the server does not tell.
            is_anothers = bool(last_statement) and token not in last_statement
            if len(theirs) > 1 or ours & theirs or is_anothers:
                return True
            time.sleep(_PAUSE)
    return False


def _server_process(connection: psycopg.Connection[Any], token: str) -> int:
    row = connection.execute(
        f"select pg_backend_pid() /* {token} */".encode()
    ).fetchone()
    return int(row[0]) if row else 0


def _seen_by(other: pq.abc.PGconn, process: int) -> tuple[int, str] | None:
    """Another connection's process, and the last statement of ours as it sees it."""
    statement = sql.SQL(
        "select pg_backend_pid(),"
        " (select query from pg_catalog.pg_stat_activity where pid = {})"
    ).format(process)
    result = _answer(other, statement.as_bytes())
    if result is None or result.status != pq.ExecStatus.TUPLES_OK:
        return None
    theirs = int(result.get_value(0, 0) or 0)
    return theirs, (result.get_value(0, 1) or b"").decode(errors="replace")


def _answer(pgconn: pq.abc.PGconn, statement: bytes) -> pq.abc.PGresult | None:
    """The answer to a statement; None when it takes too long."""
    ends_at = time.monotonic() + _SECONDS
    pgconn.send_query(statement)
    answer = None
    while True:
        while pgconn.is_busy():
            left = ends_at - time.monotonic()
            if left <= 0 or not select.select([pgconn.socket], [], [], left)[0]:
                return None
            pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:
            return answer
        answer = result
