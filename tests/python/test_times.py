"""Times of a dump: read as MySQL reads them, by the models and by the validation.

A MariaDB server says what a literal is and when a clock showed it. What it takes with a
warning, or MySQL takes otherwise, is no time here and is listed.
"""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from harness import build, validate
from harness.database import Connection
from harness.database import target as database_target
from harness.linkage import Linkage
from tests.python.load import mariadb
from tests.python.test_models import MARTS, land_all
from tests.python.world import booking, chat, message

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia")
ZONEINFO = Path("/usr/share/zoneinfo")
STRICT = "STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,TIME_ROUND_FRACTIONAL"

#: The marts, and of their tests the one that counts the coercions.
BUILT = [
    *("--select", "+coercions_match_the_rows", "+chats", "+media"),
    *("--indirect-selection", "empty", "--exclude-resource-type", "unit_test"),
]

LITERALS = [
    "2024-01-03 15:00:00",
    "2024-01-03T15:00:00",
    "2024-01-03T15:00",
    "2024-01-03 15:00",
    "2024-01-03 15",
    "2024-01-03 15:",
    "2024-01-03 15:00:",
    "2024-01-03 15:00:00.",
    "2024-01-03-",
    "2024-01-03 15:00:00.5",
    "2024-01-03 15:00:00.1234565",
    "2024-01-03 15:00:00.1234564999",
    "2024-01-03T15:00:00.0000000",
    "2024-12-31 23:59:59.9999999",
    "2024-1-3 5:7:9",
    "2024-1-3",
    "2024-001-003 005:7:9",
    "24-01-03 15:00:00",
    "69-12-31",
    "70-01-01",
    "00-01-01",
    "02024-01-03",
    "424-01-03",
    "1-1-1",
    "2024/01/03",
    "2024.01.03 15.00",
    "2024.01.03 15.00.30.5",
    "2024^01^03 15*00*00",
    "2024@01@03@15@00@00",
    "2024_01_03",
    "2024-01-03  \t 15:00:00",
    "2024-01-03\n15:00",
    " \t2024-01-03 15:00:00\r\n",
    "20240103150000",
    "20240103150000.5",
    "20240103T150000",
    "240103T150000.25",
    "240103150000",
    "2401031500",
    "20240103",
    "240103",
    "24010315",
]
#: No time to MySQL or MariaDB, or with a warning.
NO_TIMES = [
    "",
    "now",
    "infinity",
    "0",
    "00000000",
    "0000-00-00",
    "0000-00-00 00:00:00",
    "2024-00-03",
    "2024-02-30",
    "2023-02-29 10:00",
    "2024-13-01",
    "240230",
    "10000-01-01",
    "2024-01-03 24:00:00",
    "2024-01-03T23:60",
    "2024-01-03 23:59:60",
    "2024-01-03t15:00:00",
    "2024-01-03T15:00:00Z",
    "2024-01-03 15:00:00+01:00",
    "2024-01-03 15:00:00 UTC",
    "2024-01-03 03:00:00 PM",
    "2024-01-03 15:00:00,5",
    "2024-01-03 15:00:00 .5",
    "2024-01-03 15:00:00;",
    "2024--01--03",
    "2024 01 03",
    "2024-01- 03",
    "2024-01-03 15: 00",
    "2024-01-03 -15:00",
    "2024-01-03 150000",
    "2024-01-0315:00:00",
    "20240103 15:00:00",
    "20240103T1500",
    "20240103.5",
    "202401031500",
    "2024-Jan-03",
    "2024-01-03\u00a015:00",
    "２０２４-01-03",  # noqa: RUF001 - digits that are no digits to MySQL
]
#: MariaDB reads these; MySQL reads another time, or another when there are no quotes.
AMBIGUOUS = ["70103", "00240103", "00240103150000", "+2024-01-03", "2024.012.1"]


def fuzzed(seed: int, count: int) -> list[str]:
    """Literals of all kinds, most of them readable."""
    rng = random.Random(seed)  # noqa: S311 - the same literals every time

    def number(value: int) -> str:
        return rng.choice(["{}", "{:02}", "{:02}", "{:02}", "{:03}"]).format(value)

    def literal() -> str:
        sign = rng.choice("--/:,_@^#%&*+=|~!?;")
        date = [rng.choice(["2024", "2023", "24", "99", "9999"])]
        date += [number(rng.choice(v)) for v in ([1, 2, 12, 13], [1, 28, 29, 30, 31])]
        parts = [
            number(rng.choice([0, 5, 23, 24, 59])) for _ in range(rng.randint(0, 3))
        ]
        text = sign.join(date)
        if parts:
            text += rng.choice([" ", "T", "  ", sign, ".", "t", ""])
            text += rng.choice([":", ":", "-", ".", ""]).join(parts)
        if len(parts) == 3 and rng.random() < 0.7:
            text += rng.choice("..,") + "".join(rng.choices("0123456789", k=7))
        return text + rng.choice([""] * 8 + [" ", ":", "Z", "\n", "/"])

    return [literal() for _ in range(count)]


def quoted(text: str) -> str:
    return f"convert(x'{text.encode().hex()}' using utf8mb4)" if text else "''"


@pytest.fixture(scope="module")
def server() -> Iterator[mariadb.MariaDB]:
    if missing := mariadb.missing():
        pytest.skip(f"no MariaDB server here: {', '.join(missing)} not installed")
    with mariadb.running() as server:
        for zone in ZONES:
            tables = subprocess.run(
                ["mariadb-tzinfo-to-sql", str(ZONEINFO / zone), zone],
                stdout=subprocess.PIPE,
                check=True,
            ).stdout
            server.run(tables.decode(), "mysql")
        server.run("create database times")
        yield server


def read_by_mariadb(
    server: mariadb.MariaDB, literals: Sequence[str], kind: str
) -> dict[str, datetime]:
    """What the server stores of the literals that it takes in such a column."""
    inserts = "".join(
        f"insert into l select {n}, {quoted(text)};\n"
        for n, text in enumerate(literals)
    )
    server.run(
        f"create or replace table l (n int, at {kind} null);"
        f"set sql_mode = '{STRICT}', time_zone = '+00:00';\n{inserts}",
        "--force",
        "--silent",
        "times",
    )
    rows = server.select(
        "set time_zone = '+00:00';"
        "select hex(concat(n)), hex(date_format(at, '%Y-%m-%d %H:%i:%s.%f')) from l",
        "times",
    )
    return {
        literals[int(n or 0)]: datetime.strptime(at or "", "%Y-%m-%d %H:%M:%S.%f")
        for n, at in rows
    }


def landed_times(
    connection: Connection,
    literals: Sequence[str],
    *,
    kind: str,
    source_zone: str = "UTC",
    dump_zone: str | None = "+00:00",
) -> dict[str, tuple[datetime | None, str | None]]:
    """The instants and rules that the models give messages of these times.

    The validation's own derivation gives the same instants.
    """
    messages = [
        message(n, 1, created_at=text) for n, text in enumerate(literals, start=1)
    ]
    land_all(connection, chats=[chat(1)], messages=messages, bookings=[booking(1)])
    connection.execute(
        "update staging.loaded_columns set mysql_type = %s"
        " where table_name = 'message' and column_name = 'created_at'",
        [kind],
    )
    connection.execute("update staging.loads set dump_time_zone = %s", [dump_zone])
    connection.commit()
    zone = json.dumps({"source_timezone": source_zone})
    built = build.build(database_target(), [*BUILT, "--vars", zone])
    assert not built.failures
    validate.derive(connection, source_zone, Linkage())
    for mart, columns in MARTS.items():
        both = [
            connection.execute(
                f"select {columns} from {relation} order by id"
            ).fetchall()
            for relation in (f"marts.{mart}", f"expected_{mart}")
        ]
        assert both[0] == both[1]
    rows = connection.execute(
        "select message.created_at, marts.chat_messages.created_at at time zone 'UTC',"
        " coercions.rule from staging.message"
        " inner join marts.chat_messages on message.id = chat_messages.id::text"
        " left join marts.coercions on coercions.table_name = 'message'"
        " and coercions.row_id = message.id and coercions.column_name = 'created_at'"
    ).fetchall()
    assert len(rows) == len(literals)
    return {
        text: (None if rule == "created_at_invalid" else at, rule)
        for text, at, rule in rows
    }


@pytest.mark.parametrize(
    "kind", ["datetime(6)", "datetime", "datetime(3)", "timestamp", "timestamp(6)"]
)
def test_a_literal_is_read_as_a_server_reads_it(
    connection: Connection,
    environment: dict[str, str],
    server: mariadb.MariaDB,
    kind: str,
) -> None:
    literals = list(dict.fromkeys([*LITERALS, *NO_TIMES, *fuzzed(7, 400)]))
    if kind.startswith("timestamp"):
        # What the server's range leaves out, before 1970 and from 2038, is a time here.
        known = read_by_mariadb(server, literals, "datetime(6)")
        outside = {text for text, at in known.items() if not 1970 < at.year < 2038}
        literals = [text for text in literals if text not in outside]
    expected = read_by_mariadb(server, literals, kind)
    found = landed_times(connection, literals, kind=kind)
    assert {text: at for text, (at, _) in found.items() if at} == expected
    assert len(expected) > 60


def test_a_literal_that_two_servers_read_otherwise_is_listed(
    connection: Connection, environment: dict[str, str]
) -> None:
    found = landed_times(connection, AMBIGUOUS, kind="datetime(6)")
    assert set(found.values()) == {(None, "created_at_invalid")}


CHANGES = {
    "Europe/Berlin": ["2024-03-31 02:00:00", "2024-10-27 02:00:00"],
    "America/New_York": ["2024-03-10 02:00:00", "2024-11-03 01:00:00"],
    "Australia/Lord_Howe": ["2024-10-06 02:00:00", "2024-04-07 01:30:00"],
    "Pacific/Apia": ["2011-12-30 00:00:00", "2012-04-01 03:00:00"],
}


@pytest.mark.parametrize(
    ("zone", "column"),
    [*((zone, "datetime") for zone in ZONES), ("Europe/Berlin", "timestamp")],
)
def test_a_change_of_the_clock_is_read_as_a_server_reads_it(
    connection: Connection,
    environment: dict[str, str],
    server: mariadb.MariaDB,
    zone: str,
    column: str,
) -> None:
    shown = sorted(
        str(
            datetime.fromisoformat(change) + timedelta(minutes=minutes, seconds=seconds)
        )
        for change in CHANGES[zone]
        for minutes in range(-120, 181, 15)
        for seconds in (-1, 0)
    )
    listed = ", ".join(f"('{text}')" for text in shown)
    server.run(
        f"create or replace table z (at datetime); insert into z values {listed}",
        "times",
    )
    rows = server.select(
        f"select hex(concat(at)), hex(convert_tz(at, '{zone}', '+00:00')) from z",
        "times",
    )
    expected = {at: datetime.fromisoformat(utc or "") for at, utc in rows}
    zones = {"datetime": (zone, "+00:00"), "timestamp": ("UTC", zone)}[column]
    found = landed_times(
        connection, shown, kind=column, source_zone=zones[0], dump_zone=zones[1]
    )
    assert {text: at for text, (at, _) in found.items()} == expected
    # The order that the clock showed is the order in the chat.
    assert [found[text][0] for text in shown] == sorted(
        at for at, _ in found.values() if at
    )
    rules = [rule for _, rule in found.values()]
    assert rules.count("created_at_ambiguous") > 3
    assert rules.count("created_at_nonexistent") > 3
