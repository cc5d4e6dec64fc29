"""The checkpoints pass good data, name each fault, and leave no trace but their docs.

The committed context is checked as files first. The rest runs on a scratch database of
the target's server; a run of Great Expectations takes a second or two, so each test
plants many faults at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
import uuid
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it publishes no types
from psycopg import sql

from harness import audit, database, ledger, settings, target
from harness.artifacts.folder import ArtifactsNotWritten
from harness.database import Connection, Target
from harness.errors import UsageError
from tests.python.pooler import pooled

BUYER, STYLIST = (str(uuid.UUID(int=n)) for n in (0xB0, 0x57))
BOOKING, CHAT, MESSAGE, MEDIA = (str(uuid.UUID(int=n)) for n in (1, 2, 3, 4))
UNKNOWN = str(uuid.UUID(int=0xDEAD))


def _ids(kind: str, name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"carryover/gx/{kind}/{name}"))


def _read(folder: str, name: str) -> dict[str, Any]:
    text = (audit.CONTEXT_ROOT / folder / f"{name}.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def _hashes() -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(audit.CONTEXT_ROOT.rglob("*"))
        if path.is_file()
    }


# The committed files.


@pytest.mark.parametrize("name", audit.TABLES)
def test_a_checkpoint_names_validations_suites_and_assets_that_exist(name: str) -> None:
    config = yaml.safe_load((audit.CONTEXT_ROOT / "great_expectations.yml").read_text())
    assets = config["fluent_datasources"]["target"]["assets"]
    checkpoint = _read("checkpoints", name)
    assert checkpoint["id"] == _ids("checkpoint", name)
    audited = []
    for reference in checkpoint["validation_definitions"]:
        validation = _read("validation_definitions", reference["name"])
        suite = _read("expectations", validation["suite"]["name"])
        table = validation["data"]["asset"]["name"]
        asset = assets[table]
        assert reference["id"] == validation["id"]
        assert validation["id"] == _ids("validation", f"{name}_{table}")
        assert validation["suite"]["id"] == suite["id"] == _ids("suite", suite["name"])
        assert validation["data"]["asset"]["id"] == asset["id"] == _ids("asset", table)
        batch = asset["batch_definitions"][
            validation["data"]["batch_definition"]["name"]
        ]
        assert validation["data"]["batch_definition"]["id"] == batch["id"]
        assert batch["id"] == _ids("batch", table)
        audited.append(table)
    assert set(audited) <= set(audit.TABLES[name])
    assert len(audited) == len(set(audited))


def test_every_suite_belongs_to_a_checkpoint() -> None:
    used = {
        _read("validation_definitions", reference["name"])["suite"]["name"]
        for name in audit.TABLES
        for reference in _read("checkpoints", name)["validation_definitions"]
    }
    present = {path.stem for path in (audit.CONTEXT_ROOT / "expectations").iterdir()}
    assert used == present


def test_landing_expects_the_columns_that_the_models_read() -> None:
    for table, columns in settings.REQUIRED_COLUMNS.items():
        expectations = _read("expectations", f"landing_{table}")["expectations"]
        first = expectations[0]
        assert first["type"] == "expect_table_columns_to_match_set"
        assert tuple(first["kwargs"]["column_set"]) == columns


def test_every_expectation_states_its_invariant_and_no_text_is_sampled() -> None:
    for path in (audit.CONTEXT_ROOT / "expectations").iterdir():
        for each in _read("expectations", path.stem)["expectations"]:
            assert each["description"].endswith(".")
            assert each["severity"] in {"critical", "warning"}
            query = each["kwargs"].get("unexpected_rows_query", "select id\n")
            selected = query.split("\n")[0].removeprefix("select ").split(", ")
            assert all(re.search(r"(^|[._])id$|^count\(", item) for item in selected)
            if each["kwargs"].get("column") in {"message", "content"}:
                assert each["type"] == "expect_column_values_to_not_be_null"


def test_the_context_holds_nothing_of_a_machine() -> None:
    for path in audit.CONTEXT_ROOT.rglob("*"):
        if path.suffix in {".yml", ".json"} and "uncommitted" not in path.parts:
            text = path.read_text(encoding="utf-8")
            assert "://" not in text
            assert not re.search(r"[\"' ](/|~|[A-Z]:\\)\w", text)


# On a database.


@pytest.fixture
def scratch(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Connection]:
    """A connection to an empty database, whose schemas have names that need quoting."""
    monkeypatch.setenv("CARRYOVER_SCHEMA_PREFIX", "dev ")
    monkeypatch.setenv("CARRYOVER_LIVE_SCHEMA", 'the "App"\\s')
    with database.connect(autocommit=True) as connection:
        yield connection


def _run(connection: Connection, schema: str, script: str) -> None:
    connection.execute(sql.SQL("set search_path = {}").format(sql.Identifier(schema)))
    connection.execute(script)


def _land(connection: Connection) -> None:
    """Land two chats with a message each, as a dump without a fault has them."""
    schema = settings.staging_schema()
    connection.execute(sql.SQL("create schema {}").format(sql.Identifier(schema)))
    tables = {
        **settings.REQUIRED_COLUMNS,
        "user_id_mapping": ("old_id", "new_id"),
    }
    script = "".join(
        f"create table {table} (_row bigint generated always as identity, "
        + ", ".join(f"{column} text" for column in columns)
        + ");"
        for table, columns in tables.items()
    )
    _run(
        connection,
        schema,
        script
        + """
        create table bookings_created (
            _row bigint generated always as identity,
            id text,
            success boolean,
            error text
        );
        insert into booking (id, buyer_id, stylist_id, status, created_at)
        select upper(gen_random_uuid()::text), gen_random_uuid(), gen_random_uuid(),
            'completed', '2024-03-01 10:00:00.123456'
        from generate_series(1, 2);
        insert into bookings_created (id, success) select id, true from booking;
        insert into user_id_mapping (old_id, new_id)
        select buyer_id, gen_random_uuid() from booking;
        insert into chat
            (id, booking_id, buyer_id, stylist_id, is_active, created_at, updated_at)
        select gen_random_uuid(), id, buyer_id, stylist_id, '1', created_at, created_at
        from booking;
        insert into message
            (id, chat_id, message, is_from, is_unread, is_image, created_at)
        select gen_random_uuid(), id, 'text', 'buyer', '0', '1', '2024-03-01 10:00:00'
        from chat;
        """,
    )


def _make_live(connection: Connection) -> None:
    target.create(connection)
    ledger.ensure(connection)


def _publish(connection: Connection) -> None:
    """Put a chat with an image message into the live tables, as publish does."""
    _run(
        connection,
        settings.live_schema(),
        f"""
        insert into profiles (id, role)
        values ('{BUYER}', 'customer'), ('{STYLIST}', 'stylist');
        insert into bookings (id, customer_id, stylist_id, status)
        values ('{BOOKING}', '{BUYER}', '{STYLIST}', 'completed');
        insert into chats values ('{CHAT}', '{BOOKING}', '2024-03-01', '2024-03-02');
        insert into chat_messages
        values ('{MESSAGE}', '{CHAT}', '{BUYER}', '', true, true, '2024-03-01');
        insert into media
        values ('{MEDIA}', '{MESSAGE}', 'chat_image', '{BUYER}', 'a.png', '2024-03-01');
        """,
    )
    _run(
        connection,
        settings.ledger_schema(),
        f"""
        insert into runs
        values ('r', 'migration', now(), null, 'published', '', '', '');
        insert into published_rows (run_id, table_name, row_id, content_hash)
        values ('r', 'chats', '{CHAT}', ''), ('r', 'chat_messages', '{MESSAGE}', ''),
            ('r', 'media', '{MEDIA}', '');
        """,
    )


def _told(findings: tuple[audit.Finding, ...]) -> set[tuple[str, str]]:
    return {(each.table, each.column or each.description) for each in findings}


def _left_alone(connection: Connection) -> bool:
    """Whether every other session ends; the server takes a moment to let one go."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        others = connection.execute(
            "select 1 from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        ).fetchall()
        # The view is a snapshot of the transaction's first look.
        connection.rollback()
        if not others:
            return True
        time.sleep(0.05)
    return False


