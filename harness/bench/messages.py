"""A chat system's dump as mysqldump writes it, of any size and always the same.

Owns the made-up messages, which have what real ones have: quotes, line ends,
backslashes, emoji. Beside the dump the same rows are written as COPY text, prepared for
the comparison, and the bookings that a load asks for. Writes into the folder that it
is given and nowhere else.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

#: The columns of the table ``message``, in order.
COLUMNS = (
    "id",
    "chat_id",
    "message",
    "is_from",
    "is_unread",
    "is_image",
    "created_at",
)
_SEED = 20_241_101
_TEXTS = 20_000
_MESSAGES_IN_A_CHAT = 40
#: mysqldump ends a statement before it grows beyond its buffer.
_STATEMENT_BYTES = 1_046_528
_BATCH = 1_000
_FIRST_DAY = datetime(2023, 1, 1)
_SECONDS = 730 * 86_400
_PHRASES = (
    "Hei!",
    "Ja, det går fint",
    "Hva koster en klipp?",
    "Jeg er litt sen, beklager",
    "Klokka 14:00 passer fint.",
    "Adressen er Storgata 12, 2. etasje",
    "Tusen takk for sist 😊",
    "Fint hår 💇‍♀️",
    "Kan jeg betale med Vipps?",
    "It's all right, I'm on my way",
    'She said "see you at five" and left',
    "Hvor lang tid tar det?\nOg har du tid på lørdag?",
    "Første linje\r\nandre linje",
    "C:\\bilder\\før og etter",
    "50% rabatt; (gjelder til fredag), ikke sant",
    "👍",
    "https://example.org/salon?id=7&day=mon",
    "Vi sees -- ha en fin dag /* smil */",
    "Ok",
)
#: The chat system's tables, as mysqldump writes them.
TABLES = """\
DROP TABLE IF EXISTS `booking`;
CREATE TABLE `booking` (
  `id` varchar(36) NOT NULL,
  `buyer_id` varchar(36) NOT NULL,
  `stylist_id` varchar(36) NOT NULL,
  `status` varchar(20) NOT NULL,
  `created_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
DROP TABLE IF EXISTS `chat`;
CREATE TABLE `chat` (
  `id` varchar(36) NOT NULL,
  `booking_id` varchar(36) DEFAULT NULL,
  `buyer_id` varchar(36) NOT NULL,
  `stylist_id` varchar(36) NOT NULL,
  `is_active` tinyint(4) NOT NULL DEFAULT 1,
  `created_at` datetime(6) NOT NULL,
  `updated_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
DROP TABLE IF EXISTS `message`;
CREATE TABLE `message` (
  `id` varchar(36) NOT NULL,
  `chat_id` varchar(36) NOT NULL,
  `message` text NOT NULL,
  `is_from` varchar(255) NOT NULL,
  `is_unread` tinyint(4) NOT NULL DEFAULT 1,
  `is_image` tinyint(4) NOT NULL DEFAULT 0,
  `created_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
"""
_BEFORE_ROWS = """\

LOCK TABLES `message` WRITE;
/*!40000 ALTER TABLE `message` DISABLE KEYS */;
"""
_HEADER = """\
-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
--
-- Host: localhost    Database: chat_system
-- ------------------------------------------------------
-- Server version\t8.0.36

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!50503 SET NAMES utf8mb4 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
"""
_TRAILER = """\
/*!40000 ALTER TABLE `message` ENABLE KEYS */;
UNLOCK TABLES;
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;

-- Dump completed on 2024-11-01  3:00:00
"""


@dataclass(frozen=True)
class Files:
    """The dump, the same messages as COPY text, and how many bytes the dump has."""

    dump: Path
    copy: Path
    rows: int
    dump_bytes: int


def write(folder: Path, rows: int) -> Files:
    """Write a dump with this many messages into ``folder``, and its COPY text."""
    dump, copy = folder / "chat_system.sql", folder / "message.copy"
    with dump.open("wb") as dump_file, copy.open("wb") as copy_file:
        dump_file.write((_HEADER + TABLES + _BEFORE_ROWS).encode())
        _write_rows(dump_file, copy_file, rows)
        dump_file.write(_TRAILER.encode())
    (folder / "bookings-created.json").write_text('{"results": []}')
    return Files(dump, copy, rows, dump.stat().st_size)


def _write_rows(dump: BinaryIO, copy: BinaryIO, rows: int) -> None:
    """Write the rows in statements of mysqldump's size."""
    statement: list[str] = []
    size = 0
    for values, lines in _batches(rows):
        copy.write("".join(lines).encode())
        for row in values:
            if size + len(row) > _STATEMENT_BYTES:
                dump.write(_insert(statement))
                statement, size = [], 0
            statement.append(row)
            size += len(row.encode()) + 1
    if statement:
        dump.write(_insert(statement))


def _insert(rows: list[str]) -> bytes:
    return b"INSERT INTO `message` VALUES " + ",".join(rows).encode() + b";\n"


def _batches(rows: int) -> Iterator[tuple[list[str], list[str]]]:
    """The rows in some thousands: as mysqldump writes them, and as COPY reads them."""
    rng = random.Random(_SEED)  # noqa: S311 - the same dump every time is the purpose
    texts = [_text(rng) for _ in range(_TEXTS)]
    in_mysql = [_mysql_escaped(text) for text in texts]
    in_copy = [_copy_escaped(text) for text in texts]
    chats = [_uuid(rng) for _ in range(rows // _MESSAGES_IN_A_CHAT + 1)]
    for start in range(0, rows, _BATCH):
        values, lines = [], []
        for _ in range(min(_BATCH, rows - start)):
            text = int(rng.random() * _TEXTS)
            key, chat = _uuid(rng), chats[int(rng.random() * len(chats))]
            sender = "buyer" if rng.random() < 0.5 else "stylist"
            unread, image = int(rng.random() < 0.1), int(rng.random() < 0.02)
            at = _FIRST_DAY + timedelta(seconds=rng.random() * _SECONDS)
            day = at.isoformat(" ", "microseconds")
            values.append(
                f"('{key}','{chat}','{in_mysql[text]}','{sender}',"
                f"{unread},{image},'{day}')"
            )
            lines.append(
                f"{key}\t{chat}\t{in_copy[text]}\t{sender}\t{unread}\t{image}\t{day}\n"
            )
        yield values, lines


def _text(rng: random.Random) -> str:
    return " ".join(rng.choices(_PHRASES, k=rng.choice((1, 1, 2, 2, 3, 4))))


def _uuid(rng: random.Random) -> str:
    digits = f"{rng.getrandbits(128):032x}"
    return "-".join(
        (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    )


def _mysql_escaped(text: str) -> str:
    """Escape as ``mysql_real_escape_string`` does."""
    for plain, escaped in (
        ("\\", "\\\\"),
        ("'", "\\'"),
        ('"', '\\"'),
        ("\n", "\\n"),
        ("\r", "\\r"),
    ):
        text = text.replace(plain, escaped)
    return text


def _copy_escaped(text: str) -> str:
    for plain, escaped in (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(plain, escaped)
    return text
