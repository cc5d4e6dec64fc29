"""The artifacts hold exactly what the database holds: whole, valid, for their run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from harness import ledger
from harness.artifacts import ArtifactsNotWritten, read_summary, write_artifacts
from harness.artifacts.json_stream import json_rows
from harness.artifacts.relations import compose
from harness.artifacts.summary import BOOKING_NOT_MIGRATED
from harness.database import Connection
from harness.errors import CheckFailed, UsageError
from tests.python.artifacts import stages


def _read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


READABLE = {
    "summary.json",
    "execution-log.md",
    "report.html",
    "metrics.json",
    "metrics.prom",
}
BUILT = READABLE | {
    "chats-extracted.json",
    "skipped-chats.json",
    "failed-chats-creation.json",
}
PUBLISHED = BUILT | {"chats-created.json", "chat-creation-stats.json"}


def test_each_stage_adds_its_files_and_leaves_no_draft(connection: Connection) -> None:
    """Only what has happened is written, under exactly the specified names."""
    assert _names(write_artifacts(connection, stages.RUN)) == READABLE
    stages.build(connection)
    assert _names(write_artifacts(connection, stages.RUN)) == BUILT
    stages.publish(connection)
    assert _names(write_artifacts(connection, stages.RUN)) == PUBLISHED
    stages.validate(connection, {"is_valid": True, "validation_errors": []})
    folder = write_artifacts(connection, stages.RUN)
    assert _names(folder) == PUBLISHED | {"chat-validation-results.json"}


def test_extracted_holds_every_field_to_the_byte(connection: Connection) -> None:
    """chats-extracted.json has the specified shape, order of keys and exact values."""
    stages.build(connection)
    extracted = _read(write_artifacts(connection, stages.RUN), "chats-extracted.json")
    assert list(extracted) == [
        "extracted_at",
        "processedChats",
        "processedMessages",
        "imageMessages",
        "metadata",
    ]
    assert extracted["extracted_at"] == "2026-01-02T03:04:05.000000+00:00"
    assert extracted["processedChats"] == [
        {
            "id": stages.CHAT_1,
            "booking_id": stages.BOOKING_1,
            "created_at": "2026-01-02T03:04:05.000000+00:00",
            "updated_at": "2026-01-03T03:04:05.000000+00:00",
        },
        {
            "id": stages.CHAT_2,
            "booking_id": stages.BOOKING_2,
            "created_at": "2026-01-02T03:04:05.000007+00:00",
            "updated_at": "2026-01-02T03:04:05.000000+00:00",
        },
    ]
    assert extracted["processedMessages"][0] == {
        "id": stages.MESSAGE_1,
        "chat_id": stages.CHAT_1,
        "sender_id": stages.USER,
        "content": stages.AWKWARD,
        "is_read": True,
        "created_at": "2026-01-02T03:04:05.000000+00:00",
        "has_image": False,
    }
    assert len(extracted["processedMessages"]) == 3
    assert extracted["imageMessages"] == [
        {
            "message": {"id": stages.MESSAGE_3, "message": "a.jpg"},
            "chat_id": stages.CHAT_2,
        }
    ]
    assert extracted["metadata"] == {
        "total_mysql_chats": 6,
        "total_mysql_messages": 5,
        "total_mysql_bookings": 3,
        "processed_chats": 2,
        "processed_messages": 3,
        "skipped_chats": 2,
        "skipped_messages": 2,
        "active_chats": 5,
        "image_messages": 1,
        "sender_distribution": {"customer": 2, "stylist": 1},
        "merged_chats": 1,
        "merged_messages": 0,
        "rejected_rows": 1,
    }


def test_skipped_and_failed_are_written_also_when_empty(connection: Connection) -> None:
    """An empty list says that nothing was skipped; a missing file would say nothing."""
    stages.build(connection)
    connection.execute(
        "truncate marts.skipped_chats, marts.skipped_messages, marts.chats,"
        " marts.chat_messages, marts.media, marts.reconciliation;"
        "insert into marts.reconciliation values ('chat', 0, 0, 0, 0, 0),"
        " ('message', 0, 0, 0, 0, 0), ('booking', 0, 0, 0, 0, 0);"
        "update marts.migration_metrics set (total_mysql_chats, total_mysql_messages,"
        " total_mysql_bookings, processed_chats, processed_messages, skipped_chats,"
        " skipped_messages, image_messages, customer_messages, stylist_messages,"
        " merged_chats) = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)"
    )
    folder = write_artifacts(connection, stages.RUN)
    at = "2026-01-02T03:04:05.000000+00:00"
    assert _read(folder, "skipped-chats.json") == {
        "skipped_at": at,
        "skipped_chats": [],
        "skipped_messages": [],
    }
    assert _read(folder, "failed-chats-creation.json") == {
        "failed_at": at,
        "failed_chats": [],
        "failed_messages": [],
    }
    metadata = _read(folder, "chats-extracted.json")["metadata"]
    assert metadata["sender_distribution"] == {}


def test_skipped_rows_keep_the_order_of_the_dump(connection: Connection) -> None:
    """Each skip names the ids as the dump has them, and the reason."""
    stages.build(connection)
    skipped = _read(write_artifacts(connection, stages.RUN), "skipped-chats.json")
    assert skipped["skipped_chats"] == [
        {"chat": {"id": "x1", "booking_id": "b9"}, "reason": BOOKING_NOT_MIGRATED},
        {"chat": {"id": "x2", "booking_id": None}, "reason": BOOKING_NOT_MIGRATED},
    ]
    assert [row["message"]["id"] for row in skipped["skipped_messages"]] == ["m9", "m8"]


def test_created_lists_what_this_run_published(connection: Connection) -> None:
    """chats-created.json and the statistics agree with the ledger and the live rows."""
    stages.build(connection)
    stages.publish(connection)
    folder = write_artifacts(connection, stages.RUN)
    created = _read(folder, "chats-created.json")
    assert created["created_chats"] == [
        {"id": stages.CHAT_1, "booking_id": stages.BOOKING_1},
        {"id": stages.CHAT_2, "booking_id": stages.BOOKING_2},
    ]
    assert created["created_messages"][1] == {
        "id": stages.MESSAGE_3,
        "chat_id": stages.CHAT_2,
        "sender_id": stages.USER,
        "has_image": True,
    }
    assert created["created_media"] == [
        {
            "id": stages.MEDIUM,
            "message_id": stages.MESSAGE_3,
            "media_type": "chat_image",
        }
    ]
    assert created["metadata"] == {
        "total_chats_to_create": 2,
        "total_messages_to_create": 3,
        "successful_chat_creations": 2,
        "successful_message_creations": 2,
        "successful_media_creations": 1,
        "failed_chat_creations": 0,
        "failed_message_creations": 1,
        "duration_ms": 1250,
    }
    assert _read(folder, "chat-creation-stats.json") == {
        "completed_at": "2026-01-02T03:04:06.250000+00:00",
        "duration_seconds": 1.25,
        "total_chats": 2,
        "total_messages": 3,
        "successfully_created_chats": 2,
        "successfully_created_messages": 2,
        "successfully_created_media": 1,
        "failed_chat_creations": 0,
        "failed_message_creations": 1,
        "chat_success_rate": "100.00%",
        "message_success_rate": "66.67%",
    }
    assert _read(folder, "failed-chats-creation.json")["failed_messages"] == [
        {
            "message": {"id": stages.MESSAGE_2, "chat_id": stages.CHAT_1},
            "error": "no sender",
        }
    ]


def test_created_is_empty_after_a_rollback(connection: Connection) -> None:
    """Rows that were taken back are no longer listed as created."""
    stages.build(connection)
    stages.publish(connection)
    connection.execute(
        "update carryover.published_rows set rolled_back_at = now();"
        "truncate chats, chat_messages, media"
    )
    stages.step(connection, stages.RUN, "rollback", rows=5)
    ledger.set_status(connection, stages.RUN, "rolled_back")
    folder = write_artifacts(connection, stages.RUN)
    created = _read(folder, "chats-created.json")
    assert created["created_chats"] == created["created_messages"] == []
    log = (folder / "execution-log.md").read_text(encoding="utf-8")
    assert "- [x] Published rows removed" in log
    assert "Rollback Required: NO" in log


def test_live_messages_without_has_image_are_told_by_their_media(
    connection: Connection,
) -> None:
    """has_image is optional in the live table, and specified in the file."""
    stages.build(connection)
    stages.publish(connection)
    connection.execute("alter table chat_messages drop column has_image")
    created = _read(write_artifacts(connection, stages.RUN), "chats-created.json")
    images = {row["id"]: row["has_image"] for row in created["created_messages"]}
    assert images == {stages.MESSAGE_1: False, stages.MESSAGE_3: True}


def test_validation_keeps_the_specified_order_of_keys(connection: Connection) -> None:
    """The ledger's jsonb sorts its keys; the file has them as specified, ours last."""
    result = {
        "validated_at": "2026-01-02T03:04:05+00:00",
        "is_valid": False,
        "total_pg_chats": 1,
        "missing_chats": [stages.CHAT_1],
        "message_sender_mismatches": [{"message_id": stages.MESSAGE_1}],
        "validation_errors": ["1 missing row of chats"],
        "findings": {"chats": {"missing": 1}},
    }
    stages.validate(connection, result)
    folder = write_artifacts(connection, stages.RUN)
    written = _read(folder, "chat-validation-results.json")
    assert written == result
    assert list(written) == list(result)
    log = (folder / "execution-log.md").read_text(encoding="utf-8")
    assert "Validation: 1 missing row of chats" in log


