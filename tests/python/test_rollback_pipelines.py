"""A rollback works on the pipeline of the run that it rolls back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import tasks
from harness import backup, consolidation, ledger, pipelines, publish
from harness.cli import Program
from harness.console import Console
from harness.database import Connection, Target
from harness.pipelines import CONSOLIDATION, MIGRATION, Pipeline
from harness.stages import Session
from tests.python import world


def task(*argv: str) -> int:
    program = Program(namespace=tasks.namespace, binary="./inv")
    try:
        program.run(["inv", *argv])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def stray(connection: Connection, pipeline: Pipeline) -> str:
    """Enter a load of a pipeline, as its task does."""
    run_id = ledger.new_run_id()
    with pipelines.working_on(pipeline):
        ledger.begin_run(connection, run_id, target="test")
    connection.commit()
    return run_id


def count(connection: Connection, table: str) -> int:
    row = connection.execute(f"select count(*) from {table}").fetchone()
    connection.rollback()
    assert row is not None
    return int(row[0])


@pytest.fixture
def migrated(connection: Connection, environment: object) -> str:
    run_id = world.rehearse(connection)
    world.publish(connection)
    connection.execute("drop schema marts cascade")  # those of the world are not dbt's
    connection.commit()
    return run_id


@pytest.fixture
def consolidated(
    of_legacy_chat: Connection,
    legacy_chat: Target,
    environment: object,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    for name, value in legacy_chat.environment.items():
        monkeypatch.setenv(name, value)
    consolidation.make_tables(Session(Console(), legacy_chat, of_legacy_chat))
    backup.take(legacy_chat, of_legacy_chat)
    yield publish.publish(of_legacy_chat).run_id
    of_legacy_chat.rollback()


@pytest.mark.parametrize("named", [True, False])
def test_a_load_of_the_consolidation_is_not_in_the_way(
    connection: Connection, migrated: str, named: bool
) -> None:
    stray(connection, CONSOLIDATION)
    chosen = ("--run", migrated) if named else ()
    assert task("rollback", *chosen) == 0
    assert count(connection, "chats") == 3
    assert task("rollback", *chosen, "--execute") == 0
    assert count(connection, "chats") == 0


@pytest.mark.parametrize("named", [True, False])
def test_a_load_of_the_migration_is_not_in_the_way(
    of_legacy_chat: Connection, consolidated: str, named: bool
) -> None:
    with pipelines.working_on(MIGRATION):
        stray(of_legacy_chat, MIGRATION)
        before = count(of_legacy_chat, "chat_messages")
        assert before > 0
        chosen = ("--run", consolidated) if named else ()
        assert task("rollback", *chosen) == 0
        assert count(of_legacy_chat, "chat_messages") == before
        assert task("rollback", *chosen, "--execute") == 0
    row = of_legacy_chat.execute(
        "select status from carryover.runs where run_id = %s", [consolidated]
    ).fetchone()
    assert row == ("rolled_back",)


def test_a_run_that_only_loaded_is_refused_by_name(
    connection: Connection,
    migrated: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run_id = stray(connection, CONSOLIDATION)
    assert task("rollback", "--run", run_id, "--execute") == 2
    assert f"no run {run_id} has published rows" in capsys.readouterr().err
    assert count(connection, "chats") == 3


def test_without_a_run_of_ours_there_is_nothing_to_roll_back(
    connection: Connection,
    environment: object,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert task("rollback", "--execute") == 4
    assert "there is no ledger" in capsys.readouterr().err
    ledger.ensure(connection)
    stray(connection, CONSOLIDATION)
    assert task("rollback", "--execute") == 4
    assert "no run has published rows" in capsys.readouterr().err
