"""What a consolidation leaves to read: true at each stage, and no message text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from harness import ledger
from harness.artifacts import read_summary, write_artifacts
from harness.database import Connection
from harness.pipelines import MIGRATION, current
from tests.python.artifacts import consolidated as made
from tests.python.artifacts import stages
from tests.python.artifacts.test_artifact_pages import Page

ALWAYS = {
    "execution-log.md",
    "metrics.json",
    "metrics.prom",
    "report.html",
    "summary.json",
}
BUILT = ALWAYS | {"skipped-rows.json", "merged-rows.json"}
VALIDATED = BUILT | {"consolidation-validation-results.json"}


@pytest.fixture
def landed(database: dict[str, str], home: Path) -> Iterator[Connection]:
    """A database in which a consolidation's run has been landed."""
    assert not home.exists()
    with psycopg.connect(**database) as connection:  # type: ignore[arg-type]
        made.land(connection)
        yield connection


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def log_of(connection: Connection) -> str:
    folder = write_artifacts(connection, made.RUN)
    return (folder / "execution-log.md").read_text(encoding="utf-8")


def carried(connection: Connection) -> None:
    made.build(connection)
    made.publish(connection)
    made.validate(connection)


def test_each_stage_adds_its_files_and_none_tells_a_message(
    landed: Connection, home: Path
) -> None:
    assert names(write_artifacts(landed, made.RUN)) == ALWAYS
    made.build(landed)
    assert names(write_artifacts(landed, made.RUN)) == BUILT
    made.publish(landed)
    made.validate(landed)
    folder = write_artifacts(landed, made.RUN)
    assert names(folder) == VALIDATED
    assert (home / "latest").resolve() == folder.resolve()
    for path in folder.iterdir():
        assert made.WORDS not in path.read_text(encoding="utf-8"), path.name
    assert current() is MIGRATION


def test_the_summary_accounts_for_each_origin_and_table(landed: Connection) -> None:
    carried(landed)
    made.cut_over(landed)
    summary = read(write_artifacts(landed, made.RUN), "summary.json")
    fates = ("read", "kept", "merged", "skipped", "rejected", "published", "failed")
    assert {
        name: tuple(table[fate] for fate in fates)
        for name, table in summary["tables"].items()
    } == {
        "messages": (4, 3, 0, 1, 0, 3, 0),
        "voice_notes": (4, 1, 1, 2, 0, 0, 1),
        "chat_sessions": (None, 3, None, None, None, 3, 0),
        "extended_sessions": (None, 1, None, None, None, 1, 0),
        "chat_messages": (None, 4, None, None, None, 3, 1),
    }
    assert summary["pipeline"] == "consolidation"
    assert summary["result"] == (
        "3 of 8 legacy messages and voice notes were published as chat messages, in 3 "
        "new sessions and 1 that stood; every row of this source is live as the source "
        "has it, but for 1 that failed to publish."
    )
    assert summary["why"] == (
        "Besides: 1 row merged into a message of the same recording; 3 rows skipped, "
        "2 of them with 'Not of a <chat>'."
    )
    assert summary["skip_reasons"] == {
        "messages": {"Sender has no profile": 1},
        "voice_notes": {"Not of a <chat>": 2},
    }
    assert summary["sessions"] == [
        {"type": "booking", "status": "active", "rows": 2},
        {"type": "unlinked", "status": "ended", "rows": 1},
    ]
    assert summary["message_types"] == {"audio": 2, "text": 2}
    assert summary["added_to_schema"] == {
        "constraint": 1,
        "foreign key": 1,
        "policy": 2,
    }
    assert summary["coercions"] == [
        {"table": "messages", "column": "type", "rule": "voice_to_audio", "rows": 1}
    ]
    assert summary["backup"]["backup_id"] == "b1"
    assert summary["cutover"]["archive_schema"] == "legacy_archive"
    assert summary["cutover"]["undone_at"] is None
    assert "linkage" not in summary
    assert {step["name"] for step in summary["steps"]} == {
        "consolidate.land",
        "build",
        "backup",
        "publish",
        "validate",
        "cutover",
    }


def test_every_row_left_behind_is_named(landed: Connection) -> None:
    made.build(landed)
    folder = write_artifacts(landed, made.RUN)
    assert read(folder, "skipped-rows.json") == {
        "run_id": made.RUN,
        "counts": {"messages": 1, "voice_notes": 2},
        "rows": [
            {
                "origin": origin,
                "id": row_id,
                "sender_id": sender,
                "reason": reason,
            }
            for origin, row_id, sender, reason in (
                ("messages", "m4", None, "Sender has no profile"),
                ("voice_notes", "v3", stages.USER, "Not of a <chat>"),
                ("voice_notes", "v4", stages.USER, "Not of a <chat>"),
            )
        ],
    }
    merged = read(folder, "merged-rows.json")
    assert merged["counts"] == {"messages": 0, "voice_notes": 1}
    assert [(row["id"], row["message_id"]) for row in merged["rows"]] == [
        ("v2", made.MESSAGE.format(3))
    ]