def test_landing_passes_good_tables_and_leaves_only_its_docs(
    scratch: Connection, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _land(scratch)
    before = _hashes()
    docs = tmp_path / "do$cs of a run"
    result = audit.run_checkpoint("landing", run_id="r-1", docs_dir=docs)
    assert result.passed
    assert (result.failed, result.warnings) == ((), ())
    assert result.expectations > 50
    assert result.summary() == (
        f"checkpoint landing passed all {result.expectations} expectations."
    )
    assert "landing_chat" in result.docs_index.read_text(encoding="utf-8")
    assert _hashes() == before
    assert not (audit.CONTEXT_ROOT / "${CARRYOVER_GX_DOCS}").exists()
    assert _left_alone(scratch)
    assert capfd.readouterr() == ("", "")


def test_a_checkpoint_runs_through_a_session_pooler(
    scratch: Connection, database: dict[str, str], tmp_path: Path
) -> None:
    """Which takes no options when a session starts."""
    _land(scratch)
    with pooled(database, "session") as parameters:
        to = Target(parameters, is_embedded=False)
        passed = audit.run_checkpoint("landing", run_id="r", docs_dir=tmp_path, to=to)
    assert passed.passed


def test_landing_lets_pass_what_the_models_decide(
    scratch: Connection, tmp_path: Path
) -> None:
    """No message, no migrated booking, no chat's booking, half of the ids bad."""
    _land(scratch)
    _run(
        scratch,
        settings.staging_schema(),
        """
        delete from message;
        delete from bookings_created;
        delete from user_id_mapping;
        update chat set booking_id = null;
        update chat set id = 'no uuid', created_at = '0000-00-00 00:00:00'
        where _row = 1;
        """,
    )
    result = audit.run_checkpoint("landing", run_id="r-1", docs_dir=tmp_path)
    assert result.passed, result.summary()
    no_booking = (
        "At least one booking was migrated: without one every chat will be skipped."
    )
    assert _told(result.warnings) == {
        ("chat", "id"),
        ("chat", "booking_id"),
        ("chat", "created_at"),
        ("bookings_created", no_booking),
    }
    bad_id = next(each for each in result.warnings if each.column == "id")
    assert (bad_id.unexpected_count, bad_id.sample) == (1, ("no uuid",))
    assert bad_id.observed == "1 unexpected of 2 rows"


#: What would run in a browser, in an attribute as well, and what no page shows.
EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>\x1b]0;x\x07\u202e'


