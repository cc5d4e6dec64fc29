"""Killed at any moment and simply run again: the same final state, never half of one.

The full form kills at 20 moments and builds with dbt throughout, in some minutes:

    CARRYOVER_CHAOS_MOMENTS=20 ./inv test --args "-s tests/python/chaos"

``CARRYOVER_CHAOS_SEED=n`` chooses other moments. Each kill's line says when it was.
"""

from __future__ import annotations

import itertools

import pytest

from harness.database import Connection
from tests.python.chaos import moments, state
from tests.python.chaos.databases import Databases
from tests.python.chaos.moments import Kills, Pace
from tests.python.chaos.source import Source
from tests.python.chaos.state import stand, stand_of
from tests.python.chaos.tasks import Operator, assert_status, wait_for, watcher

#: Copies that no backup in the ledger has, and backups there that lack a copy.
HALF_BACKUPS = """
    select copies.relname, kept.copy_name
    from (
        select relname from pg_class
        where relkind = 'r' and relnamespace = to_regnamespace('carryover_backups')
    ) as copies
    full join carryover.backup_tables as kept on copies.relname = kept.copy_name
    where copies.relname is null or kept.copy_name is null
"""


@moments.on_pipelines("migration")
def test_load(databases: Databases) -> None:
    """The landing is the previous one or the new one, and no schema is left over."""
    operator = databases.at("landed")
    load = databases.task("load")
    pace = moments.measure(operator, *load)
    kills = Kills("load")
    for moment in kills.moments():
        with watcher(operator) as connection:
            whole = state.landing(connection)
            connection.execute(databases.world.unland)
            previous = state.landing(connection)
        kills.add(moments.kill(operator, moment, pace, *load))
        with watcher(operator) as connection:
            assert state.landing(connection) in (previous, whole), kills
            assert not has_schema(connection, "staging_loading"), kills
        assert_status(operator)
        operator.run(*load)
        with watcher(operator) as connection:
            assert state.landing(connection) == whole, kills
    print(kills)


def test_load_whose_parser_alone_is_killed(
    databases: Databases, made_up: Source
) -> None:
    operator = databases.at("landed")
    with watcher(operator) as connection:
        before = state.landing(connection)
        task = operator.start("load", *made_up.arguments)
        wait_for(task.kill_parser, "a parser process runs")
        ended = task.wait()
        assert ended.code == 1
        assert "was ended by SIGKILL. Nothing was loaded" in ended.error
        assert state.landing(connection) == before
        operator.run("load", *made_up.arguments)
        assert state.landing(connection) == before


def test_load_whose_parser_is_left_alone(databases: Databases, made_up: Source) -> None:
    """The parser and the backend end by themselves when the task is gone."""
    operator = databases.at("landed")
    with watcher(operator) as connection:
        before = state.landing(connection)
        task = operator.start("load", *made_up.arguments)
        wait_for(task.parsers, "a parser process runs")
        task.kill_leader()
        wait_for(lambda: not task.processes(), "the parser ends")
        moments.settle(connection)
        assert state.landing(connection) == before


def test_a_killed_task_that_waits_is_missed(
    databases: Databases, made_up: Source
) -> None:
    """The server takes back what it did for it, though nobody lets it go on."""
    operator = databases.at("landed")
    with watcher(operator) as connection, watcher(operator) as reader:
        reader.execute("begin; lock table staging.message in access share mode")
        task = operator.start("load", *made_up.arguments)
        wait_for(lambda: moments.is_blocked(connection, reader), "the load waits")
        task.kill()
        moments.settle(connection)


@moments.on_pipelines("migration")
def test_build(databases: Databases) -> None:
    """Marts that were being built are never published, and the next build is whole."""
    operator = databases.at("built")
    with watcher(operator) as connection:
        live, whole = stand_of(operator), state.marts(connection)
        landing = state.landing(connection)
    build, publish = databases.task("build"), databases.task("publish")[0]
    pace = measured_build(operator, *build)
    kills = Kills("build")
    for moment in kills.moments():
        kills.add(moments.kill(operator, moment, pace, *build))
        with watcher(operator) as connection:
            assert stand(connection, operator.parameters) == live, kills
            assert state.landing(connection) == landing, kills
        assert_status(operator)
        # Killed before it committed anything, it has left the marts as they were.
        planned = operator.start(publish).wait()
        assert planned.code in (0, 4), planned
        if planned.code == 4:
            assert f"run: {databases.hint('build')}" in planned.error, planned
        else:
            with watcher(operator) as connection:
                assert state.marts(connection) == whole, kills
        operator.run(*build)
        with watcher(operator) as connection:
            assert state.marts(connection) == whole, kills
    operator.run(publish)
    print(kills)


def measured_build(operator: Operator, *build: str) -> Pace:
    """How long dbt takes; guessed where the full form does not ask for it."""
    if moments.IS_FULL:
        return moments.measure(operator, *build)
    return Pace(before=5.0, writing=4.0)


