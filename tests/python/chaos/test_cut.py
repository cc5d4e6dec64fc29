"""The server restarted, or the connection cut, in the middle: a sentence, no change.

The full form (``CARRYOVER_CHAOS_MOMENTS=20``) cuts each stage in each way.
"""

from __future__ import annotations

import pytest

from harness.pipelines import CONSOLIDATION, MIGRATION
from harness.server import Server
from tests.python.chaos import moments, state
from tests.python.chaos.databases import Databases
from tests.python.chaos.proxy import Proxy
from tests.python.chaos.state import Stand, stand_of
from tests.python.chaos.tasks import (
    Ended,
    Operator,
    assert_status,
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
    "cutover": "carryover.cutovers",
    "undo": "carryover.steps",
}
BEFORE = {
    "publish": "backed_up",
    "rollback": "published",
    "backup": "built",
    "restore": "published",
    "cutover": "published",
    "undo": "cut_over",
}
WAYS = ("terminate", "proxy", "fast", "immediate")
#: What stands when a stage is done; otherwise what stood before.
DONE = {
    "publish": "published",
    "rollback": "built",
    "restore": "built",
    "cutover": "cut_over",
    "undo": "published",
}
#: Stages that look at the landing tables, which a crash empties: what they ask for.
FROM_THE_LANDING = {"publish": "load", "cutover": "migrate"}
#: The stages of each pipeline that are held, cut and met by another operator.
HELD = [
    (pipeline.name, stage)
    for pipeline in (MIGRATION, CONSOLIDATION)
    for stage in HELD_AT
    if pipeline is CONSOLIDATION or stage not in ("cutover", "undo")
]
#: In CI each stage is cut in one way, and each way is taken.
IN_CI = {
    ("migration", "publish", "immediate"),
    ("migration", "rollback", "fast"),
    ("migration", "backup", "terminate"),
    ("migration", "restore", "proxy"),
    ("consolidation", "publish", "terminate"),
    ("consolidation", "cutover", "fast"),
}


def ways() -> list[tuple[str, str, str]]:
    every = [(*held, way) for held in HELD for way in WAYS]
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


@pytest.mark.parametrize(("databases", "stage", "way"), ways(), indirect=["databases"])
def test_in_the_middle(
    own_server: Server, databases: Databases, stage: str, way: str
) -> None:
    """Held in its open transaction, after its work: none of it remains."""
    operator = databases.at(BEFORE[stage])
    before = prepared(databases, operator, stage)
    cutter = Cutter(own_server, operator, way)
    task = databases.task(stage)
    with cutter as reached:
        with moments.held(reached, *task, at=HELD_AT[stage]) as running:
            cutter.cut()
        ended = running.wait()
    assert_clear(ended)
    with watcher(operator) as connection:
        moments.settle(connection)
    assert stand_of(operator) == before
    assert_status(operator)
    if cutter.is_a_crash and stage in FROM_THE_LANDING:
        refused = operator.run(*task, code=4)
        assert databases.hint(FROM_THE_LANDING[stage]) in refused.error, refused
        operator.run(*databases.task("load"))
        databases.build_without_dbt(operator)
        if stage == "cutover":
            operator.run(*databases.task("backup"))
            operator.run(*databases.task("publish"))
    operator.run(*task)
    assert stand_of(operator) == completed(databases, stage, before)


def prepared(databases: Databases, operator: Operator, stage: str) -> Stand:
    """What stands before the stage; a restore has some damage to mend."""
    if stage == "restore":
        with watcher(operator) as connection:
            connection.execute(databases.world.damage)
    return stand_of(operator)


def completed(databases: Databases, stage: str, before: Stand) -> Stand:
    """What stands when the stage is done: the same as where nothing was cut."""
    return stand_of(databases.reference(DONE[stage])) if stage in DONE else before


@pytest.mark.parametrize("way", WAYS if moments.IS_FULL else ("terminate",))
@moments.on_pipelines("migration")
def test_in_the_middle_of_a_load(
    own_server: Server, databases: Databases, way: str
) -> None:
    """While rows are copied; a crash leaves the previous landing empty, never half."""
    operator = databases.at("landed")
    with watcher(operator) as connection:
        whole = state.landing(connection)
    cutter = Cutter(own_server, operator, way)
    with cutter as reached:
        task = reached.start(*databases.task("load"))
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
        operator.run(*databases.task("load"))
        assert state.landing(connection) == whole


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.skipif(not moments.IS_FULL, reason="in the full form: dbt over and over")
@moments.on_both()
def test_in_the_middle_of_a_build(
    own_server: Server, databases: Databases, way: str
) -> None:
    operator = databases.at("built")
    with watcher(operator) as connection:
        whole = state.marts(connection)
    before = stand_of(operator)
    cutter = Cutter(own_server, operator, way)
    with cutter as reached:
        task = reached.start(*databases.task("build"))
        with watcher(operator) as connection:
            wait_for(lambda: moments.writes(connection), "dbt writes")
        cutter.cut()
        ended = task.wait()
    assert_clear(ended)
    assert stand_of(operator) == before
    operator.run(databases.task("publish")[0], code=4)
    if cutter.is_a_crash:
        operator.run(*databases.task("load"))
    operator.run(*databases.task("build"))
    with watcher(operator) as connection:
        assert state.marts(connection) == whole


@moments.on_pipelines("migration")
def test_a_commit_that_is_never_answered(databases: Databases) -> None:
    """Nobody can tell then what became of it: the task says so, and not 'no change'."""
    operator = databases.at("backed_up")
    with Proxy(operator.parameters) as proxy:
        proxy.lost_commit_after = b'update "carryover"."runs" set status'
        publish = databases.task("publish")
        ended = operator.through(proxy.parameters).start(*publish).wait()
        assert proxy.has_lost_commit, ended
    assert ended.code == 1
    assert "Either all of this step was done or nothing of it" in ended.error
    after = stand_of(databases.reference("published"))
    with watcher(operator) as connection:
        moments.settle(connection)
    assert stand_of(operator) == after
    operator.run(*publish)
    assert stand_of(operator) == after
