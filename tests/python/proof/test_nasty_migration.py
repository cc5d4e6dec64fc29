"""A whole migration of nasty texts: what a MariaDB server holds is what is live.

The messages hold control characters, quotes, backslashes, NULs, separators of dumps and
of COPY, and characters from all planes, at random. The server that holds them is the
truth; NUL alone, which PostgreSQL cannot hold, is U+FFFD afterwards.
``CARRYOVER_NASTY_MESSAGES`` is how many there are, ``CARRYOVER_NASTY_SEED`` where the
random numbers begin.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import settings
from harness.database import Connection
from tests.python import world
from tests.python.load import mariadb
from tests.python.load.test_fuzz import BEYOND, SPECIAL

pytestmark = pytest.mark.slow

MESSAGES = int(os.environ.get("CARRYOVER_NASTY_MESSAGES", "600"))
SEED = int(os.environ.get("CARRYOVER_NASTY_SEED", "20261127"))
CHATS = 20
PIECES = [
    *("\\N", "\\.", "NULL", "),('", "');", "\\'", "''", '""', "\\\\Z", "\r\n", "\t"),
    *(
        "-- x\n",
        "/*!40101 */",
        "<script>alert(1)</script>",
        "=HYPERLINK(1)",
        "{x}",
        "%s",
    ),
    *(chr(code) for code in (*range(1, 32), 127, 0x85, 0xA0, 0x2028, 0x200E)),
]
TABLES = """
create table booking (id varchar(36) primary key, status varchar(20) not null,
    created_at datetime(6) not null, updated_at datetime(6) not null,
    buyer_id varchar(36), stylist_id varchar(36));
create table chat (id varchar(36) primary key, buyer_id varchar(36),
    stylist_id varchar(36), booking_id varchar(36), is_active tinyint not null,
    created_at datetime(6) not null, updated_at datetime(6) not null);
create table message (id varchar(36) primary key, chat_id varchar(36),
    message longtext, is_from varchar(255), is_unread tinyint, is_image tinyint,
    created_at datetime(6) not null);
"""


def nasty(draw: random.Random) -> bytes:
    """A text as bad as texts get, in UTF-8."""
    kind, length = draw.random(), draw.choice([0, 1, 2, 5, 30, 300])
    if kind < 0.3:
        return bytes(draw.choice(SPECIAL) for _ in range(length))
    if kind < 0.6:
        return bytes(draw.randrange(128) for _ in range(length))
    if kind < 0.8:
        return "".join(draw.choice(PIECES) for _ in range(length)).encode()
    return "".join(draw.choice([*BEYOND, *PIECES]) for _ in range(length)).encode()


def quoted(*values: object) -> str:
    return "(" + ", ".join(f"'{value}'" for value in values) + ")"


def fill(server: mariadb.MariaDB) -> None:
    """Make the source system with its nasty messages."""
    draw = random.Random(SEED)  # noqa: S311 - a test's
    bookings = [
        quoted(
            world.identifier("d", n), "completed", "2024-01-01", "2024-01-01",
            world.BUYER, world.STYLIST,
        )
        for n in range(CHATS)
    ]  # fmt: skip
    chats = [
        quoted(
            world.identifier("c", n), world.BUYER, world.STYLIST,
            world.identifier("d", n), 1, "2024-01-02", "2024-01-03",
        )
        for n in range(CHATS)
    ]  # fmt: skip
    messages = [
        f"('{world.identifier('e', n)}', '{world.identifier('c', n % CHATS)}',"
        f" convert(x'{nasty(draw).hex()}' using utf8mb4), 'buyer', {n % 2}, 0,"
        " '2024-01-02 09:00:00.000001')"
        for n in range(MESSAGES)
    ]
    server.run(
        f"create database chat_system character set utf8mb4; use chat_system; {TABLES}"
        f"insert into booking values {', '.join(bookings)};"
        f"insert into chat values {', '.join(chats)};"
        f"insert into message values {', '.join(messages)};"
    )


@pytest.fixture(scope="module")
def server() -> Iterator[mariadb.MariaDB]:
    if missing := mariadb.missing():
        pytest.skip(f"no MariaDB server here: {', '.join(missing)} not installed")
    with mariadb.running() as running:
        fill(running)
        yield running


@pytest.mark.parametrize(
    "options",
    [[], ["--default-character-set=binary", "--hex-blob", "--skip-extended-insert"]],
    ids=["as usual", "binary, a statement a row"],
)
def test_every_nasty_message_is_live_as_the_server_has_it(
    server: mariadb.MariaDB,
    environment: dict[str, str],
    connection: Connection,
    tmp_path: Path,
    options: list[str],
) -> None:
    dump, bookings = tmp_path / "dump.sql", tmp_path / "bookings.json"
    dump.write_bytes(server.dump([*options, "chat_system"]))
    results = [{"id": world.identifier("d", n), "success": True} for n in range(CHATS)]
    bookings.write_text(json.dumps({"results": results}))
    inv("load", "--verify-dump", "--dump", str(dump), "--bookings", str(bookings))
    inv("target.create")
    said = inv("migrate", "--execute", "--dump", str(dump), "--bookings", str(bookings))
    assert "all as the source has them" in said
    rows = server.select("select hex(id), hex(message) from message", "chat_system")
    live = dict(
        connection.execute("select id::text, content from chat_messages").fetchall()
    )
    wrong = [
        key
        for key, text in rows
        if key and live.get(key) != (text or "").replace("\0", "\ufffd")
    ]
    assert (len(live), wrong) == (MESSAGES, [])


def inv(*argv: str) -> str:
    """Run a task in the test's environment; what it says of its course."""
    done = subprocess.run(
        [sys.executable, "-m", "harness", *argv],
        cwd=settings.PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr
