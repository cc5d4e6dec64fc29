"""A verdict is of this run's rows, has three levels, and is the same everywhere."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from harness import ledger, metrics, status
from harness.artifacts import headline, write_artifacts
from harness.artifacts.consolidation_summary import (
    Consolidation,
    Promise,
    SecurityCheck,
)
from harness.artifacts.judgement import (
    FAILED,
    PASSED,
    PENDING,
    REVIEW,
    UNDONE,
    verdict,
)
from harness.artifacts.safety import Rollback, Safety, deltas
from harness.artifacts.summary import (
    BOOKING_NOT_MIGRATED,
    Earlier,
    Reason,
    Run,
    Step,
    Summary,
    TableCount,
    Validation,
    earlier_sentence,
)
from harness.artifacts.verdict import decision
from harness.database import Connection
from tests.python.artifacts import stages
from tests.python.artifacts.exposition import read

AT = datetime(2026, 1, 2, tzinfo=timezone.utc)
VALID = Validation(AT, True, (), {"chats": 100}, {"chats": {"missing": 0}})


def run_of(*tables: TableCount, **fields: Any) -> Summary:
    known = {"inputs": (), "steps": (), "validation": VALID, **fields}
    run = Run("r1", "migration", "validated", AT, None, "me", "1", "db")
    return Summary(run, tables=tables, **known)


def carried(name: str, read: int, kept: int, **fates: int) -> TableCount:
    fates = {"merged": 0, "skipped": read - kept, "rejected": 0, **fates}
    return TableCount(name, read, kept, **{"published": kept, "failed": 0, **fates})


WHOLE = (carried("chat", 100, 100), carried("message", 200, 200))
#: The bookingless sample where the marketplace was published before.
BOOKINGLESS = run_of(
    carried("chat", 1914, 0),
    carried("message", 570, 0),
    reasons=(
        Reason("chat", BOOKING_NOT_MIGRATED, 1914),
        Reason("message", "Chat was not processed", 570),
    ),
    validation=Validation(AT, True, (), {"chats": 0, "chat_messages": 0}, {}),
    earlier=(Earlier("r0", 4269),),
    safety=Safety(deltas=deltas({"tables": {"chats": {"gone": 4269}}})),
)


@pytest.mark.parametrize(
    ("summary", "level", "why"),
    [
        (run_of(*WHOLE), PASSED, ""),
        (run_of(carried("chat", 100, 90), WHOLE[1]), PASSED, ""),
        (
            run_of(
                carried("chat", 100, 98),
                WHOLE[1],
                reasons=(Reason("chat", BOOKING_NOT_MIGRATED, 2),),
            ),
            REVIEW,
            "missing bookings, 2 of 100 (2.00%)",
        ),
        (
            run_of(
                WHOLE[0],
                carried("message", 200, 195),
                reasons=(Reason("message", "Unknown sender type: x", 5),),
            ),
            REVIEW,
            "sender failures, 5 of 200 (2.50%)",
        ),
        (run_of(WHOLE[0], carried("message", 9, 0)), REVIEW, "none of 9 messages"),
        (run_of(*WHOLE, carried("media", 0, 3, failed=3)), REVIEW, "none of 3 media"),
        (run_of(*WHOLE, carried("media", 0, 3, failed=2)), PASSED, ""),
        (BOOKINGLESS, REVIEW, "none of 1,914 chats was carried"),
        (
            run_of(*WHOLE, validation=replace(VALID, is_valid=False)),
            FAILED,
            "validation found",
        ),
        (
            run_of(carried("chat", 100, 94, rejected=6, skipped=0), WHOLE[1]),
            PASSED,
            "",
        ),
        (
            run_of(carried("chat", 100, 80, rejected=20, skipped=0), WHOLE[1]),
            FAILED,
            "errors, 20 of 300 (6.67%)",
        ),
        (
            run_of(*WHOLE, steps=(Step("audit.live", "failed", AT, AT, 1.0),)),
            FAILED,
            "audit of the live tables",
        ),
    ],
)
def test_three_levels_follow_from_what_happened(
    summary: Summary, level: str, why: str
) -> None:
    judged = verdict(summary)
    assert judged.level == level
    assert why in "; ".join(judged.why)
    assert decision(summary).startswith("Accept") == (level == PASSED)


def test_what_is_not_validated_is_not_judged() -> None:
    published = replace(run_of(*WHOLE).run, status="published")
    unchecked = replace(run_of(*WHOLE), run=published, validation=None)
    assert verdict(unchecked).level == PENDING


def test_what_is_rolled_back_is_not_passed() -> None:
    rolled_back = replace(run_of(*WHOLE).run, status="rolled_back")
    undone = replace(run_of(*WHOLE), run=rolled_back)
    assert verdict(undone).level == UNDONE
    after = Safety(rollback=Rollback({}, after="validate"))
    assert verdict(replace(undone, safety=after)).level == FAILED


def test_a_loss_of_all_is_neither_valid_nor_accepted() -> None:
    said = headline(BOOKINGLESS)
    assert said == (
        "None of 570 messages and 1,914 chats could be published; no row of this "
        "source has to be live."
    )
    assert decision(BOOKINGLESS).startswith("Review before you accept: missing book")
    assert earlier_sentence(BOOKINGLESS) == (
        "4,269 rows that earlier runs published are live as well (r0: 4,269). 4,269 of "
        "them are not of this run's source."
    )


def security(*statuses: str, passed: bool = True) -> Consolidation:
    checks = tuple(
        Promise(f"check {n}", "", status, 1, ("said",) if status != "pass" else ())
        for n, status in enumerate(statuses)
    )
    run = Run("r1", "consolidation", "validated", AT, None, "me", "1", "db")
    return Consolidation(
        run,
        inputs=(),
        steps=(),
        tables=(carried("messages", 5, 5), carried("voice_notes", 5, 5)),
        validation=VALID,
        security=SecurityCheck(AT, passed, checks),
    )


@pytest.mark.parametrize(
    ("summary", "level", "outcome"),
    [
        (security("pass", "pass"), PASSED, "passed"),
        (
            security("pass", "warn"),
            REVIEW,
            "passed with points to review: check 1 warns of 1",
        ),
        (
            security("not looked at", "pass"),
            REVIEW,
            "passed with points to review: check 0 not looked at in full",
        ),
        (
            replace(
                security("fail", passed=False),
                steps=(Step("security.check", "failed", AT, AT, 1.0),),
            ),
            FAILED,
            "failed",
        ),
    ],
)
def test_a_security_check_with_open_points_is_not_passed(
    summary: Consolidation, level: str, outcome: str
) -> None:
    assert verdict(summary).level == level
    assert summary.security is not None
    assert summary.security.outcome == outcome


def test_senders_without_profile_are_watched_in_the_consolidation() -> None:
    few = replace(
        security("pass"), reasons=(Reason("messages", "Sender has no profile", 1),)
    )
    assert verdict(few).why == ("sender failures, 1 of 11 (9.09%)",)


def validated(connection: Connection, is_valid: bool = True) -> dict[str, Any]:
    return {
        "is_valid": is_valid,
        "expected_rows": {"chats": 2, "chat_messages": 2},
        "findings": {"chats": {"left": 1}, "chat_messages": {"changed": 2}},
        "validation_errors": [] if is_valid else ["2 rows missing"],
        "notes": ["the trigger x was added since the publish"],
    }


def test_the_same_level_stands_everywhere(connection: Connection) -> None:
    stages.build(connection)
    stages.publish(connection)
    connection.execute("update staging.loaded_tables set rows_rejected = 0")
    connection.execute(
        "update marts.reconciliation set rows_read = 5, rows_rejected = 0"
        " where table_name = 'chat'; update marts.migration_metrics"
        " set total_mysql_chats = 5, rejected_rows = 0;"
        "delete from carryover.failed_rows; delete from staging.rejected_rows"
    )
    stages.validate(connection, validated(connection))
    connection.commit()
    folder = write_artifacts(connection, stages.RUN)
    files = {path.name: path.read_text() for path in folder.iterdir()}
    summary = json.loads(files["summary.json"])
    assert summary["verdict"]["level"] == REVIEW
    why = "missing bookings, 2 of 5 (40.00%)"
    assert summary["verdict"]["why"] == [why]
    log = files["execution-log.md"]
    assert f"- Verdict: PASSED WITH LOSSES TO REVIEW ({why})" in log
    assert "- Notes:\n  - The trigger x was added since the publish." in log
    assert "but for 1 left as users had them, 2 changed by users since" in log
    assert f">{REVIEW.capitalize()}</span>" in files["report.html"]
    assert "The trigger x was added since the publish." in files["report.html"]
    samples = read(files["metrics.prom"])
    levels = {
        dict(labels)["verdict"]: value
        for (name, labels), value in samples.items()
        if name == "carryover_run_verdict"
    }
    assert {level for level, value in levels.items() if value} == {
        "passed_with_losses_to_review"
    }
    assert json.loads(files["metrics.json"])["verdict"] == REVIEW
    found = status.read_status(connection)
    assert f"verdict: {REVIEW}: {why}" in found.as_text()
    assert found.as_dict()["verdict"] == {"level": REVIEW, "why": (why,)}
    assert f"verdict: {REVIEW}" in metrics.as_text(metrics.read_metrics(connection))
    for text in files.values():
        assert "Accept" not in text


def test_live_rows_of_earlier_runs_are_named(connection: Connection) -> None:
    ledger.begin_run(connection, "r0", target="host/db")
    stages.build(connection)
    stages.publish(connection)
    connection.execute(
        "insert into chats select gen_random_uuid() from generate_series(1, 3);"
        "insert into carryover.published_rows"
        " (run_id, table_name, row_id, content_hash)"
        " select 'r0', 'chats', id, '' from chats where booking_id is null"
        # one that the application has deleted since
        " union all select 'r0', 'chats', gen_random_uuid(), ''"
    )
    folder = write_artifacts(connection, stages.RUN)
    said = "3 rows that earlier runs published are live as well (r0: 3)."
    for name in ("execution-log.md", "report.html", "summary.json"):
        assert said in (folder / name).read_text()


def test_the_ledger_tells_which_validation_is_the_newest(
    connection: Connection,
) -> None:
    """A client's clock that was set back does not make an old success the newest."""
    stages.build(connection)
    stages.publish(connection)
    stages.validate(connection, validated(connection))
    stages.validate(connection, validated(connection, is_valid=False))
    connection.execute(
        "update carryover.validations set validated_at = '2020-01-01'"
        " where not is_valid"
    )
    connection.execute(
        "update carryover.steps set started_at = '2020-01-01'"
        " where step = 'validate' and status = 'failed'"
    )
    folder = write_artifacts(connection, stages.RUN)
    read_json = {
        name: json.loads((folder / name).read_text())
        for name in ("summary.json", "metrics.json", "chat-validation-results.json")
    }
    assert read_json["chat-validation-results.json"]["is_valid"] is False
    assert read_json["summary.json"]["validation"]["is_valid"] is False
    assert read_json["metrics.json"]["validation"]["is_valid"] is False
    assert read_json["summary.json"]["verdict"]["level"] == FAILED
    assert read_json["summary.json"]["steps"][-1]["status"] == "failed"


def test_no_rate_is_given_of_no_rows(connection: Connection) -> None:
    nothing = run_of(carried("chat", 0, 0), carried("message", 0, 0))
    assert verdict(nothing).level == PASSED
    stages.build(connection)
    stages.publish(connection)
    connection.execute(
        "delete from carryover.published_rows; delete from carryover.failed_rows"
    )
    folder = write_artifacts(connection, stages.RUN)
    stats = json.loads((folder / "chat-creation-stats.json").read_text())
    assert stats["total_chats"] == 0
    assert stats["chat_success_rate"] == stats["message_success_rate"] == "n/a"


def test_the_status_is_read_where_the_marts_cannot_be(connection: Connection) -> None:
    stages.build(connection)
    connection.execute("alter table marts.audit_results drop column severity")
    connection.commit()
    found = status.read_status(connection)
    assert found.judged is None
    assert 'verdict is not known: column "severity" does not exist' in found.as_text()
    assert found.as_dict()["verdict"] is None
