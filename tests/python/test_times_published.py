"""Times from the dump to the live tables: load, build, publish and validate."""

from __future__ import annotations

import json
from datetime import timezone
from pathlib import Path

import pytest

from harness import build, database, ledger, target, validate
from harness.build import BuildResult
from harness.database import Connection
from harness.load import LoadResult, landing
from tests.python import world
from tests.python.load.dumps import extended, signed, table

BUYER, STYLIST = world.BUYER, world.STYLIST
BOOKING, CHAT = world.identifier("d", 1), world.identifier("c", 1)
MIGRATION = ("--selector", "migration", "--exclude-resource-type", "unit_test")


def dump(kind: str, times: list[str], *settings: str) -> bytes:
    """One chat of the booking; a message for each time, with no blank around it."""

    def key(name: str) -> str:
        return f"`{name}` varchar(36)"

    people = (key("id"), key("buyer_id"), key("stylist_id"))
    dates = (f"`created_at` {kind}", f"`updated_at` {kind}")
    rows = [
        (
            f"'{world.identifier('e', n)}'",
            f"'{CHAT}'",
            f"'m{n}'",
            "'buyer'",
            "0",
            "0",
            at,
        )
        for n, at in enumerate(times, start=1)
    ]
    day = "'2024-01-01 10:00:00'"
    return signed(
        table("booking", *people, "`status` varchar(20)", *dates)
        + table("chat", *people, key("booking_id"), "`is_active` tinyint", *dates)
        + table(
            "message",
            *(key("id"), key("chat_id"), "`message` text", "`is_from` varchar(9)"),
            *("`is_unread` tinyint", "`is_image` tinyint", dates[0]),
        )
        + "".join(f"{setting};\n" for setting in settings)
        + extended(
            "booking",
            [(f"'{BOOKING}'", f"'{BUYER}'", f"'{STYLIST}'", "'completed'", day, day)],
        )
        + extended(
            "chat",
            [
                (
                    *(f"'{CHAT}'", f"'{BUYER}'", f"'{STYLIST}'", f"'{BOOKING}'"),
                    *("1", day, day),
                )
            ],
        )
        + extended("message", rows)
    )


def land(connection: Connection, folder: Path, data: bytes) -> LoadResult:
    path, bookings = folder / "dump.sql", folder / "bookings.json"
    path.write_bytes(data)
    bookings.write_text(json.dumps({"results": [{"id": BOOKING, "success": True}]}))
    run_id = ledger.new_run_id()
    ledger.ensure(connection)
    ledger.begin_run(connection, run_id, target="test")
    loaded = landing.load(
        connection,
        run_id=run_id,
        dumps=[str(path)],
        bookings=str(bookings),
        users=None,
        live_schema="public",
    )
    connection.commit()
    return loaded


def built(source_zone: str = "UTC") -> BuildResult:
    zone = json.dumps({"source_timezone": source_zone})
    return build.build(database.target(), [*MIGRATION, "--vars", zone])


def published_times(connection: Connection, source_zone: str = "UTC") -> list[str]:
    """Build, publish and validate; the messages' live times, in the dump's order."""
    assert not built(source_zone).failures
    target.create(connection)
    target.fill(connection)
    run = ledger.current_run(connection)
    ledger.set_status(connection, run.run_id, "built")
    connection.commit()
    world.publish(connection)
    connection.commit()
    assert validate.validate(connection).is_valid
    rows = connection.execute("select created_at from chat_messages order by id")
    return [
        at.astimezone(timezone.utc).replace(tzinfo=None).isoformat(" ")
        for (at,) in rows.fetchall()
    ]


def coerced(connection: Connection) -> list[tuple[str, str, str]]:
    return connection.execute(
        "select old_value, rule, new_value from marts.coercions"
        " where table_name = 'message' order by source_row"
    ).fetchall()


@pytest.mark.parametrize("setting", ["SET time_zone = 'SYSTEM'", "SET NAMES utf8mb4"])
def test_a_dump_without_a_zone_is_carried_in_that_of_the_source(
    connection: Connection, environment: dict[str, str], tmp_path: Path, setting: str
) -> None:
    data = dump("timestamp(6)", ["'2024-07-01 12:00:00.5'"], setting)
    (warning,) = land(connection, tmp_path, data).warnings
    assert "(booking.created_at, booking.updated_at, chat.created_at" in warning
    assert "message.created_at): they are taken as UTC" in warning
    times = published_times(connection, "+02:00")
    assert times == ["2024-07-01 10:00:00.500000"]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("SET time_zone = 'EUROPE/berlin'", "2024-07-01 10:00:00"),
        ("SET time_zone = 'Etc/GMT+2'", "2024-07-01 14:00:00"),
        ("SET time_zone = '+5:30'", "2024-07-01 06:30:00"),
    ],
)
def test_the_zone_of_a_dump_counts_for_its_timestamps(
    connection: Connection,
    environment: dict[str, str],
    tmp_path: Path,
    setting: str,
    expected: str,
) -> None:
    loaded = land(
        connection, tmp_path, dump("timestamp", ["'2024-07-01 12:00'"], setting)
    )
    assert loaded.warnings == ()
    assert published_times(connection, "America/New_York") == [expected]


def test_the_literals_of_a_script_are_carried_as_mysql_reads_them(
    connection: Connection, environment: dict[str, str], tmp_path: Path
) -> None:
    fifteen = [
        "'2024-01-03T15:00:00'",
        "'2024-01-03 15:00'",
        "'2024-01-03 15:00:00.0000000'",
        "'2024/1/3 15.0'",
        "'24-01-03T15'",
        "20240103150000",
        "'20240103T150000'",
        "' 2024-01-03 15:00:00\\n'",
    ]
    lost = ["'2024-01-03 15:00:00.4'", "'2024-01-03 14:59:59.5000001'"]
    none = ["'2024-02-30 15:00'", "'2024-01-03T15:00:00Z'", "'0000-00-00'"]
    land(connection, tmp_path, dump("datetime", [*fifteen, *lost, *none]))
    assert published_times(connection) == (
        ["2024-01-03 15:00:00"] * 10 + ["2024-01-01 10:00:00"] * 3
    )
    at, chats = "2024-01-03 15:00:00.000000+00", "2024-01-01 10:00:00.000000+00"
    assert coerced(connection) == [
        ("2024-01-03 15:00:00.4", "created_at_rounded", at),
        ("2024-01-03 14:59:59.5000001", "created_at_rounded", at),
        ("2024-02-30 15:00", "created_at_invalid", chats),
        ("2024-01-03T15:00:00Z", "created_at_invalid", chats),
        ("0000-00-00", "created_at_invalid", chats),
    ]


@pytest.mark.parametrize(
    ("kind", "settings", "source"),
    [
        ("datetime(3)", ("SET time_zone = '+00:00'",), "Europe/Berlin"),
        ("timestamp(3)", ("SET time_zone = 'Europe/Berlin'",), "UTC"),
        ("timestamp(3)", (), "Europe/Berlin"),
    ],
)
def test_changes_of_the_clock_are_listed_and_keep_the_order(
    connection: Connection,
    environment: dict[str, str],
    tmp_path: Path,
    kind: str,
    settings: tuple[str, ...],
    source: str,
) -> None:
    given = [
        *("2024-03-31 01:59:59.999", "2024-03-31 02:00:00", "2024-03-31 02:45:00.9"),
        *("2024-03-31 03:00:00.100", "2024-10-27 01:59:59.999", "2024-10-27 02:00:00"),
        *("2024-10-27 02:59:59.999", "2024-10-27 03:00:00"),
    ]
    data = dump(kind, [f"'{at}'" for at in given], *settings)
    land(connection, tmp_path, data)
    times = published_times(connection, source)
    assert times == [
        "2024-03-31 00:59:59.999000",
        "2024-03-31 01:00:00",
        "2024-03-31 01:00:00",
        "2024-03-31 01:00:00.100000",
        "2024-10-26 23:59:59.999000",
        "2024-10-27 00:00:00",
        "2024-10-27 00:59:59.999000",
        "2024-10-27 02:00:00",
    ]
    assert [(old, rule) for old, rule, _ in coerced(connection)] == [
        (given[1], "created_at_nonexistent"),
        (given[2], "created_at_nonexistent"),
        (given[5], "created_at_ambiguous"),
        (given[6], "created_at_ambiguous"),
    ]


@pytest.mark.parametrize("zone", ["+02", "UTC+2", "cet", "CEST", "it's"])
def test_a_source_zone_that_is_taken_otherwise_stops_the_build_by_name(
    connection: Connection, environment: dict[str, str], tmp_path: Path, zone: str
) -> None:
    land(connection, tmp_path, dump("datetime", ["'2024-01-01 00:00:00'"]))
    vars_ = json.dumps({"source_timezone": zone})
    select = ("--select", "+int_source_time_zones")
    (failure,) = build.build(database.target(), [*select, "--vars", vars_]).failures
    assert f"source_timezone is '{zone}'" in failure.said
    assert "dbt_project.yml" in failure.said
