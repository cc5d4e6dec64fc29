"""A build says what it needs that is not there, and what it leaves behind it."""

from __future__ import annotations

import pytest

import tasks
from harness import build
from harness.build import BuildFailed
from harness.cli import Program
from harness.database import Connection, Target


def test_a_build_without_a_dump_names_what_to_run(
    database: dict[str, str], connection: Connection
) -> None:
    """Of all of the project, as a plain ``dbt build``, and of the migration alone."""
    to = Target(database, is_embedded=False)
    with pytest.raises(BuildFailed) as failed:
        build.build(to)
    said = str(failed.value)
    assert f"no dump is landed in {database['dbname']}" in said
    assert "./inv load --dump FILE" in said
    assert "dbt build --selector consolidation. Nothing was built" in said
    made = connection.execute(
        "select relname from pg_class where relkind in ('r', 'v')"
        " and relnamespace in (to_regnamespace('transform'), to_regnamespace('marts'))"
    ).fetchall()
    assert made == [("audit_results",)]
    alone = build.build(to, ["--select", "stg_mysql_dump__chats"])
    assert len(alone.failures) == 1
    assert alone.notes[0].endswith("Land one: ./inv load --dump FILE")


def test_a_build_with_the_other_system_alone(legacy_chat: Target) -> None:
    """What needs no dump is built; what does names the command that leaves it out."""
    seeds = build.build(
        legacy_chat, ["--select", "path:seeds", "--resource-type", "seed"]
    )
    assert (seeds.failures, seeds.notes) == ((), ())
    whole = build.build(legacy_chat, ["--selector", "consolidation"])
    assert (whole.failures, whole.notes) == ((), ())
    with pytest.raises(BuildFailed, match="dbt build --selector consolidation"):
        build.build(legacy_chat)


def test_views_that_a_build_takes_along_are_named(
    legacy_chat: Target,
    monkeypatch: pytest.MonkeyPatch,
    environment: object,
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = build.build(legacy_chat, ["--select", "stg_legacy_chat__messages"])
    (note,) = result.notes
    assert "int_legacy_messages_resolved" in note
    assert note.endswith("Build them again: ./inv consolidate.build")
    again = build.build(legacy_chat, ["--select", "stg_legacy_chat__messages+"])
    assert again.notes == ()

    for name, value in legacy_chat.environment.items():
        monkeypatch.setenv(name, value)
    program = Program(namespace=tasks.namespace, binary="./inv")
    program.run(
        ["inv", "consolidate.build", "--select", "stg_legacy_chat__voice_notes"],
        exit=False,
    )
    err = capsys.readouterr().err
    assert "warning: views were dropped with those that they read" in err
    assert "next: ./inv consolidate.publish" not in err
