"""Writes a run's metrics in the text format of Prometheus, version 0.0.4.

For the node exporter's textfile collector: no timestamps, gauges only, since a run's
numbers are what they are and never counted up across runs. Names follow Prometheus's
practice: base units, the unit last, ratios from 0 to 1. Of a step that ran several
times the newest counts. Pure: turns the document of ``measures`` into text.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harness.artifacts.judgement import LEVELS

#: How far a run can have come, as the ledger names it.
STATES = ("loaded", "built", "published", "validated", "invalid", "rolled_back")

Number = bool | int | float | None
Sample = tuple[Mapping[str, str], Number]


@dataclass(frozen=True)
class Family:
    """The samples of one name; a sample without a number is left out."""

    name: str
    help: str
    samples: tuple[Sample, ...]

    def lines(self, **common: str) -> Iterator[str]:
        """The family as text; nothing when no sample has a number.

        ``common`` are labels that every sample has.
        """
        known = [(labels, value) for labels, value in self.samples if value is not None]
        if not known:
            return
        yield f"# HELP {self.name} {_escaped(self.help)}"
        yield f"# TYPE {self.name} gauge"
        for labels, value in known:
            yield f"{self.name}{_labels({**common, **labels})} {_number(value)}"


def exposition(document: Mapping[str, Any]) -> str:
    """Write the document of ``measures`` for Prometheus."""
    families = (
        *_run(document),
        *_steps(document),
        *_rows(document),
        *_quality(document),
        *_checks(document),
        *_undoing(document),
    )
    # Both pipelines' files may be scraped at once: no series may be in both.
    pipeline = str(document["pipeline"])
    lines = (line for family in families for line in family.lines(pipeline=pipeline))
    return "".join(f"{line}\n" for line in lines)


def _run(document: Mapping[str, Any]) -> Iterator[Family]:
    names = ("run_id", "target", "operator", "code_version")
    yield Family(
        "carryover_run_info",
        "The run that these metrics are of; always 1.",
        (({name: str(document[name]) for name in names}, 1),),
    )
    yield _family(
        "run_state",
        "Whether the run is at this state.",
        (({"state": state}, document["status"] == state) for state in STATES),
    )
    yield _family(
        "run_verdict",
        "Whether the run is judged so.",
        (
            ({"verdict": level.replace(" ", "_")}, document["verdict"] == level)
            for level in LEVELS
        ),
    )
    yield _one(
        "run_start_timestamp_seconds",
        "When the run began, in Unix time.",
        _unix(document["started_at"]),
    )
    totals = document["totals"]
    yield _one(
        "run_duration_seconds",
        "How long the run's steps took together.",
        totals["seconds"],
    )
    yield _one(
        "run_rows_per_minute",
        "Rows read from the dump for each minute that all steps took.",
        totals["rows_per_minute"],
    )
    yield _one(
        "run_peak_memory_bytes",
        "The most memory that a step's processes have held.",
        totals["peak_memory_bytes"],
    )


def _steps(document: Mapping[str, Any]) -> Iterator[Family]:
    newest = {step["step"]: step for step in document["steps"]}
    for key, name, said in (
        ("seconds", "duration_seconds", "How long the step took."),
        ("rows", "rows", "Rows that the step went through."),
        ("rows_per_minute", "rows_per_minute", "Rows for each minute of the step."),
        (
            "peak_memory_bytes",
            "peak_memory_bytes",
            "The most memory that its processes had held by its end.",
        ),
        ("success_ratio", "success_ratio", "The share of the step without an error."),
        ("error_ratio", "error_ratio", "The share of the step in error."),
    ):
        yield _family(
            f"step_{name}",
            said,
            [({"step": step}, found[key]) for step, found in newest.items()],
        )
    yield _family(
        "step_done",
        "Whether the step passed, when it last ran.",
        [({"step": step}, found["status"] == "done") for step, found in newest.items()],
    )


def _rows(document: Mapping[str, Any]) -> Iterator[Family]:
    yield _family(
        "rows",
        "Rows by table of the dump and by what became of them.",
        _nested(document["rows"], "table", "fate"),
    )
    yield _family(
        "decided_rows",
        "Rows by live table and by what the newest publish decided of them.",
        _nested(document["decisions"], "table", "action"),
    )
    found = document["communication"]
    yield _one("conversations", "Chats that are carried.", found["conversations"])
    yield _one(
        "messages_per_conversation",
        "Messages that are carried for each chat.",
        found["messages_per_conversation"],
    )
    yield _one(
        "image_preservation_ratio",
        "The share of image messages with an image record.",
        found["image_preservation"],
    )


def _quality(document: Mapping[str, Any]) -> Iterator[Family]:
    rates = document["rates"]
    for key, said in (
        ("success", "The share of chats and messages read that were not lost."),
        ("error", "The share of chats and messages read that were rejected or failed."),
        ("missing_booking", "The share of chats that have no migrated booking."),
        ("valid_booking", "The share of chats that have a migrated booking."),
        ("sender_failure", "The share of messages whose sender was not resolved."),
        ("sender_resolution", "The share of messages whose sender was resolved."),
    ):
        yield _one(f"{key}_ratio", said, rates[key])
    alerts = document["alerts"]
    yield _family(
        "alert",
        "Whether a threshold of the specification is crossed.",
        (
            (_named(alert, action=alert["action"]), alert["is_raised"])
            for alert in alerts
            if alert["rows"] is not None
        ),
    )
    yield _family(
        "alert_threshold_ratio",
        "The share at which the alert is raised; of orphans there may be none.",
        ((_named(alert), float(alert["threshold"])) for alert in alerts),
    )
    yield _family(
        "alert_rows",
        "Rows that count towards the alert.",
        ((_named(alert), alert["rows"]) for alert in alerts),
    )


def _named(alert: Mapping[str, Any], **labels: str) -> dict[str, str]:
    return {"alert": alert["alert"].replace(" ", "_"), **labels}


def _checks(document: Mapping[str, Any]) -> Iterator[Family]:
    found = document["validation"]
    if not found:
        return
    yield _one(
        "validation_valid",
        "Whether the newest validation found the live tables as the source has them.",
        found["is_valid"],
    )
    yield _one(
        "validation_timestamp_seconds",
        "When the live tables were last validated, in Unix time.",
        _unix(found["validated_at"]),
    )
    yield _family(
        "validation_rows",
        "Rows by live table and by what the newest validation found of them.",
        _nested(found["findings"], "table", "finding"),
    )


def _undoing(document: Mapping[str, Any]) -> Iterator[Family]:
    yield _one(
        "rollback_required",
        "Whether live rows of this run have been found wrong and are not rolled back.",
        document["rollback_required"],
    )
    done = document["rollback"] or {}
    yield _one(
        "rollback_proved",
        "Whether the live tables were as before the run after its rollback.",
        done.get("is_proved"),
    )
    yield _family(
        "rollback_rows",
        "Rows by what the newest rollback did with them.",
        (
            ({"action": action}, done.get(action))
            for action in ("deleted", "restored", "left", "forced")
        ),
    )
    backup = document["backup"]
    if not backup:
        return
    yield _one(
        "backup_timestamp_seconds",
        "When the backup that the run rests on was taken, in Unix time.",
        _unix(backup["taken_at"]),
    )
    yield _one("backup_verified", "Whether it was verified.", backup["is_verified"])
    yield _one("backup_rows", "Rows of all its tables.", backup["rows"])
    yield _one("backup_size_bytes", "The size of its copies.", backup["bytes"])
    yield _one(
        "backup_archive_size_bytes",
        "The size of its archive, where there is one.",
        backup["archive_bytes"],
    )


def _one(name: str, said: str, value: Number) -> Family:
    return _family(name, said, [({}, value)])


def _family(name: str, said: str, samples: Iterable[Sample]) -> Family:
    return Family(f"carryover_{name}", said, tuple(samples))


def _nested(
    numbers: Mapping[str, Mapping[str, Number]], outer: str, inner: str
) -> Iterator[Sample]:
    for name, values in numbers.items():
        for key, value in values.items():
            yield {outer: name, inner: key.replace(" ", "_")}, value


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    pairs = (
        f'{name}="{_escaped(value, quoted=True)}"' for name, value in labels.items()
    )
    return f"{{{','.join(pairs)}}}"


def _escaped(text: str, *, quoted: bool = False) -> str:
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n")
    return escaped.replace('"', '\\"') if quoted else escaped


def _number(value: bool | int | float) -> str:
    return str(int(value)) if isinstance(value, (bool, int)) else repr(value)


def _unix(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()
