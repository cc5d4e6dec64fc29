"""The consolidation's checkpoints pass the sample and name each fault.

The committed files are held together by ``test_audit.py``. A run of Great Expectations
takes a second or two, so each test plants many faults at once.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness import audit, backup, publish
from harness.database import Connection, Target


@pytest.fixture
def at_hand(
    legacy_chat: Target, of_legacy_chat: Connection, monkeypatch: pytest.MonkeyPatch
) -> Connection:
    """The sample's legacy chat system as the target of this process."""
    for variable, value in legacy_chat.environment.items():
        monkeypatch.setenv(variable, value)
    return of_legacy_chat


def critical(checkpoint: str) -> set[tuple[str, str]]:
    """All that stops a run, by table and what is said of it."""
    found = set()
    for path in (audit.CONTEXT_ROOT / "expectations").glob(f"{checkpoint}_*.json"):
        table = path.stem.removeprefix(f"{checkpoint}_")
        for each in json.loads(path.read_text("utf-8"))["expectations"]:
            if each["severity"] == "critical":
                found.add((table, each["description"]))
    return found


def told(findings: tuple[audit.Finding, ...]) -> set[tuple[str, str]]:
    return {(each.table, each.description) for each in findings}


LANDED_WRONGLY = """
update legacy_messages set type = 'Voice', sender_id = null;
insert into legacy_messages (id) select id from legacy_messages limit 1;
insert into legacy_messages (id) values (null);
update legacy_voice_notes set user_id = null, file_size = -1;
insert into legacy_voice_notes (id) select id from legacy_voice_notes limit 1;
insert into legacy_voice_notes (id) values (null);
update legacy_bookings set user_id = null;
insert into legacy_bookings (id) select id from legacy_bookings limit 1;
insert into legacy_bookings (id) values (null);
insert into legacy_profiles (id) select id from legacy_profiles limit 1;
insert into legacy_profiles (id) values (null);
insert into legacy_chat_sessions (id) select id from legacy_chat_sessions limit 1;
insert into legacy_chat_sessions (id) values (null);
insert into legacy_chat_messages (id) select id from legacy_chat_messages limit 1;
insert into legacy_chat_messages (id) values (null);
insert into legacy_loads default values;
"""


def test_landing_passes_the_sample_and_names_each_fault(
    at_hand: Connection, tmp_path: Path
) -> None:
    passed = audit.run_checkpoint("landing", run_id="r-1", docs_dir=tmp_path)
    at_hand.execute("set search_path = staging")
    at_hand.execute(LANDED_WRONGLY)
    at_hand.commit()
    failed = audit.run_checkpoint("landing", run_id="r-1", docs_dir=tmp_path)

    assert passed.failed == ()
    assert {each.column or each.observed for each in passed.warnings} == {
        "type",
        "1 unexpected row",
    }
    assert passed.name == "landing"
    assert "consolidation_landing_legacy_messages" in passed.docs_index.read_text()
    unseen = {
        # What only an empty system, or one of another shape, lacks.
        ("legacy_messages", "There is at least one message or voice note."),
        (
            "legacy_profiles",
            "There is at least one profile: without one every row is skipped.",
        ),
    } | {
        (table, said)
        for table, said in critical("consolidation_landing")
        if said.endswith("has the columns that the models read.")
    }
    assert told(failed.failed) == critical("consolidation_landing") - unseen
    assert ("legacy_voice_notes", "No recording has a negative size or duration.") in (
        told(failed.warnings)
    )


def test_landing_names_what_an_empty_system_lacks(
    at_hand: Connection, tmp_path: Path
) -> None:
    at_hand.execute(
        "truncate staging.legacy_profiles, staging.legacy_messages,"
        " staging.legacy_voice_notes;"
        "update staging.legacy_tables set rows = 0;"
        "alter table staging.legacy_chat_messages drop column is_published cascade"
    )
    at_hand.commit()

    found = audit.run_checkpoint("landing", run_id="r-1", docs_dir=tmp_path)

    # A system without a message may be hardened all the same.
    assert ("legacy_messages", "There is at least one message or voice note.") in told(
        found.warnings
    )
    assert told(found.failed) == {
        (
            "legacy_profiles",
            "There is at least one profile: without one every row is skipped.",
        ),
        (
            "legacy_chat_messages",
            "legacy_chat_messages has the columns that the models read.",
        ),
    }


LIVE_WRONGLY = """
alter table chat_messages disable trigger user;
alter table chat_sessions disable trigger user;
alter table chat_messages drop constraint fk_chat_messages_session_id,
    drop constraint fk_chat_messages_sender_id,
    drop constraint fk_chat_messages_reply_to,
    drop constraint chat_messages_type_check;
alter table chat_messages drop constraint chat_messages_pkey,
    alter session_id drop not null, alter sender_id drop not null,
    alter content drop not null;
alter table chat_messages alter id drop not null;
alter table chat_sessions drop constraint fk_chat_sessions_booking_id,
    drop constraint chat_sessions_type_check;
alter table chat_sessions drop constraint chat_sessions_pkey,
    alter participants drop not null;
alter table chat_sessions alter id drop not null;
update chat_sessions set participants = '{}', type = 'group',
    last_message_at = '2000-01-01', booking_id = gen_random_uuid();
insert into chat_sessions (id) select id from chat_sessions limit 1;
insert into chat_sessions (id) values (null);
update chat_messages set content = null, reply_to_message_id = gen_random_uuid(),
    type = 'voice', file_size = -1;
insert into chat_messages (id) select id from chat_messages limit 1;
insert into chat_messages (id, session_id, sender_id)
values (null, gen_random_uuid(), gen_random_uuid());
"""


def test_live_passes_what_was_published_and_names_each_fault(
    legacy_chat: Target, at_hand: Connection, tmp_path: Path
) -> None:
    backup.take(legacy_chat, at_hand)
    publish.publish(at_hand)
    passed = audit.run_checkpoint("live", run_id="r-1", docs_dir=tmp_path)
    at_hand.execute(LIVE_WRONGLY.encode())
    at_hand.commit()
    failed = audit.run_checkpoint("live", run_id="r-1", docs_dir=tmp_path)

    assert passed.failed == ()
    assert {each.description.split(":")[0] for each in passed.warnings} == {
        "The sender of every published message is a participant of its session",
        "No published message is older than its session.",
    }
    assert told(failed.failed) == critical("consolidation_live")
    assert not any("could not be checked" in each.observed for each in failed.failed)


def test_a_missing_table_is_refused_with_the_command_that_makes_it(
    at_hand: Connection, tmp_path: Path
) -> None:
    at_hand.execute("drop schema staging cascade; drop table carryover.published_rows")
    at_hand.commit()

    with pytest.raises(audit.NothingToAudit, match=r"\./inv consolidate\.land"):
        audit.run_checkpoint("landing", run_id="r-1", docs_dir=tmp_path)
    with pytest.raises(audit.NothingToAudit, match=r"\./inv consolidate --execute"):
        audit.run_checkpoint("live", run_id="r-1", docs_dir=tmp_path)