def _unsafe(folder: Path) -> list[str]:
    """The files below a folder in which a planted value is markup, or drives a page."""
    assert any(path.suffix == ".html" for path in folder.rglob("*"))
    return [
        path.name
        for path in folder.rglob("*")
        if path.suffix in {".html", ".json"}
        and re.search(
            "<script>alert|<img src=x|[\x1b\x07\u202e]",
            path.read_text(encoding="utf-8"),
        )
    ]


def test_data_docs_run_nothing_that_the_landing_tables_hold(
    scratch: Connection, tmp_path: Path
) -> None:
    _land(scratch)
    schema = settings.staging_schema()
    for table, column in scratch.execute(
        "select table_name, column_name from information_schema.columns"
        " where table_schema = %s and data_type = 'text'",
        [schema],
    ).fetchall():
        place = [sql.Identifier(schema, table), sql.Identifier(column)]
        scratch.execute(
            sql.SQL("update {} set {} = {} || _row").format(*place, sql.Literal(EVIL))
        )
    added = sql.SQL("alter table {} add column {} text").format(
        sql.Identifier(schema, "message"), sql.Identifier("<script>alert(1)")
    )
    scratch.execute(added)
    result = audit.run_checkpoint("landing", run_id="r-1", docs_dir=tmp_path)
    assert len(result.failed) > 5
    assert _unsafe(tmp_path) == []
    pages = "".join(page.read_text() for page in tmp_path.rglob("*.html"))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in pages


