"""Times whose year in UTC has no four digits are still written as ISO 8601."""

from __future__ import annotations

import json
from pathlib import Path

from harness.artifacts import write_artifacts
from harness.database import Connection
from tests.python.artifacts import stages


def test_a_zone_may_move_a_time_out_of_the_calendar(connection: Connection) -> None:
    """0001-01-01 00:00 in Oslo lies in the year before 1; Python knows no such date."""
    stages.build(connection)
    connection.execute(
        "update marts.chats set created_at = '0001-12-31 23:17:00+00 BC',"
        " updated_at = '10000-01-01 01:00:00+00'"
    )
    connection.execute(
        "create table marts.report_chat_activity_by_month as"
        " select date '0001-12-01 BC' as chat_month, 1 as chats"
        " union all select date '2024-05-01', 2"
    )
    folder: Path = write_artifacts(connection, stages.RUN)
    extracted = json.loads((folder / "chats-extracted.json").read_text("utf-8"))
    times = {
        (chat["created_at"], chat["updated_at"]) for chat in extracted["processedChats"]
    }
    assert times == {
        ("0000-12-31T23:17:00.000000+00:00", "+010000-01-01T01:00:00.000000+00:00")
    }
    report = (folder / "report.html").read_text("utf-8")
    assert "0001-12-01 BC" in report
    assert "2024-05-01" in report
