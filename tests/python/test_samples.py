"""The main job on the samples, whose outcomes were worked out without our code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness import settings
from harness.database import Connection
from tests.python.test_rollback import dump_of_live

pytestmark = pytest.mark.slow

SAMPLES = settings.SAMPLES


def inv(*argv: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a task in the test's environment; another end shows what it printed."""
    return run(sys.executable, "-m", "harness", *argv, code=code)


def run(*argv: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        argv, cwd=settings.PROJECT_ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def files(sample: str) -> list[str]:
    folder = SAMPLES / sample
    dump = next(folder.glob("*.sql"))
    bookings, users = folder / "bookings-created.json", folder / "user-id-mapping.json"
    return ["--dump", str(dump), "--bookings", str(bookings), "--users", str(users)]


def expected(sample: str) -> dict[str, Any]:
    text = (SAMPLES / sample / "expected.json").read_text(encoding="utf-8")
    outcome: dict[str, Any] = json.loads(text)
    return outcome


def expected_messages() -> dict[str, dict[str, Any]]:
    path = SAMPLES / "marketplace" / "expected_chat_messages.jsonl"
    with path.open(encoding="utf-8") as lines:
        return {row["id"]: row for row in map(json.loads, lines)}


def live_messages(connection: Connection) -> dict[str, dict[str, Any]]:
    found = {}
    for row in connection.execute(
        "select id::text, chat_id::text, sender_id::text, content, is_read, has_image,"
        " created_at from public.chat_messages"
    ).fetchall():
        *values, created_at = row
        names = ("id", "chat_id", "sender_id", "content", "is_read", "has_image")
        fields = dict(zip(names, values, strict=True))
        found[row[0]] = {
            **fields,
            "created_at": created_at.isoformat(timespec="microseconds"),
        }
    connection.rollback()
    return found


def artifact(name: str) -> Any:
    path = Path(os.environ["CARRYOVER_ARTIFACTS"], "latest", name)
    return json.loads(path.read_text(encoding="utf-8"))


def assert_outcome(sample: str) -> None:
    outcome = expected(sample)
    metadata = artifact("chats-extracted.json")["metadata"]
    assert outcome["metadata"].items() <= metadata.items()
    for table, read in (
        ("chats", metadata["total_mysql_chats"]),
        ("messages", metadata["total_mysql_messages"]),
    ):
        assert read == sum(
            metadata[f"{fate}_{table}"] for fate in ("processed", "merged", "skipped")
        )
    assert artifact("summary.json")["skip_reasons"] == outcome["skip_reasons"]


def table_row(output: str, name: str) -> list[str]:
    line = next(line for line in output.splitlines() if line.startswith(f"{name} "))
    return line.split()[1:]


@pytest.mark.usefixtures("environment")
def test_by_hand_with_plain_dbt(
    connection: Connection, database: dict[str, str]
) -> None:
    """Load, dbt build, publish, validate, rollback, each by its own command."""
    inv("target.create")
    inv("load", *files("marketplace"))
    # Plain dbt build runs the models' unit tests as well.
    run(str(Path(sys.executable).with_name("dbt")), "build")
    before = dump_of_live(database)
    planned = inv("publish").stdout
    assert table_row(planned, "chat_messages")[0] == "3,591"
    assert dump_of_live(database) == before

    refused = inv("publish", "--execute", code=4)
    assert "./inv backup --execute" in refused.stderr
    inv("backup", "--execute")
    inv("publish", "--execute")
    assert live_messages(connection) == expected_messages()
    assert_outcome("marketplace")
    inv("validate")
    assert artifact("chat-validation-results.json")["is_valid"] is True

    inv("rollback")
    assert live_messages(connection) == expected_messages()
    assert "proved: structure" in inv("rollback", "--execute").stdout
    assert dump_of_live(database) == before


@pytest.mark.usefixtures("environment")
def test_a_second_migration_of_the_same_dump_changes_nothing(
    connection: Connection, database: dict[str, str]
) -> None:
    inv("target.create")
    first = inv("migrate", *files("marketplace"), "--execute")
    assert live_messages(connection) == expected_messages()
    assert_outcome("marketplace")
    assert table_row(first.stdout, "message")[-2:] == ["3,591", "0"]
    after_first = dump_of_live(database)

    second = inv("migrate", *files("marketplace"), "--execute")
    assert dump_of_live(database) == after_first
    assert table_row(second.stdout, "message")[-2:] == ["0", "0"]
    assert artifact("chats-created.json")["created_chats"] == []


@pytest.mark.usefixtures("environment")
def test_bookingless_publishes_nothing_and_says_why(
    database: dict[str, str],
) -> None:
    inv("target.create")
    inv("load", *files("bookingless"))
    before = dump_of_live(database)
    done = inv("migrate", *files("bookingless"), "--execute")
    assert dump_of_live(database) == before
    assert_outcome("bookingless")
    assert table_row(done.stdout, "chat") == ["1,914", "0", "0", "1,914", "0", "0", "0"]
    assert table_row(done.stdout, "message") == ["570", "0", "0", "570", "0", "0", "0"]
    assert "Nothing was carried" in done.stdout
