"""Landing: a load replaces the landing tables whole, or leaves them as they were."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from harness import settings
from harness.errors import InputError
from harness.load import DumpError, LoadResult, landing

MARKETPLACE = settings.SAMPLES / "marketplace"
BOOKINGLESS = settings.SAMPLES / "bookingless"
Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def connection(database: dict[str, str]) -> Iterator[Connection]:
    with psycopg.connect(**database) as connection:  # type: ignore[arg-type]
        yield connection


def load(connection: Connection, dump: Path, **given: Any) -> LoadResult:
    arguments = {
        "bookings": str(MARKETPLACE / "bookings-created.json"),
        "users": str(MARKETPLACE / "user-id-mapping.json"),
        **given,
    }
    return landing.load(
        connection, run_id="run-1", dumps=[str(dump)], live_schema="public", **arguments
    )


def one(connection: Connection, query: str) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0] if len(row) == 1 else row


def landed(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "select relname, pg_class.oid from pg_class"
        " where relnamespace = to_regnamespace('staging') and relkind = 'r' order by 1"
    ).fetchall()


def test_marketplace_lands_every_row_and_says_so(connection: Connection) -> None:
    result = load(connection, MARKETPLACE / "marketplace.sql")
    loaded = {table.name: table.rows_loaded for table in result.tables}
    assert loaded == {
        "booking": 720,
        "buyer": 200,
        "chat": 800,
        "message": 6000,
        "stylist": 40,
    }
    for name, rows in loaded.items():
        assert one(connection, f"select count(*), max(_row) from staging.{name}") == (
            rows,
            rows,
        )
    recorded = connection.execute("select * from staging.loaded_tables order by 1")
    assert recorded.fetchall() == [
        (t.name, t.statements, t.rows_read, t.rows_loaded, t.rows_rejected)
        for t in result.tables
    ]
    assert one(connection, "select count(*) from staging.bookings_created") == 673
    assert one(connection, "select count(*) from staging.user_id_mapping") == 236
    assert result.rejected_reasons == {}
    assert result.warnings == ()


def test_content_arrives_to_the_byte(connection: Connection) -> None:
    load(connection, MARKETPLACE / "marketplace.sql")
    rows = connection.execute("select lower(id), message from staging.message")
    found: dict[str, str] = dict(rows.fetchall())
    with (MARKETPLACE / "expected_chat_messages.jsonl").open(encoding="utf-8") as lines:
        expected = [json.loads(line) for line in lines]
    assert expected
    assert [(m["id"], found[m["id"]]) for m in expected] == [
        (m["id"], m["content"]) for m in expected
    ]


def test_load_is_recorded(connection: Connection) -> None:
    dump = MARKETPLACE / "marketplace.sql"
    result = load(connection, dump)
    recorded = connection.execute(
        "select run_id, dump_name, dump_bytes, dump_sha256, dump_time_zone,"
        " has_bookings_file, has_users_file from staging.loads"
    ).fetchall()
    digest = hashlib.sha256(dump.read_bytes()).hexdigest()
    size = dump.stat().st_size
    assert recorded == [("run-1", dump.name, size, digest, "+00:00", True, True)]
    assert [item.kind for item in result.inputs] == ["dump", "bookings", "users"]
    assert [item.rows for item in result.inputs] == [7760, 673, 236]
    types = connection.execute(
        "select column_name, ordinal, mysql_type from staging.loaded_columns"
        " where table_name = 'message' order by ordinal"
    ).fetchall()
    assert types[0] == ("id", 1, "varchar(36)")
    assert types[-1] == ("created_at", 7, "datetime(6)")


def test_compressed_dump_lands_the_same(connection: Connection, tmp_path: Path) -> None:
    load(connection, BOOKINGLESS / "phase6.sql")
    summed = "select md5(string_agg(m::text, '' order by _row)) from staging.message m"
    plain = one(connection, summed)
    packed = tmp_path / "phase6.sql.gz"
    packed.write_bytes(gzip.compress((BOOKINGLESS / "phase6.sql").read_bytes()))
    result = load(connection, packed)
    assert one(connection, summed) == plain
    assert result.inputs[0].bytes == packed.stat().st_size


def test_a_second_load_replaces_the_first(connection: Connection) -> None:
    load(connection, MARKETPLACE / "marketplace.sql")
    connection.commit()
    connection.execute("create view public.reader as select * from staging.chat")
    load(connection, BOOKINGLESS / "phase6.sql", users=None)
    connection.commit()
    assert one(connection, "select count(*) from staging.chat") == 1914
    assert one(connection, "select count(*) from staging.loads") == 1
    assert one(connection, "select count(*) from staging.user_id_mapping") == 0
    assert one(connection, "select to_regclass('public.reader')") is None
    assert one(connection, "select to_regnamespace('staging_loading')") is None


def test_a_table_that_the_next_dump_lacks_is_dropped(
    connection: Connection, tmp_path: Path
) -> None:
    load(connection, MARKETPLACE / "marketplace.sql")
    dump = tmp_path / "without_buyer.sql"
    text = (MARKETPLACE / "marketplace.sql").read_bytes()
    dump.write_bytes(text.replace(b"`buyer`", b"`purchaser`"))
    result = load(connection, dump)
    assert "buyer" not in {table.name for table in result.tables}
    assert one(connection, "select to_regclass('staging.buyer')") is None


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (b"`message`", b"`letter`", r"no table message; tables found: .*letter"),
        (b"`is_unread`", b"`was_unread`", r"table message .*no column is_unread"),
        (b"-- Dump completed", b"-- Dump", "Dump completed"),
    ],
)
def test_a_refused_dump_leaves_the_previous_tables(
    connection: Connection, tmp_path: Path, old: bytes, new: bytes, named: str
) -> None:
    load(connection, MARKETPLACE / "marketplace.sql")
    connection.commit()
    before = landed(connection)
    dump = tmp_path / "refused.sql"
    text = (MARKETPLACE / "marketplace.sql").read_bytes()
    dump.write_bytes(text.replace(old, new))
    with pytest.raises(DumpError, match=named):
        load(connection, dump)
    connection.rollback()
    assert landed(connection) == before
    assert one(connection, "select count(*) from staging.message") == 6000


def test_rejected_rows_are_kept_with_place_and_reason(
    connection: Connection, tmp_path: Path
) -> None:
    text = (MARKETPLACE / "marketplace.sql").read_bytes()
    at = text.index(b"('", text.index(b"INSERT INTO `message`"))
    short = b"('one value'),\n"
    dump = tmp_path / "rejected.sql"
    dump.write_bytes(text[:at] + short + text[at:])
    result = load(connection, dump)
    rejected = connection.execute(
        "select table_name, line, byte_offset, reason, excerpt"
        " from staging.rejected_rows"
    ).fetchall()
    reason = "wrong number of values: expected 7, found 1"
    line = text.count(b"\n", 0, at) + 1
    assert rejected == [("message", line, at, reason, "('one value')")]
    assert result.rejected_reasons == {reason: 1}
    (message,) = (table for table in result.tables if table.name == "message")
    assert (message.rows_read, message.rows_loaded, message.rows_rejected) == (
        6001,
        6000,
        1,
    )


def test_more_rejected_rows_than_a_batch_keep_the_order_of_the_others(
    connection: Connection, tmp_path: Path
) -> None:
    text = (MARKETPLACE / "marketplace.sql").read_bytes()
    start = text.index(b"INSERT INTO `message`")
    rows = text[start:].replace(b"),\n(", b"),\n('x'),\n(")
    dump = tmp_path / "many.sql"
    dump.write_bytes(text[:start] + rows)
    load(connection, MARKETPLACE / "marketplace.sql")
    ordered = "select string_agg(id, ',' order by _row) from staging.message"
    plain = one(connection, ordered)
    result = load(connection, dump)
    assert one(connection, ordered) == plain
    rejected = sum(table.rows_rejected for table in result.tables)
    assert rejected > 5_000
    assert one(connection, "select count(*) from staging.rejected_rows") == rejected


def test_live_bookings_stand_in_for_the_missing_file(connection: Connection) -> None:
    connection.execute("create table public.bookings (id uuid primary key)")
    booking = "00000000-0000-4000-8000-000000000001"
    connection.execute("insert into public.bookings values (%s)", [booking])
    load(connection, MARKETPLACE / "marketplace.sql", bookings=None)
    rows = connection.execute("select id, success, error from staging.bookings_created")
    assert rows.fetchall() == [(booking, True, None)]
    assert one(connection, "select has_bookings_file from staging.loads") is False


def test_without_any_bookings_the_option_is_named(connection: Connection) -> None:
    with pytest.raises(InputError, match=r"no table public\.bookings .*--bookings"):
        load(connection, MARKETPLACE / "marketplace.sql", bookings=None)
