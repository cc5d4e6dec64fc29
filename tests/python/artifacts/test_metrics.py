"""The metrics say what happened, in Prometheus's format and in JSON alike."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from harness import metrics
from harness.artifacts import read_summary, write_artifacts
from harness.artifacts.measures import measures
from harness.artifacts.prometheus import Family, exposition
from harness.artifacts.safety import Backup, Safety, deltas
from harness.artifacts.summary import (
    BOOKING_NOT_MIGRATED,
    Checkpoint,
    Reason,
    Run,
    Step,
    Summary,
    TableCount,
    Validation,
)
from harness.database import Connection
from harness.errors import Refused, UsageError
from tests.python.artifacts import consolidated, stages
from tests.python.artifacts.exposition import Samples, read

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
RUN = Run("r1", "migration", "validated", AT, None, 'me "and" \\you\n', "1", "db")


def step(name: str, seconds: float = 2.0, rows: int | None = None) -> Step:
    return Step(name, "done", AT, AT, seconds, rows, 1000)


CARRIED = Summary(
    RUN,
    inputs=(),
    steps=(
        step("load", 30.0, 300),
        step("build", 20.0),
        step("publish", 6.0, 99),
        step("publish", 3.0, 12),
        step("audit.live", 1.0),
        step("validate", 1.0, 40),
    ),
    tables=(
        TableCount("chat", 100, 90, 0, 8, 2, published=88, failed=1),
        TableCount("message", 200, 190, 2, 8, 0, published=190, failed=0),
        TableCount("media", kept=19, published=19, failed=0),
    ),
    reasons=(
        Reason("chat", BOOKING_NOT_MIGRATED, 5),
        Reason("chat", "No booking found for this chat", 1),
        Reason("chat", "Chat is not active", 2),
        Reason("message", "Unknown sender type: an (odd)\none", 6),
        Reason("message", "Chat was not processed", 2),
    ),
    audits={"pass": 9, "warn": 1, "fail": 0},
    checkpoints=(Checkpoint("live", True, 22, ()),),
    validation=Validation(
        AT,
        True,
        (),
        {"chats": 40, "chat_messages": 60},
        {"chats": {"missing": 1, "newer": 7, "orphaned": 0}},
    ),
    image_messages=20,
    safety=Safety(
        backup=Backup("b1", AT, "me", "verified", 4.5, 7, 4096, "/b.dump", 2048),
        deltas=deltas(
            {"tables": {"chats": {"insert": 8, "failed": 2, "gone": 30, "update": 3}}}
        ),
    ),
)
NOW = AT + timedelta(hours=3)


def measured(summary: Summary = CARRIED) -> tuple[dict[str, Any], Samples]:
    document = measures(summary, NOW)
    return document, of_pipeline(read(exposition(document)))


def of_pipeline(samples: Samples, name: str = "migration") -> Samples:
    """The samples without the label that every one has to have."""
    label = ("pipeline", name)
    assert all(label in labels for _, labels in samples)
    return {
        (family, tuple(each for each in labels if each != label)): value
        for (family, labels), value in samples.items()
    }


def test_every_family_is_strictly_what_prometheus_reads() -> None:
    _, samples = measured()
    names = {name for name, _ in samples}
    assert len(names) > 30
    for name in names:
        # Gauges: nothing here is counted up across runs. The base units come last.
        assert name.startswith("carryover_")
        assert not re.search(r"_(total|count|sum|bucket|percent|ms|minutes|mb)$", name)
    (info,) = [dict(labels) for name, labels in samples if name.endswith("_run_info")]
    assert info["operator"] == RUN.operator


def test_a_family_escapes_what_would_break_a_line() -> None:
    odd = 'a"b\\c\nd,e}{= #'
    text = "\n".join(Family("x", "two\nlines \\ one", (({"k": odd}, 1.5),)).lines())
    assert read(text + "\n") == {("x", (("k", odd),)): 1.5}
    assert "# HELP x two\\nlines \\\\ one" in text


def test_a_family_without_a_number_is_left_out() -> None:
    assert not list(Family("x", "nothing yet", (({}, None),)).lines())


@pytest.mark.parametrize(
    "fault",
    [
        "# HELP x y\n# TYPE x gauge\nx 1",
        "x 1\n",
        "# HELP x y\n# TYPE x gauge\nx 1\nx 1\n",
        '# HELP x y\n# TYPE x gauge\nx{a="b"c"} 1\n',
        '# HELP x y\n# TYPE x gauge\nx{a="\\q"} 1\n',
        "# HELP x y\n# TYPE x gauge\nx None\n",
        "# HELP x y\n# TYPE x gauge\ny 1\n",
    ],
)
def test_the_strict_reader_is_strict(fault: str) -> None:
    with pytest.raises(AssertionError):
        read(fault)


def test_steps_have_their_speed_and_their_errors() -> None:
    document, samples = measured()
    load = document["steps"][0]
    assert (load["seconds"], load["rows"], load["rows_per_minute"]) == (30.0, 300, 600)
    assert load["peak_memory_bytes"] == 1000
    assert load["error_ratio"] == round(2 / 300, 6)
    assert load["success_ratio"] == round(298 / 300, 6)
    first, second = (s for s in document["steps"] if s["step"] == "publish")
    # Of 13 rows decided two failed; the thirty that are gone are none of the dump's.
    assert (first["error_ratio"], second["error_ratio"]) == (None, round(2 / 13, 6))
    assert document["steps"][1]["rows_per_minute"] is None
    assert document["steps"][5]["error_ratio"] == 0.01
    assert samples["carryover_step_duration_seconds", (("step", "publish"),)] == 3
    assert samples["carryover_step_rows_per_minute", (("step", "publish"),)] == 240
    assert samples["carryover_step_error_ratio", (("step", "audit.live"),)] == 0
    assert ("carryover_step_rows", (("step", "build"),)) not in samples
    assert document["totals"] == {
        "seconds": 61.0,
        "rows": 300,
        "rows_per_minute": round(300 * 60 / 61, 1),
        "peak_memory_bytes": 1000,
    }


def test_rates_are_those_of_the_specification() -> None:
    document, samples = measured()
    assert document["rates"] == {
        "success": 0.99,
        "error": 0.01,
        "missing_booking": round(6 / 98, 6),
        "valid_booking": round(92 / 98, 6),
        "sender_failure": round(6 / 198, 6),
        "sender_resolution": round(192 / 198, 6),
    }
    assert samples["carryover_error_ratio", ()] == 0.01
    assert document["communication"] == {
        "conversations": 90,
        "messages": 190,
        "messages_per_conversation": 2.111,
        "images": 20,
        "image_preservation": 0.95,
    }


def test_alerts_are_raised_over_their_thresholds_and_not_at_them() -> None:
    document, samples = measured()
    raised = {alert["alert"]: alert["is_raised"] for alert in document["alerts"]}
    assert raised == {
        "errors": False,
        "missing bookings": True,
        "sender failures": True,
        "orphans": False,
    }
    labels = (("action", "review"), ("alert", "missing_bookings"))
    assert samples["carryover_alert", labels] == 1
    at_the_limit = replace(
        CARRIED,
        tables=(
            TableCount("chat", 100, 94, 0, 1, 5),
            TableCount("message", 100, 95, 0, 0, 5),
        ),
        reasons=(Reason("message", "Could not resolve sender ID mapping", 0),),
    )
    document, _ = measured(at_the_limit)
    assert not any(alert["is_raised"] for alert in document["alerts"])


def test_one_orphan_is_an_alert() -> None:
    validation = Validation(
        AT, False, ("1 orphaned",), {}, {"chats": {"orphaned": 1, "missing": 0}}
    )
    document, samples = measured(replace(CARRIED, validation=validation))
    (alert,) = [a for a in document["alerts"] if a["alert"] == "orphans"]
    assert (alert["rows"], alert["is_raised"], alert["action"]) == (1, True, "stop")
    assert document["rollback_required"] is True
    assert samples["carryover_rollback_required", ()] == 1
    assert samples["carryover_validation_valid", ()] == 0


def test_the_backup_has_its_age_and_size() -> None:
    document, samples = measured()
    assert document["backup"]["age_seconds"] == 3 * 3600
    assert document["backup"]["bytes"] == 4096
    assert samples["carryover_backup_timestamp_seconds", ()] == AT.timestamp()
    assert samples["carryover_backup_size_bytes", ()] == 4096
    assert "backup b1: verified, 3 hours old, 7 rows, 4.1 kB" in metrics.as_text(
        document
    )


def test_a_run_of_which_little_is_known_has_few_numbers_and_no_fault() -> None:
    """What has not happened is no zero: it has no sample at all."""
    nothing = Summary(replace(RUN, status="loaded"), inputs=(), steps=(), tables=())
    document, samples = measured(nothing)
    assert document["rates"]["error"] is None
    assert document["totals"]["rows_per_minute"] is None
    names = {name for name, _ in samples}
    assert not {"carryover_error_ratio", "carryover_alert", "carryover_rows"} & names
    assert samples["carryover_run_state", (("state", "loaded"),)] == 1
    assert "not measured" in metrics.as_text(document)


def test_the_files_say_what_the_database_says(connection: Connection) -> None:
    stages.build(connection)
    stages.publish(connection)
    connection.execute(
        "update carryover.steps set peak_memory_bytes = 500,"
        " detail = '{\"parser_peak_memory_bytes\": 70}' where step = 'load'"
    )
    folder = write_artifacts(connection, stages.RUN)
    document = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    samples = of_pipeline(read((folder / "metrics.prom").read_text(encoding="utf-8")))
    assert document["steps"][0]["peak_memory_bytes"] == 570
    assert samples["carryover_step_peak_memory_bytes", (("step", "load"),)] == 570
    # One message failed and one chat was rejected, of eleven rows.
    assert document["rates"]["error"] == round(2 / 11, 6)
    assert samples["carryover_error_ratio", ()] == document["rates"]["error"]
    rows = (("fate", "published"), ("table", "message"))
    assert samples["carryover_rows", rows] == 2
    assert document["decision"].startswith("Stop: more than the threshold allows")
    assert not list(folder.glob(".*"))
    again = measures(read_summary(connection, stages.RUN), NOW)
    assert {**again, "measured_at": ""} == {**document, "measured_at": ""}


def test_metrics_are_of_the_landed_run_or_of_the_one_named(
    connection: Connection, home: Path
) -> None:
    connection.commit()
    assert metrics.read_metrics(connection)["run_id"] == stages.RUN
    assert metrics.read_metrics(connection, stages.RUN)["status"] == "loaded"
    with pytest.raises(UsageError, match="no run nowhere"):
        metrics.read_metrics(connection, "nowhere")
    connection.execute("drop schema staging cascade")
    connection.commit()
    with pytest.raises(Refused, match="nothing is loaded"):
        metrics.read_metrics(connection)
    assert not home.exists()


def test_no_series_of_one_pipeline_is_in_the_file_of_the_other(
    connection: Connection, home: Path
) -> None:
    stages.build(connection)
    write_artifacts(connection, stages.RUN)
    consolidated.land(connection)
    consolidated.build(connection)
    write_artifacts(connection, consolidated.RUN)
    both = [
        read((home / f"carryover_{name}.prom").read_text(encoding="utf-8"))
        for name in ("migration", "consolidation")
    ]
    assert len(both[0]) > 20
    assert len(both[1]) > 20
    assert not both[0].keys() & both[1].keys()
