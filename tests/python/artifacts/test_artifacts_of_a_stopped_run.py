"""A migration that a failed test has stopped: what is written, and what is said."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace

import pytest

from harness import migration, publish, stages
from harness.artifacts import write_artifacts
from harness.console import Console
from harness.database import Connection, Target
from harness.errors import CheckFailed
from harness.stages import Inputs, Session
from tests.python.artifacts import stages as made


def test_marts_of_two_runs_are_taken_for_neither(connection: Connection) -> None:
    """Behind a failed test dbt passes over models: those still hold another run."""
    made.build(connection)
    connection.execute(
        "insert into marts.audit_results (name, resource_type, status, run_id) values"
        " ('error_rate', 'test', 'fail', %(run)s),"
        " ('chats', 'model', 'success', %(run)s),"
        " ('migration_metrics', 'model', 'skipped', %(run)s)",
        {"run": made.RUN},
    )
    folder = write_artifacts(connection, made.RUN)
    assert not (folder / "chats-extracted.json").exists()
    summary = json.loads((folder / "summary.json").read_text("utf-8"))
    assert summary["tables"]["chat"]["read"] == 6
    assert summary["tables"]["chat"]["kept"] is None
    assert summary["problems"][0]["name"] == "error_rate"


def test_what_stopped_a_migration_is_what_is_reported(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when no artifacts can be written of it: here, of a run nobody knows."""

    def fail(*_: object) -> None:
        raise CheckFailed("the landing is not as it should be")

    monkeypatch.setattr(publish, "check_target", lambda *_: {})
    monkeypatch.setattr(stages, "load", lambda *_: SimpleNamespace(run_id="unknown"))
    monkeypatch.setattr(stages, "audit", fail)
    said = io.StringIO()
    session = Session(Console(err=said), Target({}, is_embedded=False), connection)
    with pytest.raises(CheckFailed, match="the landing is not as it should be"):
        migration.migrate(session, Inputs("dump.sql"), execute=True)
    assert "the ledger has no run unknown" in said.getvalue()
