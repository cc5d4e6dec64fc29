"""The log and the report tell of backup, decisions, rollback and proof, and no more."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.artifacts import headline, read_summary, write_artifacts
from harness.artifacts.safety import Rollback, deltas, preflight, rollback
from harness.artifacts.summary import Audit, Summary, Validation
from harness.artifacts.verdict import decision, issues, why_no_rollback, why_rollback
from harness.database import Connection
from tests.python.artifacts import stages
from tests.python.artifacts.test_artifact_pages import Page
from tests.python.artifacts.test_metrics import AT, CARRIED

DECIDED = {
    "chats": {
        "insert": 1,
        "update": 2,
        "identical": 3,
        "changed live": 4,
        "conflict": 5,
        "removed": 6,
        "gone": 7,
        "present": 8,
        "failed": 9,
    },
    "media": {"insert": 1},
}
PROOF: dict[str, Any] = {
    "holds": False,
    "structure": False,
    "differences": ["index idx_x of chats is missing"],
    "tables": {
        "chats": {
            "name": "chats",
            "is_same": False,
            "rows_before": 3,
            "rows_now": 5,
            "added": 2,
            "changed": 0,
            "deleted": 0,
        },
        "media": {"is_same": False, "rows_before": 3, "rows_now": 2, "added": None},
        "chat_messages": {"is_same": True},
    },
}


def enter(connection: Connection, name: str, after: int, **values: Any) -> None:
    """Enter a step that ended so many seconds after the run's start."""
    stages.step(connection, stages.RUN, name, **values)
    at = stages.START + timedelta(seconds=after)
    connection.execute(
        "update carryover.steps set started_at = %(at)s, finished_at = %(at)s"
        " where step_id = (select max(step_id) from carryover.steps)",
        {"at": at},
    )


def back_up(connection: Connection, backup_id: str, after: int) -> None:
    connection.execute(
        "update carryover.runs set started_at = %(start)s;",
        {"start": stages.START},
    )
    connection.execute(
        "insert into carryover.backups (backup_id, taken_at, operator, code_version,"
        " target, server_version, live_schema, seconds, status, archive,"
        " archive_bytes) values (%s, %s, 'me', '1', 'db', '18', 'public', 2.5,"
        " 'verified', '/backups/b.dump', 1500)",
        [backup_id, stages.START + timedelta(seconds=after)],
    )
    connection.execute(
        "insert into carryover.backup_tables values"
        " (%(id)s, 'chats', 'c', 3, 2000, ''), (%(id)s, 'media', 'm', 4, 3000, '')",
        {"id": backup_id},
    )


def written(connection: Connection) -> tuple[str, Page, dict[str, Any]]:
    """The log, the report and the summary of the run."""
    folder = write_artifacts(connection, stages.RUN)
    return (
        (folder / "execution-log.md").read_text(encoding="utf-8"),
        Page((folder / "report.html").read_text(encoding="utf-8")),
        json.loads((folder / "summary.json").read_text(encoding="utf-8")),
    )


def test_the_log_tells_the_whole_night(connection: Connection) -> None:
    """From the preflight to a rollback after a failed validation, and its proof."""
    stages.build(connection)
    checks = [
        {"name": "locks", "status": "pass", "said": "none", "remedy": ""},
        {"name": "disk", "status": "warn", "said": "2 GB are free", "remedy": ""},
    ]
    enter(connection, "preflight", 10, detail={"checks": checks})
    back_up(connection, "another", 5)
    back_up(connection, "b1", 11)
    stages.publish(connection)
    connection.execute("delete from carryover.steps where step = 'publish'")
    enter(
        connection,
        "publish",
        20,
        rows=6,
        detail={"tables": DECIDED, "backup": "b1", "changes": ["x_fkey", "idx_x"]},
    )
    stages.validate(
        connection, {"is_valid": False, "validation_errors": ["1 missing row of chats"]}
    )
    log, _, _ = written(connection)
    assert "Decision: Roll back: validation found live rows" in log
    assert "Rollback Required: YES (validation found live rows" in log

    enter(
        connection,
        "rollback",
        40,
        detail={
            "tables": {
                "chats": {"delete": 2, "restore": 1, "changed": 1, "forced": 0},
                "media": {"delete": 1, "referenced": 2},
            },
            "dropped": ["x_fkey", "idx_x"],
            "proof": PROOF,
        },
    )
    connection.execute(
        "update carryover.runs set status = 'rolled_back';"
        "update carryover.published_rows set rolled_back_at = now()"
    )
    log, page, summary = written(connection)
    for line in (
        "- [x] Preflight passed (03:04:15 UTC): 2 checks, 1 warning",
        "- [x] Live tables backed up: b1, 7 rows, 5.0 kB (2026-01-02 03:04:16 UTC)",
        "- [x] Backup verified by counts, hashes and a trial restore",
        "- [x] Archive written: /backups/b.dump, 1.5 kB",
        "- [x] Keys and indexes in place, 2 added",
        "- [ ] Live rows compared with the source (03:04:06 UTC, failed)",
        "- [x] Published rows removed (03:04:45 UTC): 3 rows deleted, 1 given back",
        "- [x] Schema taken back: 2 keys and indexes that the run added dropped",
        "- [ ] Proved: the live tables are what they were before the run",
        "| chats | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 |",
        "| media | 1 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 0 |",
        "| backup | 03:04:16 UTC | done | 7 | 168 | 2.5 | - |",
        "| errors | 2 of 11 (18.18%) | 5.00% | STOP: stop and investigate |",
        "- COMPLETION STATUS: ROLLED BACK",
        "- Decision: Rolled back because validation failed; the live tables differ from"
        " before the run, see the issues. The input can be loaded again. Mend the cause"
        " first.",
        "- Rollback Required: NO (it is done)",
        "  - Preflight warns, disk: 2 GB are free.",
        "  - Rows of chats left as they are: 4 changed live, 5 conflict, 6 removed,"
        " 7 gone.",
        "  - The rollback left 3 rows that changed since or that others refer to.",
        "  - After the rollback, index idx_x of chats is missing.",
        "  - After the rollback, rows of chats that are not the run's: 2 added.",
        "  - After the rollback, media had 3 rows before the run and has 2 now.",
    ):
        assert line in log.splitlines(), line
    steps = [line.split("|")[1].strip() for line in log.splitlines() if "UTC |" in line]
    assert steps.index("backup") < steps.index("publish") < steps.index("rollback")
    assert "not as before the run" in page.text
    assert "Changed live" in page.text
    assert "b1" in page.text
    assert summary["decisions"]["chats"] == DECIDED["chats"]
    assert summary["backup"]["backup_id"] == "b1"
    assert summary["rollback"]["after"] == "validate"


def test_a_restore_is_told_and_ends_the_matter(connection: Connection) -> None:
    stages.build(connection)
    back_up(connection, "b1", 1)
    stages.publish(connection)
    stages.validate(connection, {"is_valid": False, "validation_errors": ["x"]})
    connection.execute(
        "insert into carryover.restores (backup_id, restored_at, operator, seconds)"
        " values ('b1', %s, 'her', 3)",
        [stages.START + timedelta(seconds=50)],
    )
    log, page, _ = written(connection)
    assert "- [x] Backup b1 restored (03:04:55 UTC, by her)" in log
    assert "Decision: Restored: the backup b1 was brought back." in log
    assert "Rollback Required: NO (the backup b1 was brought back)" in log
    assert "The backup b1 was restored at 03:04:55 UTC by her." in log
    assert "by her" in page.text


def test_a_run_that_was_published_again_is_not_rolled_back(
    connection: Connection,
) -> None:
    stages.build(connection)
    stages.publish(connection)
    enter(connection, "rollback", 30, detail={"tables": {}, "dropped": []})
    enter(connection, "publish", 40, detail={"tables": DECIDED})
    assert read_summary(connection, stages.RUN).safety.rollback is None


def test_steps_of_the_ledgers_first_version_are_understood(
    connection: Connection, home: Path
) -> None:
    """Neither a backup's table nor the newer keys of a detail need be there."""
    connection.execute(
        "drop table carryover.restores, carryover.backup_objects,"
        " carryover.backup_tables, carryover.backups;"
        "alter table carryover.published_rows drop column action"
    )
    stages.build(connection)
    stages.publish(connection)
    old = {"insert": 2, "published": 5, "present": 1, "removed": 3, "failed": 0}
    connection.execute("delete from carryover.steps where step = 'publish'")
    enter(connection, "publish", 20, detail={"tables": {"chats": old}})
    enter(connection, "rollback", 30, detail={"tables": {"chats": {"delete": 2}}})
    log, _, summary = written(connection)
    assert "| chats | 2 | 0 | 5 | 0 | 0 | 3 | 0 | 1 | 0 |" in log
    assert "- [ ] Live tables backed up" in log
    assert "Rows of chats left as they are: 3 removed." in log
    assert summary["backup"] is None
    assert summary["rollback"]["is_proved"] is None


def test_updated_rows_are_published_and_not_created(connection: Connection) -> None:
    stages.build(connection)
    stages.publish(connection)
    connection.execute(
        "update carryover.published_rows set action = 'update', before = '{}'"
        " where table_name = 'chat_messages'"
    )
    folder = write_artifacts(connection, stages.RUN)
    created = json.loads((folder / "chats-created.json").read_text(encoding="utf-8"))
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert created["created_messages"] == []
    assert len(created["created_chats"]) == 2
    assert summary["tables"]["message"]["published"] == 2


@pytest.mark.parametrize(
    "detail", [{}, {"tables": None}, {"tables": {"chats": None}}, {"proof": None}]
)
def test_a_detail_may_lack_anything(detail: dict[str, Any]) -> None:
    assert deltas(detail) == ()
    assert rollback(detail, None).rows("delete") == 0
    assert preflight("failed", detail).checks == 0


def rolled_back(**fields: Any) -> Summary:
    done = replace(Rollback({"chats": {"delete": 1}}), **fields)
    return replace(
        CARRIED,
        run=replace(CARRIED.run, status="rolled_back"),
        safety=replace(CARRIED.safety, rollback=done),
    )


@pytest.mark.parametrize(
    ("summary", "said"),
    [
        (rolled_back(), "Rolled back. The input can be loaded again."),
        (
            rolled_back(is_proved=True),
            "Rolled back, and the live tables are proved to be what they were before "
            "the run. The input can be loaded again.",
        ),
        (
            rolled_back(is_proved=True, after="audit.live"),
            "Rolled back because the live audit failed, and the live tables are proved "
            "to be what they were before the run. The input can be loaded again. Mend "
            "the cause first.",
        ),
        (
            CARRIED,
            "Review before you accept: missing bookings, 6 of 98 (6.12%); sender "
            "failures, 6 of 198 (3.03%).",
        ),
        (
            replace(
                CARRIED,
                run=replace(CARRIED.run, status="built"),
                problems=(Audit("no_orphans", "test", "fail", "error", 3, None),),
                tables=CARRIED.tables[2:],
                validation=None,
            ),
            "Stop: an audit failed and nothing may be published before it passes.",
        ),
        (
            replace(CARRIED, validation=Validation(AT, False, (), {}, {})),
            "Roll back: validation found live rows that are not as the source has "
            "them.",
        ),
    ],
)
def test_the_decision_follows_from_what_happened(summary: Summary, said: str) -> None:
    assert decision(summary) == said


def test_why_a_rollback_is_not_required_is_said() -> None:
    assert why_rollback(CARRIED) is None
    assert why_no_rollback(CARRIED) == "every check of the live tables passed"
    unchecked = replace(CARRIED, validation=None)
    assert why_no_rollback(unchecked).endswith("validation is still to come")
    untouched = replace(CARRIED, tables=())
    assert why_no_rollback(untouched) == "this run has changed no live row"
    assert why_no_rollback(rolled_back()) == "it is done"


def test_a_forced_rollback_is_an_issue() -> None:
    found = issues(rolled_back(tables={"chats": {"forced": 2}}))
    assert "The rollback was forced: it took 2 rows that changed since." in found


def test_the_headline_counts_updates_and_what_was_left() -> None:
    said = "were published (3 rows by an update, 30 rows of earlier runs left as they"
    assert said in headline(CARRIED)
