"""Names, folders, streams and locales that are not as one expects: no traceback.

Each is either worked with or refused in one sentence that says what to set instead.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

import tasks
from harness import build, embedded, settings
from harness.cli import Program
from harness.console import Console, fit_streams, json_text
from harness.database import Connection, Target
from harness.errors import Refused
from tests.python import world

DUMP = """-- MySQL dump 10.13
/*!40101 SET NAMES utf8mb4 */;
CREATE TABLE `täble☃😀` (`id` int NOT NULL, PRIMARY KEY (`id`)) DEFAULT CHARSET=utf8mb4;
INSERT INTO `täble☃😀` VALUES (1);
-- Dump completed on 2024-01-01 00:00:00
"""


def task(*argv: str) -> int:
    program = Program(namespace=tasks.namespace, binary="./inv")
    try:
        program.run(["inv", *argv])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def process(*argv: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a task in a process of its own, whose streams are as the variables say."""
    done = subprocess.run(
        [sys.executable, "-m", "harness", *argv],
        cwd=settings.PROJECT_ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


@pytest.mark.parametrize("name", ["status", "load", "consolidate", "cutover"])
@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("CARRYOVER_SCHEMA_PREFIX", 'de"v', "may not hold"),
        ("CARRYOVER_SCHEMA_PREFIX", "it's_", "may not hold"),
        ("CARRYOVER_SCHEMA_PREFIX", "100%_", "may not hold '%'"),
        ("CARRYOVER_SCHEMA_PREFIX", "a\\b", "may not hold"),
        ("CARRYOVER_SCHEMA_PREFIX", "a\nb", "may not hold"),
        ("CARRYOVER_SCHEMA_PREFIX", "pg_", "PostgreSQL's own"),
        ("CARRYOVER_SCHEMA_PREFIX", "x" * 47, "longer than 63 bytes"),
        ("CARRYOVER_SCHEMA_PREFIX", "ü" * 24, "longer than 63 bytes"),
        ("CARRYOVER_LIVE_SCHEMA", 'the "app"', "may not hold"),
        ("CARRYOVER_LIVE_SCHEMA", "50%", "may not hold '%'"),
        ("CARRYOVER_LIVE_SCHEMA", "pg_catalog", "PostgreSQL's own"),
        ("CARRYOVER_LIVE_SCHEMA", "information_schema", "PostgreSQL's own"),
        ("CARRYOVER_LIVE_SCHEMA", "marts", "Carryover's own"),
        ("CARRYOVER_LEGACY_SCHEMA", "x" * 64, "longer than 63 bytes"),
        ("CARRYOVER_LEGACY_SCHEMA", "staging", "Carryover's own"),
    ],
)
def test_a_schema_that_cannot_be_worked_with_is_refused(
    name: str,
    variable: str,
    value: str,
    said: str,
    environment: object,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(variable, value)
    assert task(name, *(["--dump", "x"] if name == "load" else [])) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: {variable} is ")
    assert said in err


@pytest.mark.parametrize(
    "variable", ["CARRYOVER_LIVE_SCHEMA", "CARRYOVER_LEGACY_SCHEMA"]
)
def test_an_empty_schema_is_the_usual_one(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARRYOVER_LIVE_SCHEMA", "app")
    monkeypatch.setenv(variable, "")
    settings.require_names()
    assert settings.legacy_schema() == settings.live_schema() in ("app", "public")


@pytest.mark.parametrize("prefix", ["x" * 46, "Dev ", "größe-"])
def test_other_prefixes_are_worked_with(
    prefix: str, environment: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARRYOVER_SCHEMA_PREFIX", prefix)
    assert task("status") == 0


@pytest.mark.parametrize("name", ["o'neil", 'a"b', "50% %s"])
def test_a_database_that_dbt_cannot_name_is_refused_at_once(
    name: str,
    environment: object,
    postgres_server: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with psycopg.connect(make_conninfo(**postgres_server), autocommit=True) as server:
        server.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        to = Target({**postgres_server, "dbname": name}, is_embedded=False)
        for variable, value in to.environment.items():
            monkeypatch.setenv(variable, value)
        assert task("load", "--dump", "x.sql") == 4
        assert f"the database {name} has " in capsys.readouterr().err
        server.execute(sql.SQL("drop database {}").format(sql.Identifier(name)))


@pytest.mark.parametrize("character", ["$", "`", '"', "\\"])
def test_an_install_that_a_shell_would_misread_is_refused(
    character: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """``initdb`` writes its own path between double quotes into a shell's command."""
    found = replace(embedded.server(), install=tmp_path / f"a{character}b")
    monkeypatch.setattr(embedded, "server", lambda: found)
    with pytest.raises(embedded.EmbeddedUnavailable, match="Move the project"):
        embedded.start()


@pytest.mark.parametrize("variable", ["DBT_LOG_PATH", "DBT_TARGET_PATH"])
def test_dbt_is_told_of_a_folder_that_it_may_not_write(
    variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(variable, str(tmp_path / "file" / "folder"))
    nowhere = Target({"host": "nowhere.invalid"}, is_embedded=False)
    with pytest.raises(Refused, match=f"folder that you may write with {variable}"):
        build.build(nowhere)
    with pytest.raises(Refused, match=f"folder that you may write with {variable}"):
        build.docs(nowhere)


def test_the_checks_are_told_of_a_folder_that_they_may_not_write(
    connection: Connection,
    environment: object,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    world.rehearse(connection)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CARRYOVER_ARTIFACTS", str(tmp_path / "file"))
    assert task("audit.landing") == 4
    assert "may write with CARRYOVER_ARTIFACTS" in capsys.readouterr().err


def test_a_home_that_is_not_known_is_no_traceback(
    connection: Connection,
    environment: object,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    world.rehearse(connection)

    def unknown(*_: object) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", unknown)
    monkeypatch.setattr(Path, "expanduser", unknown)
    assert task("load", "--dump", "~x/dump.sql") == 2
    assert "Write the path in full" in capsys.readouterr().err
    assert task("audit.landing") == 4
    assert "Set HOME" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8:strict", "cp1252"])
def test_a_name_that_the_output_cannot_encode_is_escaped(
    encoding: str, connection: Connection, environment: object, tmp_path: Path
) -> None:
    connection.execute(
        "create table bookings (id uuid primary key)"
    ).connection.commit()
    dump = tmp_path / "dümp☃.sql"
    dump.write_text(DUMP, encoding="utf-8")
    argv = ("--dump", str(dump), "--tables", "*")
    loaded = process("load", *argv, PYTHONIOENCODING=encoding)
    assert loaded.returncode == 0
    assert ("☃" if encoding.startswith("utf") else "ble\\u2603") in loaded.stdout
    assessed = process("assess", *argv, "--json", PYTHONIOENCODING=encoding)
    assert "täble☃😀" in json.loads(assessed.stdout)["tables"].__str__()


@pytest.mark.parametrize(
    ("name", "option"),
    [("load", "--tables"), ("migrate", "--linkage"), ("rollback", "--run")],
)
def test_a_value_that_is_no_text_is_refused(
    name: str, option: str, environment: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert task(name, option, "bad\udcff") == 2
    assert f"option {option} was given 'bad\\udcff'" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--dump", "--bookings", "--users"])
def test_a_file_whose_name_is_no_text_is_looked_for(
    option: str, environment: object, capsys: pytest.CaptureFixture[str]
) -> None:
    dump = str(settings.SAMPLES / "marketplace" / "marketplace.sql")
    named = [] if option == "--dump" else ["--dump", dump]
    assert task("load", *named, option, "bad\udcff") == 2
    said = capsys.readouterr().err
    assert "bad\\udcff" in said
    assert "no file" in said or "No such file" in said


@pytest.mark.parametrize("closed", ["1", "2", "0"])
def test_a_closed_stream_leads_nowhere(closed: str, environment: object) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" -m harness status {closed}>&-', sys.executable],
        cwd=settings.PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)


@pytest.mark.parametrize("argv", [("--list",), ("status", "--json"), ("--help",)])
def test_a_reader_that_goes_away_is_no_traceback(
    argv: tuple[str, ...], environment: object
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as broken:
        done = subprocess.run(
            [sys.executable, "-m", "harness", *argv],
            cwd=settings.PROJECT_ROOT,
            stdout=broken,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 141
    assert "rror" not in done.stderr


def test_json_is_valid_whatever_the_output_can_encode(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    value: Any = {"täble☃😀": "é\udcff"}
    for encoding in ("ascii", "latin-1", "utf-8"):
        raw = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
        fit_streams()
        Console().result(json_text(value))
        sys.stdout.flush()
        assert list(json.loads(raw.getvalue().decode(encoding))) == ["täble☃😀"]