@moments.on_both()
def test_publish_and_rollback(databases: Databases) -> None:
    """The live schema is as it was before or as it is afterwards, hash for hash."""
    operator = databases.at("backed_up")
    there_and_back(databases, operator, ("publish", "rollback"), needs_backup=True)


@pytest.mark.parametrize("databases", ["consolidation"], indirect=True)
def test_cutover_and_undo(databases: Databases) -> None:
    """Old clients find the tables or the views, and of each all or nothing."""
    operator = databases.at("published")
    there_and_back(databases, operator, ("cutover", "undo"))


#: What stands when a stage is done that there is a way back from.
DONE = {"publish": "published", "cutover": "cut_over"}


def there_and_back(
    databases: Databases,
    operator: Operator,
    stages: tuple[str, str],
    *,
    needs_backup: bool = False,
) -> None:
    """Kill the stage and its way back, in turns; each is done when it is run again."""
    there, back = stages
    before, after = stand_of(operator), stand_of(databases.reference(DONE[there]))
    assert after != before
    pace = measured(databases, operator, *stages)
    kills = {stage: Kills(stage) for stage in stages}
    for turn in itertools.count(int(moments.IS_FULL)):
        if not any(each.are_wanted for each in kills.values()):
            break
        if turn and needs_backup:
            operator.run(*databases.task("backup"))
        for stage, start, end in ((there, before, after), (back, after, before)):
            task, is_done = databases.task(stage), False
            if kills[stage].are_wanted:
                moment = kills[stage].moment()
                kills[stage].add(moments.kill(operator, moment, pace[stage], *task))
                found = stand_of(operator)
                assert found in (start, end), kills[stage]
                assert_status(operator)
                is_done = found == end
            # What is taken back already cannot be taken back again.
            refused = stage == back and is_done
            operator.run(*task, code=4 if refused else 0)
            assert stand_of(operator) == end, kills[stage]
    print(*kills.values(), sep="\n")


def measured(databases: Databases, operator: Operator, *stages: str) -> dict[str, Pace]:
    """How long the stages take; guessed in CI, where each process counts."""
    if not moments.IS_FULL:
        # Undoing a cutover moves tables and looks at few rows.
        writing = {"undo": 0.15}
        return {stage: Pace(0.9, writing.get(stage, 0.6)) for stage in stages}
    tasks = {stage: databases.task(stage) for stage in stages}
    return {stage: moments.measure(operator, *task) for stage, task in tasks.items()}


@moments.on_pipelines("migration")
def test_backup(databases: Databases) -> None:
    """No backup is half there, and none but a whole one lets a run be published."""
    operator = databases.at("built")
    before = stand_of(operator)
    backup, publish = databases.task("backup"), databases.task("publish")
    pace = moments.measure(operator, *backup)
    kills = Kills("backup")
    for moment in kills.moments():
        with watcher(operator) as connection:
            connection.execute("update carryover.backups set status = 'failed'")
        kills.add(moments.kill(operator, moment, pace, *backup))
        with watcher(operator) as connection:
            assert connection.execute(HALF_BACKUPS).fetchall() == [], kills
            verified = connection.execute(
                "select from carryover.backups where status = 'verified'"
            ).fetchall()
        if not verified:
            operator.run(*publish, code=4)
        assert stand_of(operator) == before, kills
        operator.run(*backup)
    operator.run(*publish)
    print(kills)


@moments.on_pipelines("migration")
def test_restore(databases: Databases) -> None:
    """The live tables are damaged, or as they were backed up; never between."""
    operator = databases.at("published")
    whole = stand_of(databases.reference("built"))
    pace = Pace(before=0.8, writing=0.6)
    kills = Kills("restore")
    for moment in kills.moments():
        with watcher(operator) as connection:
            connection.execute(databases.world.damage)
        damaged = stand_of(operator)
        kills.add(moments.kill(operator, moment, pace, "restore", "--execute"))
        assert stand_of(operator) in (damaged, whole), kills
        assert_status(operator)
        operator.run("restore", "--execute")
        assert stand_of(operator) == whole, kills
        if kills.are_wanted:  # there is to be much to restore
            operator.run(*databases.task("backup"))
            operator.run(*databases.task("publish"))
    print(kills)


@pytest.mark.skipif(not moments.IS_FULL, reason="in the full form: dbt over and over")
@moments.on_both()
def test_migrate(databases: Databases) -> None:
    """The whole pipeline in one command, from the load to the validation."""
    before = stand_of(databases.reference("empty"))
    after = stand_of(databases.reference("published"))
    migrate = databases.task("migrate")
    pace = moments.measure(databases.at("empty"), *migrate)
    kills = Kills("migrate")
    for moment in kills.moments():
        operator = databases.at("empty")
        kills.add(moments.kill(operator, moment, pace, *migrate))
        assert stand_of(operator) in (before, after), kills
        operator.run(*migrate)
        assert stand_of(operator) == after, kills
    print(kills)


def has_schema(connection: Connection, name: str) -> bool:
    row = connection.execute("select to_regnamespace(%s)", [name]).fetchone()
    return row is not None and row[0] is not None
