"""The server restarted, or the connection cut, in the middle: a sentence, no change.

The full form (``CARRYOVER_CHAOS_MOMENTS=20``) cuts each stage in each way.
"""

from __future__ import annotations

import pytest

from harness.server import Server
from tests.python.chaos import moments, state
from tests.python.chaos.conftest import Databases
from tests.python.chaos.proxy import Proxy
from tests.python.chaos.source import Source
from tests.python.chaos.state import Stand, stand_of
from tests.python.chaos.tasks import (
    Ended,
    Operator,
    assert_status,
    build_without_dbt,
    stop,
    wait_for,
    watcher,
)

#: Where each stage is held: at a table that it writes after much of its work is done.
HELD_AT = {
    "publish": "carryover.published_rows",
    "rollback": "carryover.steps",
    "backup": "carryover.backup_tables",
    "restore": "carryover.restores",
}
BEFORE = {
    "publish": "backed_up",
    "rollback": "published",
    "backup": "built",
    "restore": "published",
}
WAYS = ("terminate", "proxy", "fast", "immediate")
#: In CI each stage is cut in one way, and each way is taken.
IN_CI = {
    ("publish", "immediate"),
    ("rollback", "fast"),
    ("backup", "terminate"),
    ("restore", "proxy"),
}


def ways(*stages: str) -> list[tuple[str, str]]:
    every = [(stage, way) for stage in stages for way in WAYS]
    return [each for each in every if moments.IS_FULL or each in IN_CI]


class Cutter:
    """Breaks what stands between an operator's task and its database, in some way."""

    def __init__(self, server: Server, operator: Operator, way: str) -> None:
        self._server = server
        self._operator = operator
        self._way = way
        self._proxy = Proxy(operator.parameters) if way == "proxy" else None

    def __enter__(self) -> Operator:
        """The operator whose connections will be cut."""
        if self._proxy is None:
            return self._operator
        return self._operator.through(self._proxy.__enter__().parameters)

    def __exit__(self, *error: object) -> None:
        if self._proxy is not None:
            self._proxy.__exit__(None, None, None)

    def cut(self) -> None:
        if self._proxy is not None:
            self._proxy.cut()
        elif self._way == "terminate":
            with watcher(self._operator) as connection:
                connection.execute(
                    "select pg_terminate_backend(pid, 10000) from pg_stat_activity"
                    " where datname = current_database()"
                    " and application_name like 'carryover%'"
                )
        else:
            stop(self._server, self._way)
            self._server.start()

    @property
    def is_a_crash(self) -> bool:
        """Whether unlogged tables are empty afterwards."""
        return self._way == "immediate"


def assert_clear(ended: Ended) -> None:
    """It failed, in one sentence that says what to do."""
    assert ended.code in (1, 2, 3), ended
    assert "again" in ended.error or "run: ./inv" in ended.error, ended


@pytest.mark.parametrize(("stage", "way"), ways(*HELD_AT))
def test_in_the_middle(
    own_server: Server, databases: Databases, stage: str, way: str, made_up: Source
) -> None:
    """Held in its open transaction, after its work: none of it remains."""
    operator = databases.at(BEFORE[stage])
    before = prepared(operator, stage)
    cutter = Cutter(own_server, operator, way)
    with cutter as reached:
        with moments.held(reached, stage, "--execute", at=HELD_AT[stage]) as task:
            cutter.cut()
        ended = task.wait()
    assert_clear(ended)
    with watcher(operator) as connection:
        moments.settle(connection)
    assert stand_of(operator) == before
    assert_status(operator)
    if cutter.is_a_crash and stage == "publish":
        refused = operator.run("publish", "--execute", code=4)
        assert "./inv load" in refused.error, refused
        operator.run("load", *made_up.arguments)
        build_without_dbt(operator)
    operator.run(stage, "--execute")
    assert stand_of(operator) == completed(databases, stage, before)


def prepared(operator: Operator, stage: str) -> Stand:
    """What stands before the stage; a restore has some damage to mend."""
    if stage == "restore":
        with watcher(operator) as connection:
            connection.execute("delete from chat_messages where content = 'our own'")
            connection.execute("alter table chats drop constraint chats_pkey cascade")
    return stand_of(operator)


def completed(databases: Databases, stage: str, before: Stand) -> Stand:
    """What stands when the stage is done: the same as where nothing was cut."""
    done = {"publish": "published", "rollback": "built", "restore": "built"}
    return stand_of(databases.reference(done[stage])) if stage in done else before


@pytest.mark.parametrize("way", WAYS if moments.IS_FULL else ("terminate",))
def test_in_the_middle_of_a_load(
    own_server: Server, databases: Databases, way: str, made_up: Source
) -> None:
    """While rows are copied; a crash leaves the previous landing empty, never half."""
    operator = databases.at("landed")
    with watcher(operator) as connection:
        whole = state.landing(connection)
    cutter = Cutter(own_server, operator, way)
    with cutter as reached:
        task = reached.start("load", *made_up.arguments)
        with watcher(operator) as connection:
            wait_for(lambda: moments.copies(connection), "rows are copied")
        cutter.cut()
        ended = task.wait()
    assert_clear(ended)
    with watcher(operator) as connection:
        moments.settle(connection)
        found = state.landing(connection)
        if cutter.is_a_crash:
            assert {rows for rows, _ in found.values()} == {0}
        else:
            assert found == whole
        assert_status(operator)
        operator.run("load", *made_up.arguments)
        assert state.landing(connection) == whole


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.skipif(not moments.IS_FULL, reason="in the full form: dbt over and over")
def test_in_the_middle_of_a_build(
    own_server: Server, databases: Databases, way: str, made_up: Source
) -> None:
    operator = databases.at("built")
    with watcher(operator) as connection:
        whole = state.marts(connection)
    before = stand_of(operator)
    cutter = Cutter(own_server, operator, way)
    with cutter as reached:
        task = reached.start("build")
        with watcher(operator) as connection:
            wait_for(lambda: moments.writes(connection), "dbt writes")
        cutter.cut()
        ended = task.wait()
    assert_clear(ended)
    assert stand_of(operator) == before
    operator.run("publish", code=4)
    if cutter.is_a_crash:
        operator.run("load", *made_up.arguments)
    operator.run("build")
    with watcher(operator) as connection:
        assert state.marts(connection) == whole


def test_a_commit_that_is_never_answered(databases: Databases) -> None:
    """Nobody can tell then what became of it: the task says so, and not 'no change'."""
    operator = databases.at("backed_up")
    with Proxy(operator.parameters) as proxy:
        proxy.lost_commit_after = b'update "carryover"."runs" set status'
        ended = operator.through(proxy.parameters).start("publish", "--execute").wait()
        assert proxy.has_lost_commit, ended
    assert ended.code == 1
    assert "Either all of this step was done or nothing of it" in ended.error
    after = stand_of(databases.reference("published"))
    with watcher(operator) as connection:
        moments.settle(connection)
    assert stand_of(operator) == after
    operator.run("publish", "--execute")
    assert stand_of(operator) == after
