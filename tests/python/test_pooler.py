"""A pooler that does not keep the session is refused before anything is set in it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from harness import pooler
from harness.database import Connection, Target, connect
from harness.pooler import TransactionPooler
from tests.python.pooler import Mode, pooled

Parameters = dict[str, str]


@pytest.fixture(params=["transaction", "rotating"])
def shared(
    request: pytest.FixtureRequest, database: Parameters
) -> Iterator[Parameters]:
    """Keywords for a pooler that pools by transaction."""
    mode: Mode = request.param
    with pooled(database, mode) as parameters:
        yield parameters


def left_in(parameters: Parameters) -> list[tuple[str, str]]:
    """What was set in the sessions that the pool holds, and the locks in them."""
    found = []
    with psycopg.connect(make_conninfo(**parameters), autocommit=True) as client:
        for _ in range(4):
            found += client.execute(
                "select name, setting from pg_settings where source = 'session'"
                " union all select 'lock', objid::text from pg_locks"
                " where locktype = 'advisory'"
            ).fetchall()
    return found


def test_a_transaction_pooler_is_refused_and_left_as_it_was(shared: Parameters) -> None:
    before = left_in(shared)
    with pytest.raises(TransactionPooler, match="pools by transaction") as refused:
        connect(Target(shared, is_embedded=False))
    assert "\n" not in str(refused.value)
    assert left_in(shared) == before == []


def test_a_transaction_pooler_that_others_keep_busy_is_refused(
    shared: Parameters,
) -> None:
    """Other clients hold sessions of the pool, and take those that come free."""
    with (
        psycopg.connect(make_conninfo(**shared)) as busy,
        psycopg.connect(make_conninfo(**shared)) as too,
    ):
        busy.execute("select 1")
        too.execute("select 1")
        with pytest.raises(TransactionPooler):
            connect(Target(shared, is_embedded=False))


def test_a_session_pooler_and_a_server_are_not_refused(
    database: Parameters, connection: Connection
) -> None:
    with (
        pooled(database, "session") as parameters,
        connect(Target(parameters, is_embedded=False)) as through,
    ):
        assert through.execute("show row_security").fetchone() == ("off",)
    assert connection.execute("show row_security").fetchone() == ("off",)


def test_the_port_of_a_transaction_pooler_is_known(
    database: Parameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pool that gives each client a session of its own for now looks like any."""
    with pooled(database, "session") as parameters:
        monkeypatch.setattr(pooler, "TRANSACTION_PORT", int(parameters["port"]))
        with pytest.raises(TransactionPooler):
            connect(Target(parameters, is_embedded=False))
