"""Names of any bytes and characters are read, and shown on any output."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from harness import demo, embedded, settings

#: A table whose name has characters of no one-byte encoding, and an escape sequence.
TABLE = "数据\x1b[31m"
DUMP = f"""/*!50503 SET NAMES utf8mb4 */;
CREATE TABLE `{TABLE}` (`id` int, `ä` text);
INSERT INTO `{TABLE}` VALUES (1,'x'),(2,'é','too many');
-- Dump completed on 2025-09-18
"""
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def inv(*argv: str | bytes, **environment: str) -> tuple[int, bytes]:
    done = subprocess.run(
        [sys.executable, "-m", "harness", *argv],
        cwd=settings.PROJECT_ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    "environment",
    [C_LOCALE, {"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"}],
    ids=["C", "ascii", "latin-1"],
)
def test_any_output_shows_any_name(
    database: dict[str, str], tmp_path: Path, environment: dict[str, str]
) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9 \xe6\x95\xb0.sql"
    Path(os.fsdecode(path)).write_text(DUMP, encoding="utf-8")
    url = make_conninfo(**database)
    for task in ("assess", "load"):
        code, said = inv(
            task, "--dump", path, "--tables", "*", DATABASE_URL=url, **environment
        )
        assert code == 0, said
        assert b"Traceback" not in said
        assert b"\x1b" not in said
        assert rb"\u6570\u636e\u001b[31m" in said
    with psycopg.connect(url) as connection:
        assert connection.execute("select name from carryover.inputs").fetchall() == [
            ("caf\\xe9 数.sql",)
        ]
        assert connection.execute(
            "select distinct table_name from staging.rejected_rows"
        ).fetchall() == [(TABLE,)]


def test_a_missing_file_of_an_odd_name_is_named(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\x1b[31m\xff.sql"
    code, said = inv("assess", "--dump", path)
    assert code == 2
    assert rb"\u001b[31m\udcff.sql. Nothing was loaded" in said


@pytest.fixture
def unnamed(open_folder: Path) -> Iterator[dict[str, str]]:
    """An environment that names no database; what a demo sets is undone at the end."""
    before = dict(os.environ)
    for name in before:
        if name.startswith("PG") or name == "DATABASE_URL":
            del os.environ[name]
    os.environ["CARRYOVER_HOME"] = str(open_folder)
    try:
        yield dict(os.environ)
    finally:
        embedded.reset()
        os.environ.clear()
        os.environ.update(before)


def test_each_sample_has_a_database_of_its_own(unnamed: dict[str, str]) -> None:
    names = {}
    for sample in ("marketplace", "bookingless", "legacy_chat", "bookingless"):
        names[sample] = demo.target_of(sample).parameters["dbname"]
        assert os.environ["PGDATABASE"] == names[sample]
        # A database that is named is taken as it is.
        assert demo.target_of("other").parameters["dbname"] == names[sample]
        # As in the next process.
        os.environ.clear()
        os.environ.update(unnamed)
    assert names == {
        "marketplace": embedded.DATABASE,
        "bookingless": "bookingless",
        "legacy_chat": "legacy_chat",
    }
