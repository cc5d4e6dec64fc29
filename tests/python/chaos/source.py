"""A made-up chat system's dump, large enough that every stage lasts long enough.

The same for the same arguments, whatever the machine. Its texts are long, so that the
dump is read by a parser process (from 8 MB on) though its rows are few.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from harness.bench.messages import TABLES

_SEED = 4
_FIRST_DAY = datetime(2024, 1, 1)
_ROWS_IN_A_STATEMENT = 500
_TEXTS = 200
_WORDS = [
    "hei",
    "ja",
    "takk",
    "fint",
    "lørdag",
    "😊",
    "o''clock",
    "50%",
    "C:\\\\bilder",
]

_HEADER = """\
-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
/*!50503 SET NAMES utf8mb4 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
"""
_TRAILER = """\
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;
-- Dump completed on 2024-11-01  3:00:00
"""


@dataclass(frozen=True)
class Source:
    """A dump and the file of the bookings that were created from it."""

    dump: Path
    bookings: Path

    @property
    def arguments(self) -> list[str]:
        """The flags that name the files to a task."""
        return ["--dump", str(self.dump), "--bookings", str(self.bookings)]


def identifier(kind: str, number: int) -> str:
    """Make a UUID that shows what it is of: ``kind`` is one hexadecimal digit."""
    return f"{kind * 8}-0000-4000-8000-{number:012d}"


def write(
    folder: Path,
    *,
    chats: int,
    messages_each: int,
    text_bytes: int = 700,
    edited: int = 0,
) -> Source:
    """Write a dump with this many chats, and messages of about this length.

    Every tenth chat is not active, every seventh booking has a second chat, which is
    merged into the first; a message in ten is an image and one in five is unread. The
    first ``edited`` messages have other texts than in a dump without.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(_SEED)  # noqa: S311 - the same dump every time
    found = Source(folder / "chat_system.sql", folder / "bookings-created.json")
    numbers, messages = range(1, chats + 1), chats * messages_each
    with found.dump.open("w", encoding="utf-8") as dump:
        dump.write(_HEADER + TABLES)
        for table, rows in (
            ("booking", map(_booking, numbers)),
            ("chat", map(_chat, numbers)),
            (
                "message",
                _messages(rng, messages, chats, text_bytes, edited),
            ),
        ):
            _insert(dump, table, rows)
        dump.write(_TRAILER)
    created = [{"id": identifier("d", n), "success": True} for n in numbers]
    found.bookings.write_text(json.dumps({"results": created}))
    return found


def _insert(dump, table: str, rows: Iterator[str]) -> None:  # type: ignore[no-untyped-def]
    statement: list[str] = []
    for row in rows:
        statement.append(row)
        if len(statement) == _ROWS_IN_A_STATEMENT:
            dump.write(f"INSERT INTO `{table}` VALUES {','.join(statement)};\n")
            statement = []
    if statement:
        dump.write(f"INSERT INTO `{table}` VALUES {','.join(statement)};\n")


def _booking(number: int) -> str:
    buyer, stylist = identifier("a", number % 50), identifier("b", number % 7)
    return (
        f"('{identifier('d', number)}','{buyer}','{stylist}','completed',"
        f"'{_time(number)}')"
    )


def _chat(number: int) -> str:
    of_booking = number - 1 if number % 7 == 0 else number
    buyer, stylist = identifier("a", of_booking % 50), identifier("b", of_booking % 7)
    is_active = 0 if number % 10 == 0 else 1
    return (
        f"('{identifier('c', number)}','{identifier('d', of_booking)}','{buyer}',"
        f"'{stylist}',{is_active},'{_time(number)}','{_time(number + 900)}')"
    )


def _messages(
    rng: random.Random, messages: int, chats: int, text_bytes: int, edited: int
) -> Iterator[str]:
    texts = [_text(rng, text_bytes) for _ in range(_TEXTS)]
    for number in range(1, messages + 1):
        sender = "buyer" if rng.random() < 0.5 else "stylist"
        unread, image = int(rng.random() < 0.2), int(rng.random() < 0.1)
        text = rng.choice(texts)
        change = "edited at the source" if number <= edited else ""
        yield (
            f"('{identifier('e', number)}','{identifier('c', number % chats + 1)}',"
            f"'{number} {change} {text}','{sender}',{unread},{image},"
            f"'{_time(1000 + number)}')"
        )


def _text(rng: random.Random, size: int) -> str:
    words: list[str] = []
    length = 0
    while length < size:
        words.append(rng.choice(_WORDS))
        length += len(words[-1].encode()) + 1
    return " ".join(words)


def _time(number: int) -> str:
    return (_FIRST_DAY + timedelta(minutes=number)).isoformat(" ", "microseconds")
