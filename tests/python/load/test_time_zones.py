"""The zone of TIMESTAMPs: read as MySQL reads it, or missing and said to be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from harness import variables
from harness.assess import assess
from harness.errors import UsageError
from harness.load import DumpError, LoadResult, landing
from harness.load.selection import Selection
from tests.python.load.dumps import extended, read, signed, table

STAMPED = table("t", "`id` int", "`at` timestamp", "`on` datetime")
ROW = extended("t", [("'1'", "'2024-01-01 00:00:00'", "'2024-01-01 00:00:00'")])


def dumped(*settings: str, created: str = STAMPED) -> str:
    return created + "".join(f"{setting};\n" for setting in settings) + ROW


def write(folder: Path, dump: str) -> Path:
    path = folder / "dump.sql"
    path.write_bytes(signed(dump))
    return path


def land(connection: psycopg.Connection[Any], path: Path) -> LoadResult:
    return landing.load(
        connection,
        run_id="zones",
        dumps=[str(path)],
        bookings=None,
        users=None,
        live_schema="public",
        selection=Selection(frozenset({"t"})),
    )


@pytest.mark.parametrize(
    ("value", "zone"),
    [
        ("'+00:00'", "+00:00"),
        ("'-00:00'", "+00:00"),
        ("'-0:00'", "+00:00"),
        ("'+5:30'", "+05:30"),
        ("'+05:3'", "+05:03"),
        ("'+005:30'", "+05:30"),
        ("'+:30'", "+00:30"),
        ("'-03:00'", "-03:00"),
        ("'+14:00'", "+14:00"),
        ("'-13:59'", "-13:59"),
        ("'Europe/Berlin'", "Europe/Berlin"),
        ("'SYSTEM'", None),
        ("'system'", None),
        ('"System"', None),
        ("SYSTEM", None),
        ("DEFAULT", None),
        ("@@global.time_zone", None),
        ("@@GLOBAL.TIME_ZONE", None),
        ("@OLD_TIME_ZONE", None),
        ("IFNULL(@OLD_TIME_ZONE, 'SYSTEM')", None),
    ],
)
def test_a_zone_is_read_as_mysql_reads_it(value: str, zone: str | None) -> None:
    for setting in (f"SET time_zone = {value}", f"SET @@session.time_zone := {value}"):
        assert read(signed(dumped(setting))).summary.time_zone == zone


def test_two_spellings_are_one_zone() -> None:
    again = dumped("SET time_zone = '+0:00'") + "SET time_zone = '-00:00';\n" + ROW
    assert len(read(signed(again)).rows["t"]) == 2


@pytest.mark.parametrize(
    "settings", [(), ("SET time_zone = 'SYSTEM'",), ("SET TIME_ZONE=@OLD_TIME_ZONE",)]
)
def test_a_dump_without_a_zone_is_warned_of(
    connection: psycopg.Connection[Any], tmp_path: Path, settings: tuple[str, ...]
) -> None:
    path = write(tmp_path, dumped(*settings))
    expected = (
        "the dump names no time zone for its TIMESTAMPs (t.at): they are taken as UTC, "
        "which source_timezone in dbt_project.yml decides"
    )
    result = land(connection, path)
    assert result.warnings == (expected,)
    assert result.time_zone is None
    found = assess([str(path)], Selection(frozenset({"t"})))
    assert found.warnings == [expected]
    assert found.can_be_loaded


@pytest.mark.parametrize(
    "dump",
    [
        dumped("SET time_zone = '+00:00'"),
        dumped("SET time_zone = 'utc'"),
        dumped(created=table("t", "`id` int", "`at` datetime", "`on` datetime")),
        STAMPED + table("u") + extended("u", [("'1'", "'2'")]),
        dumped(created=table("t", "`id` int", "`at` text", "`on` text"))
        + table("other", "`at` timestamp")
        + extended("other", [("'2024-01-01 00:00:00'",)]),
    ],
    ids=["offset", "name", "no timestamp", "no row", "of another table"],
)
def test_no_warning_where_no_zone_is_missing(
    connection: psycopg.Connection[Any], tmp_path: Path, dump: str
) -> None:
    path = write(tmp_path, dump)
    assert land(connection, path).warnings == ()
    assert assess([str(path)], Selection(frozenset({"t"}))).warnings == []


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("europe/berlin", "Europe/Berlin"),
        ("EUROPE/BERLIN", "Europe/Berlin"),
        ("utc", "UTC"),
        ("etc/gmt+2", "Etc/GMT+2"),
        ("CET", "Europe/Brussels"),
        ("wet", "Europe/Lisbon"),
        ("+5:30", "+05:30"),
    ],
)
def test_a_zone_lands_as_postgresql_reads_it(
    connection: psycopg.Connection[Any], tmp_path: Path, given: str, taken: str
) -> None:
    path = write(tmp_path, dumped(f"SET time_zone = '{given}'"))
    assert land(connection, path).time_zone == taken
    landed = connection.execute("select dump_time_zone from staging.loads").fetchall()
    assert landed == [(taken,)]


NONSENSE = ["+25:00", "+05:60", "-14:00", "+0530", "+05", "5:30", " +05:30", ""]
#: PostgreSQL takes the last four for something: POSIX zones and abbreviations.
UNKNOWN = ["Mars/Phobos", "UTC+2", "GMT-3", "CEST", "BST"]


@pytest.mark.parametrize("zone", NONSENSE + UNKNOWN)
def test_a_zone_that_is_none_is_refused_by_name(
    connection: psycopg.Connection[Any], tmp_path: Path, zone: str
) -> None:
    path = write(tmp_path, dumped(f"SET time_zone = '{zone}'"))
    with pytest.raises(DumpError) as refused:
        land(connection, path)
    assert repr(zone) in str(refused.value)
    assert "SET TIME_ZONE" in str(refused.value)
    found = assess([str(path)], Selection(frozenset({"t"})))
    assert bool(found.problems) == (zone in NONSENSE)
    assert all(repr(zone) in problem for problem in found.problems)


def test_a_zone_that_nothing_is_in_hinders_nothing(
    connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    created = table("t", "`id` int", "`at` datetime", "`on` datetime")
    path = write(tmp_path, dumped("SET time_zone = 'Mars/Phobos'", created=created))
    assert land(connection, path).warnings == ()
    assert assess([str(path)], Selection(frozenset({"t"}))).problems == []


@pytest.mark.parametrize("zone", ["+02", "+0200", "2", "", "Europe / Berlin"])
def test_a_variable_that_is_no_zone_is_refused(
    monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    monkeypatch.setattr(variables, "_variables", lambda: {"source_timezone": zone})
    with pytest.raises(UsageError, match="source_timezone"):
        variables.source_timezone()