def test_the_log_ticks_what_the_ledger_shows_and_says_what_to_run(
    landed: Connection,
) -> None:
    log = log_of(landed)
    assert log.startswith("# CONSOLIDATION EXECUTION LOG\n")
    assert "[x]" not in log
    for line in (
        "- [ ] Database backup created: not yet; run ./inv backup --execute",
        "- [ ] Storage audit completed: not yet; run ./inv storage.plan",
        "- [ ] Data migration completed: not yet; "
        "run ./inv consolidate.publish --execute",
        "- [ ] Legacy APIs updated: not to be seen from the database; "
        "run ./inv legacy-references PATH on the application's sources",
        "- COMPLETION STATUS: LOADED",
        "- Rollback Required: NO (this run has changed no live row)",
        "- Issues Encountered: NONE",
    ):
        assert f"{line}\n" in f"{log}\n"
    carried(landed)
    made.cut_over(landed)
    log = log_of(landed)
    for line in (
        "- [x] Database backup created: b1, 4 rows, 2.0 kB, verified by",
        "- [x] Data migration completed (03:04:06 UTC): 3 sessions and 3 messages",
        "- [x] Foreign keys added (03:04:06 UTC): 1 new, all in place",
        "- [x] RLS policies updated (03:04:06 UTC): 2 new or dropped, all in place",
        "- [x] Integrity verified (03:04:06 UTC): 7 rows compared",
        "- [x] Compatibility views in place of the legacy tables, which stand in "
        "legacy_archive",
        "- [ ] Security validation completed: not yet; run ./inv security.check",
        "- COMPLETION STATUS: VALIDATED",
        "  - 1 chat_message not published: too long.",
    ):
        assert f"\n{line}" in log


def test_what_fails_is_no_tick_and_is_an_issue(landed: Connection) -> None:
    made.build(landed)
    made.publish(landed)
    made.validate(landed, is_valid=False)
    made.check_security(landed)
    folder = write_artifacts(landed, made.RUN)
    log = (folder / "execution-log.md").read_text(encoding="utf-8")
    assert "- [ ] Integrity verified: failed at 03:04:06 UTC" in log
    assert "- [ ] Security validation completed: failed at 03:04:06 UTC" in log
    assert "Rollback Required: YES (validation found live rows" in log
    assert "  - The security check of audit log failed, anon: reads it (" in log
    assert "  - Validation: 2 rows of chat_messages missing" in log
    security = read(folder, "summary.json")["security"]
    assert security["passed"] is False
    assert security["promises"][1]["said"] == ["anon: reads it (chat_audit_logs)"]
    results = read(folder, "consolidation-validation-results.json")
    assert results["findings"]["chat_messages"]["missing"] == 2


def test_a_rollback_takes_the_ticks_away(landed: Connection) -> None:
    carried(landed)
    landed.execute(
        "update carryover.published_rows set rolled_back_at = now();"
        "update carryover.schema_changes set rolled_back_at = now()"
    )
    detail = {
        "tables": {"chat_messages": {"delete": 3, "restore": 0}},
        "proof": {"holds": True, "differences": [], "tables": {}},
    }
    stages.step(landed, made.RUN, "rollback", rows=3, detail=detail)
    ledger.set_status(landed, made.RUN, "rolled_back")
    log = log_of(landed)
    assert "- [ ] Data migration completed: rolled back; run" in log
    assert "- [ ] Integrity verified: rolled back; run" in log
    assert "## ROLLBACK\n" in log
    assert "- [x] Proved: the live tables are what they were before the run" in log
    assert "- COMPLETION STATUS: ROLLED BACK" in log
    made.validate(landed, is_valid=False)
    landed.execute(
        "update carryover.steps set started_at = started_at + interval '1 hour'"
        " where step_id = (select max(step_id) from carryover.steps)"
    )
    log = log_of(landed)
    assert "- [ ] Data migration completed: rolled back; run" in log
    assert "- [ ] Integrity verified: failed" in log
    assert "- Result: The run was rolled back: none of its rows is left" in log
    summary = read_summary(landed, made.RUN)
    assert [table.published for table in summary.tables] == [0, 0, 0, 0, 0]


def test_the_page_shows_all_of_it_and_escapes(landed: Connection) -> None:
    carried(landed)
    made.check_security(landed)
    made.cut_over(landed)
    folder = write_artifacts(landed, made.RUN)
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "Not of a <chat>" not in html
    page = Page(html)
    for shown in (
        "Carryover · consolidation report",
        "Not of a <chat>",
        "New sessions by type and status",
        "PHASE 3 - STORAGE CONSOLIDATION",
        "anon: reads it (chat_audit_logs)",
        "legacy_archive",
        "Each row of the legacy tables becomes a message",
    ):
        assert shown in page.text
    assert "bookings are read, never published" not in page.text


def test_a_run_whose_marts_are_gone_keeps_its_figures(landed: Connection) -> None:
    carried(landed)
    before = read(write_artifacts(landed, made.RUN), "summary.json")
    landed.execute("update consolidated.loaded_run set run_id = 'another'")
    folder = write_artifacts(landed, made.RUN)
    after = read(folder, "summary.json")
    for key in ("skip_reasons", "sessions", "message_types", "coercions"):
        assert after[key] == before[key]
    for table, counts in before["tables"].items():
        for fate in ("read", "kept", "merged", "skipped"):
            assert after["tables"][table][fate] == counts[fate]
    assert names(folder) == VALIDATED
