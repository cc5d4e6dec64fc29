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
from tests.python.chaos.conftest import Databases
from tests.python.chaos.moments import Kills, Pace
from tests.python.chaos.source import Source
from tests.python.chaos.state import Stand, stand, stand_of
from tests.python.chaos.tasks import Operator, assert_status, wait_for, watcher

#: What only a restore mends.
DAMAGE = """
    delete from chat_messages where content = 'our own';
    alter table chats drop constraint chats_pkey cascade
"""
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


def test_load(databases: Databases, made_up: Source) -> None:
    """The landing is the previous one or the new one, and no schema is left over."""
    operator = databases.at("landed")
    load = ("load", *made_up.arguments)
    pace = moments.measure(operator, *load)
    kills = Kills("load")
    for moment in kills.moments():
        with watcher(operator) as connection:
            whole = state.landing(connection)
            connection.execute("delete from staging.message where is_unread = '1'")
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


def test_build(databases: Databases) -> None:
    """Marts that were being built are never published, and the next build is whole."""
    operator = databases.at("built")
    with watcher(operator) as connection:
        live, whole = stand_of(operator), state.marts(connection)
        landing = state.landing(connection)
    pace = measured_build(operator)
    kills = Kills("build")
    for moment in kills.moments():
        kills.add(moments.kill(operator, moment, pace, "build"))
        with watcher(operator) as connection:
            assert stand(connection, operator.parameters) == live, kills
            assert state.landing(connection) == landing, kills
        assert_status(operator)
        if kills.last.has_written:
            refused = operator.run("publish", code=4)
            assert "run: ./inv build" in refused.error, refused
        operator.run("build")
        with watcher(operator) as connection:
            assert state.marts(connection) == whole, kills
    operator.run("publish")
    print(kills)


def measured_build(operator: Operator) -> Pace:
    """How long dbt takes; guessed where the full form does not ask for it."""
    if moments.IS_FULL:
        return moments.measure(operator, "build")
    return Pace(before=5.0, writing=4.0)


def test_publish_and_rollback(databases: Databases) -> None:
    """The live schema is as it was before or as it is afterwards, hash for hash."""
    operator = databases.at("backed_up")
    before = stand_of(operator)
    after = stand_of(databases.reference("published"))
    assert after.live.rows("chat_messages") > before.live.rows("chat_messages")
    pace = measured_publish(operator)
    kills = {stage: Kills(stage) for stage in pace}
    for turn in itertools.count(int(moments.IS_FULL)):
        if not any(each.are_wanted for each in kills.values()):
            break
        if turn:
            operator.run("backup", "--execute")
        for stage, start, end in (
            ("publish", before, after),
            ("rollback", after, before),
        ):
            is_done = False
            if kills[stage].are_wanted:
                kill_in_between(operator, kills[stage], pace[stage], (start, end))
                is_done = stand_of(operator) == end
            # What is taken back already cannot be taken back again.
            refused = stage == "rollback" and is_done
            operator.run(stage, "--execute", code=4 if refused else 0)
            assert stand_of(operator) == end, kills[stage]
    print(*kills.values(), sep="\n")


def measured_publish(operator: Operator) -> dict[str, Pace]:
    """How long both take; guessed in CI, where each process counts."""
    if not moments.IS_FULL:
        return dict.fromkeys(("publish", "rollback"), Pace(before=0.9, writing=0.6))
    stages = ("publish", "rollback")
    return {stage: moments.measure(operator, stage, "--execute") for stage in stages}


def kill_in_between(
    operator: Operator, kills: Kills, pace: Pace, allowed: tuple[Stand, Stand]
) -> None:
    """Kill the stage once; what stands then is the one or the other."""
    kills.add(
        moments.kill(operator, kills.moment(), pace, kills.stage, "--execute"),
    )
    assert stand_of(operator) in allowed, kills
    assert_status(operator)


def test_backup(databases: Databases) -> None:
    """No backup is half there, and none but a whole one lets a run be published."""
    operator = databases.at("built")
    before = stand_of(operator)
    pace = moments.measure(operator, "backup", "--execute")
    kills = Kills("backup")
    for moment in kills.moments():
        with watcher(operator) as connection:
            connection.execute("update carryover.backups set status = 'failed'")
        kills.add(moments.kill(operator, moment, pace, "backup", "--execute"))
        with watcher(operator) as connection:
            assert connection.execute(HALF_BACKUPS).fetchall() == [], kills
            verified = connection.execute(
                "select from carryover.backups where status = 'verified'"
            ).fetchall()
        if not verified:
            operator.run("publish", "--execute", code=4)
        assert stand_of(operator) == before, kills
        operator.run("backup", "--execute")
    operator.run("publish", "--execute")
    print(kills)


def test_restore(databases: Databases) -> None:
    """The live tables are damaged, or as they were backed up; never between."""
    operator = databases.at("published")
    whole = stand_of(databases.reference("built"))
    pace = Pace(before=0.8, writing=0.6)
    kills = Kills("restore")
    for moment in kills.moments():
        with watcher(operator) as connection:
            connection.execute(DAMAGE)
        damaged = stand_of(operator)
        kills.add(moments.kill(operator, moment, pace, "restore", "--execute"))
        assert stand_of(operator) in (damaged, whole), kills
        assert_status(operator)
        operator.run("restore", "--execute")
        assert stand_of(operator) == whole, kills
        if kills.are_wanted:  # there is to be much to restore
            operator.run("backup", "--execute")
            operator.run("publish", "--execute")
    print(kills)


@pytest.mark.skipif(not moments.IS_FULL, reason="in the full form: dbt over and over")
def test_migrate(databases: Databases, made_up: Source) -> None:
    """The whole migration in one command, from the load to the validation."""
    before = stand_of(databases.reference("empty"))
    after = stand_of(databases.reference("published"))
    migrate = ("migrate", *made_up.arguments, "--execute")
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


@pytest.fixture(autouse=True)
def _seed_is_told() -> None:
    """A failure shows the seed, which chooses the same moments again."""
    print(f"CARRYOVER_CHAOS_SEED={moments.SEED}")