def test_data_docs_run_nothing_that_the_live_tables_hold(
    scratch: Connection, tmp_path: Path
) -> None:
    _make_live(scratch)
    _publish(scratch)
    _run(
        scratch,
        settings.live_schema(),
        f"""
        alter table media drop constraint if exists media_media_type_check;
        alter table media alter media_type type text using media_type::text;
        update media set media_type = {sql.Literal(EVIL).as_string()};
        alter table chat_messages add "<script>alert(1)" text;
        """,
    )
    audit.run_checkpoint("live", run_id="r-1", docs_dir=tmp_path)
    assert _unsafe(tmp_path) == []


def test_nobody_else_reads_the_data_docs(scratch: Connection, tmp_path: Path) -> None:
    _land(scratch)
    before = os.umask(0)
    try:
        docs = tmp_path / "docs"
        audit.run_checkpoint("landing", run_id="r-1", docs_dir=docs)
    finally:
        os.umask(before)
    entries = [docs, *docs.rglob("*")]
    assert {entry.stat().st_mode & 0o077 for entry in entries} == {0}


def test_data_docs_that_cannot_be_written_are_named(
    scratch: Connection, tmp_path: Path
) -> None:
    _land(scratch)
    (tmp_path / "docs").write_text("a file where the folder should be")
    with pytest.raises(ArtifactsNotWritten, match="only read the database") as refused:
        audit.run_checkpoint("landing", run_id="r-1", docs_dir=tmp_path / "docs")
    assert str(refused.value).endswith("then run: ./inv audit.landing")


def test_landing_names_each_fault(scratch: Connection, tmp_path: Path) -> None:
    _land(scratch)
    _run(
        scratch,
        settings.staging_schema(),
        """
        update chat set id = 'garbage', is_active = 'yes', created_at = 'yesterday';
        update message set id = null, is_from = 'admin', is_unread = 'x';
        alter table message drop column is_image;
        delete from booking;
        update bookings_created set success = null where _row = 1;
        update user_id_mapping set new_id = 'person';
        """,
    )
    result = audit.run_checkpoint("landing", run_id="r-1", docs_dir=tmp_path)
    assert not result.passed
    assert _told(result.failed) == {
        ("chat", "id"),
        ("chat", "is_active"),
        ("chat", "created_at"),
        ("message", "id"),
        ("message", "is_from"),
        ("message", "is_unread"),
        ("message", "is_image"),
        ("message", "message has the columns that the models read."),
        ("booking", "The dump has at least one booking."),
        ("bookings_created", "success"),
        ("user_id_mapping", "new_id"),
    }
    observed = {each.observed for each in result.failed if each.column is None}
    assert observed == {"no column is_image", "0"}
    absent = [each for each in result.failed if each.column == "is_image"]
    assert all("could not be checked" in each.observed for each in absent)
    assert "message: expected: " in " ".join(map(str, result.failed))
    assert result.summary().startswith(
        f"checkpoint landing failed {len(result.failed)} of {result.expectations} "
    )
    assert json.loads(json.dumps(result.as_detail()))["passed"] is False


def test_live_passes_an_empty_target_that_lacks_the_optional_columns(
    scratch: Connection, tmp_path: Path
) -> None:
    _make_live(scratch)
    _run(
        scratch,
        settings.live_schema(),
        "alter table chat_messages drop column has_image;"
        "alter table media drop column created_at;",
    )
    result = audit.run_checkpoint("live", run_id="r-1", docs_dir=tmp_path)
    assert (result.failed, result.warnings) == ((), ())


