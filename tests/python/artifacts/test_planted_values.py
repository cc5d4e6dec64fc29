"""What a hostile dump plants is text in every file and on the terminal, and private.

One migration of a dump with markup, formulas, links and escape sequences wherever a
value can reach a reader: sender types, ids, file names, the operator.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from harness import migration, settings, stages, status
from harness.console import Console
from harness.linkage import parse as parse_linkage
from harness.stages import Inputs
from tests.python.artifacts.exposition import read

#: What a terminal obeys: escapes, a bell, a C1 control, an override of direction.
DRIVES = set("\x1b\x07\x9b\u202e")
DRIVING = "\x1b]0;owned\x07\x9b2J\u202e"
EVIL = (
    '<img src=x onerror=alert(1)>"><script>alert(2)</script>'
    f"[l](http://evil) ![i](http://evil) | `c` {DRIVING}"
)
FORMULA = "=HYPERLINK(1)"
PERSON = "0abc0000-0000-4000-8000-00000000000{}"
TABLES = """
/*!50503 SET NAMES utf8mb4 */;
/*!40103 SET TIME_ZONE='+00:00' */;
CREATE TABLE `booking` (
 `id` varchar(36) NOT NULL, `status` text, `created_at` datetime(6) NOT NULL,
 `buyer_id` text, `stylist_id` text
);
CREATE TABLE `chat` (
 `id` text NOT NULL, `buyer_id` text, `stylist_id` text, `booking_id` text,
 `is_active` tinyint NOT NULL, `created_at` datetime(6), `updated_at` datetime(6)
);
CREATE TABLE `message` (
 `id` text NOT NULL, `chat_id` text NOT NULL, `message` text, `is_from` text NOT NULL,
 `is_unread` tinyint, `is_image` tinyint, `created_at` datetime(6)
);
"""


def dump_of(folder: Path) -> Path:
    """A dump of a hundred good messages and of each bad value one, oddly named."""
    day, evil = "'2024-01-01 10:00:00'", EVIL.replace("\\", "\\\\").replace('"', '\\"')
    booking, chat = PERSON.format("f"), PERSON.format("c")
    people = f"'{PERSON.format(1)}','{PERSON.format(2)}'"
    good = [
        f"('0abc0000-0000-4000-8000-0000000001{n:02}','{chat}','m','buyer',0,0,{day})"
        for n in range(100)
    ]
    bad = [
        f"('0abc0000-0000-4000-8000-000000000200','{chat}','m','{evil}',0,0,{day})",
        f"('{evil}','{chat}','m','buyer',0,0,{day})",
        f"('{FORMULA}','{evil}','m','buyer',0,0,{day})",
        f"('0abc0000-0000-4000-8000-000000000201','{chat}','m','buyer',0)",
    ]
    rows = {
        "booking": [f"('{booking}','completed',{day},{people})"],
        "chat": [
            f"('{chat}',{people},'{booking}',1,{day},{day})",
            f"('{PERSON.format('d')}','{FORMULA}','{evil}',null,1,{day},{day})",
        ],
        "message": [*good, *bad],
    }
    text = TABLES + "".join(
        f"INSERT INTO `{name}` VALUES {','.join(values)};\n"
        for name, values in rows.items()
    )
    path = folder / "<img src=x> \x1b[31m\udce9.sql"
    path.write_bytes(f"{text}-- Dump completed on 2025-09-18\n".encode())
    return path


class Elements(HTMLParser):
    """The elements of a page, and the attributes that would run something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


@pytest.fixture
def umask() -> Iterator[None]:
    """Let everybody read what does not say otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def written(
    environment: dict[str, str],
    tmp_path: Path,
    umask: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> tuple[Path, str]:
    """The folder of all artifacts, and what the terminal got."""
    monkeypatch.setenv("CARRYOVER_OPERATOR", EVIL)
    how = parse_linkage(None)
    session = stages.open_session(Console(), "migrate", names_run=False)
    stages.create_target(session, how)
    bookings = tmp_path / "bookings.json"
    created = [{"id": PERSON.format("f"), "success": True}]
    bookings.write_text(json.dumps({"results": created}))
    inputs = Inputs([str(dump_of(tmp_path))], str(bookings))
    migration.migrate(session, inputs, how, execute=True)
    found = status.read_status(session.connection).as_text()
    session.console.result(found)
    session.connection.close()
    out, err = capsys.readouterr()
    return settings.artifacts_home(), out + err


@pytest.mark.slow
def test_planted_values_are_text_everywhere(written: tuple[Path, str]) -> None:
    home, said = written
    folder = home / "latest"
    assert "onerror" in said
    assert not set(said) & DRIVES
    _look_at_pages(folder)
    for name in ("execution-log.md", "user-communication.md"):
        _look_at_markdown((folder / name).read_text(encoding="utf-8"))
    with (folder / "affected-users.csv").open(newline="", encoding="utf-8") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert f"'{FORMULA}".lower() in [cell.lower() for cell in cells]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    samples = read((folder / "metrics.prom").read_text(encoding="utf-8"))
    (info,) = [dict(labels) for name, labels in samples if name.endswith("_run_info")]
    assert info["operator"] == EVIL
    _look_at_modes(home)


def _look_at_pages(folder: Path) -> None:
    text = (folder / "report.html").read_text(encoding="utf-8")
    page = Elements(text)
    assert "onerror" in text
    assert not set(text) & DRIVES
    assert not page.tags & {"img", "script", "a"}
    assert page.handlers == []
    documents = list((folder / "data_docs").rglob("*.html"))
    assert documents
    for path in documents:
        text = path.read_text(encoding="utf-8")
        assert "onerror" not in Elements(text).handlers
        assert "<script>alert" not in text


def _look_at_markdown(text: str) -> None:
    assert "onerror" in text
    assert not set(text) & DRIVES
    assert not re.search(r"<(img|script)|(?<!\\)\]\(|(?<!\\)`c", text)
    tables = [part.split("\n") for part in text.split("\n\n") if part.startswith("|")]
    assert tables
    for rows in tables:
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1


def _look_at_modes(home: Path) -> None:
    """Whatever the umask was, only the owner may read."""
    entries = [home, *home.rglob("*")]
    names = {entry.name for entry in entries}
    assert {"chats-extracted.json", "data_docs", "carryover_migration.prom"} <= names
    modes = {oct(e.stat().st_mode & 0o777) for e in entries if not e.is_symlink()}
    assert modes == {"0o700", "0o600"}