@pytest.mark.parametrize(
    "change",
    [
        "update marts.reconciliation set rows_kept = 4 where table_name = 'message'",
        "delete from marts.chat_messages where content = ''",
        "insert into marts.skipped_chats values (9, 'x9', null, 'Chat is not active')",
        "update marts.migration_metrics set merged_chats = 0",
    ],
)
def test_sums_that_do_not_hold_stop_the_writing(
    connection: Connection, home: Path, change: str
) -> None:
    """A lost row is an error with its figures, and no half-written file stays."""
    stages.build(connection)
    connection.execute(change)
    with pytest.raises(CheckFailed, match=r"does not add up|was not written"):
        write_artifacts(connection, stages.RUN)
    assert not list(home.rglob("*.draft"))
    assert not list(home.rglob("summary.json"))


def test_summary_accounts_for_each_table(connection: Connection) -> None:
    """summary.json has each table's fates, the reasons with counts, and the steps."""
    stages.build(connection)
    stages.publish(connection)
    summary = _read(write_artifacts(connection, stages.RUN), "summary.json")
    assert summary["tables"]["message"] == {
        "read": 5,
        "kept": 3,
        "merged": 0,
        "skipped": 2,
        "rejected": 0,
        "published": 2,
        "failed": 1,
    }
    assert summary["tables"]["booking"]["published"] is None
    assert summary["tables"]["media"]["published"] == 1
    assert "buyer" not in summary["tables"]
    assert summary["skip_reasons"]["chats"] == {BOOKING_NOT_MIGRATED: 2}
    assert summary["migrated_bookings"] == 2
    assert summary["coercions"] == [
        {
            "table": "message",
            "column": "message",
            "rule": "content_null_to_empty",
            "rows": 2,
        }
    ]
    assert [(step["name"], step["seconds"]) for step in summary["steps"]] == [
        ("load", 1.25),
        ("publish", 1.25),
    ]
    assert summary["inputs"][0]["sha256"] == "0f"


