"""Assessing: the verdict is what a load would do, without any database."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

import tasks
from harness import settings
from harness.assess import as_dict, assess
from harness.cli import Program
from harness.errors import InputError
from harness.load import DumpError
from harness.load.selection import parse_tables
from tests.python.load.dumps import extended, signed, table

MARKETPLACE = settings.SAMPLES / "marketplace" / "marketplace.sql"
WORD = "whispered"


@pytest.fixture(autouse=True)
def _no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for the target fails."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")


def report(path: Path, tables: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        json.dumps(as_dict(assess([str(path)], parse_tables(tables))))
    )
    return found


def inv(*argv: str) -> int:
    # Invoke takes the help out of tasks that it has parsed, so that it gets its own.
    namespace = copy.deepcopy(tasks.namespace)
    program = Program(namespace=namespace, binary="./inv", binary_names=["inv"])
    try:
        program.run(["inv", *argv])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def odd_dump(folder: Path) -> Path:
    """A dump of one table with everything that an assessment counts."""
    twice = f"{WORD} café".encode().decode("latin1")
    rows = [
        ("'1'", "'2024-01-01'", "'fine'"),
        ("'2'", "'0000-00-00'", f"'{twice}'"),
        ("'3'", "NULL", "NULL"),
        ("'4'", "'2024-01-01'"),
        ("'5'",),
        ("'6'", "'2024-01-01'", "'\\0'"),
        ("'7\\0'", "'2024-01-01'", "'x'"),
    ]
    created = table("t", "`id` int", "`day` date", "`note` text")
    trigger = "DELIMITER ;;\nCREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW BEGIN\n"
    trigger += "INSERT INTO log VALUES (1); END ;;\nDELIMITER ;\n"
    view = "/*!50001 CREATE VIEW `v` AS SELECT 1 AS `id`*/;\n"
    zone = "SET TIME_ZONE='+00:00';\nSET SQL_MODE='NO_AUTO_VALUE_ON_ZERO';\n"
    path = folder / "odd.sql"
    path.write_bytes(signed(created + extended("t", rows) + trigger + view, zone))
    return path


def test_everything_is_counted(tmp_path: Path) -> None:
    path = odd_dump(tmp_path)
    data = path.read_bytes()
    found = report(path, "t")
    assert found["can_be_loaded"] is True
    assert found["producer"].startswith("MySQL dump 10.13")
    assert found["is_signed"] is True
    assert found["charsets"] == ["utf8mb4"]
    assert found["sql_modes"] == ["NO_AUTO_VALUE_ON_ZERO"]
    assert found["time_zone"] == "+00:00"
    assert found["views_skipped"] == ["v"]
    assert found["routines_skipped"] == {"trigger": 1}
    assert found["dumps"][0]["bytes"] == len(data)
    (counted,) = found["tables"]
    assert (counted["table"], counted["rows"], counted["rejected"]) == ("t", 4, 3)
    names = ("column", "type", "nulls", "zero_dates", "double_encoded", "with_nul")
    assert [tuple(c[name] for name in names) for c in counted["columns"]] == [
        ("id", "int", 0, 0, 0, 0),
        ("day", "date", 1, 1, 0, 0),
        ("note", "text", 1, 0, 1, 1),
    ]
    line = data.count(b"\n", 0, data.index(b"('4'")) + 1
    assert [
        (r["table"], r["rows"], r["file"], r["line"], r["byte_offset"])
        for r in found["rejected"]
    ] == [
        ("t", 1, "odd.sql", line, data.index(place))
        for place in (b"('4'", b"('5'", b"('7")
    ]


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_no_text_of_a_row_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str]
) -> None:
    assert inv("assess", "--dump", str(odd_dump(tmp_path)), *flags) == 3
    printed = capsys.readouterr()
    assert "odd.sql" in printed.out
    assert WORD not in printed.out + printed.err


def test_the_sample_can_be_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    assert inv("assess", "--dump", str(MARKETPLACE)) == 0
    printed = capsys.readouterr().out
    assert "message        7  6,000         0" in printed
    assert "it can be loaded" in printed
    assert inv("assess", "--dump", str(MARKETPLACE), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["differences"] == found["problems"] == found["rejected"] == []
    assert [t["rows"] for t in found["tables"]] == [20, 720, 200, 800, 6000, 40]


def changed(folder: Path, old: bytes, new: bytes) -> Path:
    path = folder / "changed.sql"
    path.write_bytes(MARKETPLACE.read_bytes().replace(old, new))
    return path


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        (b"`message`", b"`letter`", ("message", None)),
        (b"`is_unread`", b"`was_unread`", ("message", "is_unread")),
    ],
)
def test_what_the_models_miss_is_named(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    old: bytes,
    new: bytes,
    place: tuple[str, str | None],
) -> None:
    path = changed(tmp_path, old, new)
    found = report(path)
    assert [(d["table"], d["column"]) for d in found["differences"]] == [place]
    assert found["differences"][0]["stops_load"] is True
    assert inv("assess", "--dump", str(path)) == 3
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")
    assert report(path, "*")["can_be_loaded"] is True


def test_an_unexpected_type_stops_nothing(tmp_path: Path) -> None:
    found = report(changed(tmp_path, b"`is_active` tinyint(4)", b"`is_active` text"))
    assert {(d["column"], d["found"]) for d in found["differences"]} == {
        ("is_active", "text")
    }
    assert found["can_be_loaded"] is True


def test_a_dump_cut_short_is_reported_with_what_stands_before(tmp_path: Path) -> None:
    data = MARKETPLACE.read_bytes()
    path = tmp_path / "cut.sql"
    path.write_bytes(data[: data.index(b"INSERT INTO `message`") + 5_000])
    found = report(path)
    assert found["can_be_loaded"] is found["is_whole"] is False
    assert "cut.sql is cut short" in found["problems"][0]
    assert (found["is_signed"], found["warnings"]) == (False, [])
    assert found["producer"].startswith("MariaDB dump")
    assert {t["table"]: t["rows"] for t in found["tables"]}["chat"] == 800
    assert inv("assess", "--dump", str(path)) == 3


def test_what_hinders_another_table_hinders_no_load(tmp_path: Path) -> None:
    other = b"CREATE TABLE loads (id int);\nINSERT INTO log SELECT 1;\n"
    path = changed(tmp_path, b"-- Dump completed", other + b"-- Dump completed")
    found = report(path)
    assert found["can_be_loaded"] is True
    assert "INSERT ... SELECT" in found["problems_of_other_tables"][0]
    assert "loads" in found["tables_skipped"]
    assert report(path, "*")["can_be_loaded"] is False


def test_a_name_that_is_taken_is_a_problem_of_its_table(tmp_path: Path) -> None:
    path = tmp_path / "taken.sql"
    path.write_bytes(signed(table("loads") + table("u")))
    assert "loads" in report(path, "loads")["problems"][0]
    assert "loads" in report(path, "u")["problems_of_other_tables"][0]


def test_what_cannot_be_read_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file"):
        assess([str(tmp_path / "missing.sql")])
    assert inv("assess", "--dump", str(tmp_path / "missing.sql")) == 2
    empty = tmp_path / "empty.sql"
    empty.touch()
    with pytest.raises(DumpError, match="is empty"):
        assess([str(empty)])
    assert inv("assess", "--dump", str(empty)) == 2
    assert inv("assess") == 2