def test_live_passes_published_rows_and_warns_of_the_application_s_own(
    scratch: Connection, tmp_path: Path
) -> None:
    """The application's faults are not the migration's; its other media are none."""
    _make_live(scratch)
    _publish(scratch)
    own_booking, own_chat, own_message = (uuid.UUID(int=n) for n in (11, 12, 13))
    _run(
        scratch,
        settings.live_schema(),
        f"""
        insert into bookings values ('{own_booking}', null, null, 'planned', now());
        insert into chats
        values ('{own_chat}', '{own_booking}', '2024-03-02', '2024-03-01');
        insert into chat_messages
        values
            ('{own_message}', '{own_chat}', '{BUYER}', '', false, true, '2024-01-01');
        insert into media
        values (gen_random_uuid(), null, 'avatar', '{UNKNOWN}', 'b.png', now());
        """,
    )
    result = audit.run_checkpoint("live", run_id="r-1", docs_dir=tmp_path)
    assert result.failed == ()
    assert [each.table for each in result.warnings] == [
        "chats",
        "chat_messages",
        "chat_messages",
    ]
    summary = result.summary()
    assert "with 3 warnings: chats: expected: No chat of the" in summary
    assert "before it was created; found: 1 unexpected row; chat_messages: " in summary


def test_live_names_each_fault(scratch: Connection, tmp_path: Path) -> None:
    _make_live(scratch)
    _publish(scratch)
    twin, stray = uuid.UUID(int=21), uuid.UUID(int=22)
    _run(
        scratch,
        settings.live_schema(),
        f"""
        alter table chats drop constraint chats_pkey, alter booking_id drop not null;
        alter table chat_messages drop constraint chat_messages_pkey,
            alter chat_id drop not null, alter sender_id drop not null,
            alter content drop not null;
        alter table media drop constraint media_pkey, alter file_path drop not null;
        alter table chats alter id drop not null;
        alter table chat_messages alter id drop not null;
        alter table media alter id drop not null;

        update chats set updated_at = '2024-02-01';
        insert into chats values ('{CHAT}', null), ('{twin}', '{BOOKING}');
        insert into chats values (null, '{UNKNOWN}');
        update chat_messages set content = null;
        insert into chat_messages
        values ('{stray}', '{UNKNOWN}', '{UNKNOWN}', ''), ('{stray}', null, null, ''),
            (null, '{twin}', '{BUYER}', '');
        update media set file_path = null, media_type = 'avatar';
        insert into media values ('{stray}', '{UNKNOWN}', 'chat_image', '{UNKNOWN}');
        insert into media values ('{stray}', null, 'avatar'), (null, null, 'avatar');
        """,
    )
    result = audit.run_checkpoint("live", run_id="r-1", docs_dir=tmp_path)
    critical = {
        (table, each["kwargs"].get("column") or each["description"])
        for table in ("chats", "chat_messages", "media")
        for each in _read("expectations", f"live_{table}")["expectations"]
        if each["severity"] == "critical"
    }
    assert _told(result.failed) == critical
    assert {each.severity for each in result.failed} == {"critical"}
    orphan = next(
        each
        for each in result.failed
        if each.description.startswith("The chat of every")
    )
    assert orphan.sample == (f"id {stray}, chat_id {UNKNOWN}",)


def test_a_missing_table_is_refused_with_the_command_that_makes_it(
    scratch: Connection, tmp_path: Path
) -> None:
    assert target.existing_tables(scratch) == []
    with pytest.raises(audit.NothingToAudit, match=r"chat.*\./inv load --dump"):
        audit.run_checkpoint("landing", run_id="r-1", docs_dir=tmp_path)
    with pytest.raises(audit.NothingToAudit, match=r"published_rows.*\./inv migrate"):
        audit.run_checkpoint("live", run_id="r-1", docs_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_checkpoint_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the checkpoints are landing, live"):
        audit.run_checkpoint("dead", run_id="r-1", docs_dir=tmp_path)


@pytest.mark.parametrize("digits", ["8837", "9999", "0000", "-1", "e5f6"])
def test_a_run_is_named_whatever_its_id_ends_in(digits: str) -> None:
    """The library takes "…Z-8837" for a time 88 hours off UTC, and raises."""
    run_id = f"20261121T090620Z-{digits}"
    before = datetime.now(timezone.utc)
    named = audit.run_identifier(run_id)
    assert named.run_name == run_id
    assert before <= named.run_time <= datetime.now(timezone.utc)