def test_a_run_without_marts_of_its_own_keeps_its_fates(connection: Connection) -> None:
    """Another run was loaded and built since: the first run's figures stay its own."""
    stages.build(connection)
    stages.publish(connection)
    folder = write_artifacts(connection, stages.RUN)
    extracted = (folder / "chats-extracted.json").read_bytes()
    first = _read(folder, "summary.json")
    other = f"{stages.RUN[:-1]}0"
    stages.load(connection, other)
    stages.build(connection, other)
    connection.execute("truncate marts.chats, marts.chat_messages")
    assert write_artifacts(connection, stages.RUN) == folder
    assert (folder / "chats-extracted.json").read_bytes() == extracted
    second = _read(folder, "summary.json")
    assert second["tables"] == first["tables"]
    assert second["skip_reasons"] == first["skip_reasons"]
    assert read_summary(connection, stages.RUN).has_marts is False


def test_message_text_stands_in_one_file_only(connection: Connection) -> None:
    """Neither the text of messages nor the excerpt of a rejected row goes further."""
    stages.build(connection)
    stages.publish(connection)
    connection.execute("update marts.chat_messages set content = 'private words'")
    folder = write_artifacts(connection, stages.RUN)
    holding = {
        path.name
        for path in folder.iterdir()
        if re.search("private words|secret words", path.read_text(encoding="utf-8"))
    }
    assert holding == {"chats-extracted.json"}


def test_an_unknown_run_is_named(connection: Connection, home: Path) -> None:
    """A wrong run id is a usage error, and nothing is written."""
    with pytest.raises(UsageError, match="no run nowhere"):
        write_artifacts(connection, "nowhere")
    assert not home.exists()


def test_a_folder_that_takes_no_files_is_an_error(
    connection: Connection, home: Path
) -> None:
    """A file where the folder must be: the error names the place."""
    home.parent.mkdir(parents=True)
    home.write_text("in the way")
    with pytest.raises(ArtifactsNotWritten, match=re.escape(str(home))):
        write_artifacts(connection, stages.RUN)


def test_rows_leave_the_database_unchanged_as_json(connection: Connection) -> None:
    """Whatever a text holds, COPY adds and takes nothing; a row stays one line."""
    texts = [
        stages.AWKWARD,
        "",
        " ",
        "\\.",
        '"',
        ",",
        "\\",
        "\x01",
        "\x02",
        "\n\n",
        "é",
    ]
    connection.execute("create temporary table odd (n int, value text)")
    connection.cursor().executemany(
        "insert into odd values (%s, %s)", list(enumerate([*texts, None]))
    )
    query = compose("select value from pg_temp.odd order by n")
    rows = list(json_rows(connection, query))
    assert [json.loads(row)["value"] for row in rows] == [*texts, None]
    assert not any(b"\n" in row for row in rows)
