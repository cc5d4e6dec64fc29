"""Whatever a session is given from outside, the rows that come out are the same.

Whole pipelines run on sessions whose every setting is hostile, once for each source of
settings; the rows are those that were worked out without our code.
"""

from __future__ import annotations

import json
import re
import sys
from datetime import datetime
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from harness import queries, settings
from harness.database import Connection, Target, connect
from harness.session_settings import SettingRefused
from tests.python import hostile, test_consolidate_publish, test_samples
from tests.python.test_profiles import render

SOURCES: tuple[hostile.Source, ...] = ("url", "environment", "role", "database")
#: An encoding for each source: none of them is ours.
ENCODINGS = dict(
    zip(SOURCES, ("LATIN1", "WIN1252", "SQL_ASCII", "LATIN1"), strict=True)
)
LEGACY = settings.SAMPLES / "legacy_chat"
TEXT = "blåbær … 🍇 \\' \x1a"


def pinned() -> dict[str, str]:
    """The settings that are declared, and what they are pinned to."""
    text = queries.query("pin_session").as_string()
    return dict(re.findall(r"\('(\w+)', '([^']*)'\)", text))


@pytest.fixture
def hostile_target(
    request: pytest.FixtureRequest,
    connection: Connection,
    database: dict[str, str],
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> Target:
    """The target: a database whose sessions begin with every hostile setting."""
    source: hostile.Source = request.param
    keywords, variables = hostile.make(
        connection, source, hostile.known(connection), ENCODINGS[source]
    )
    to = Target({**database, **keywords}, is_embedded=False)
    hostile.name_target(monkeypatch, to, variables)
    return to


@pytest.mark.slow
@pytest.mark.parametrize("hostile_target", SOURCES, indirect=True)
def test_a_migration_comes_out_the_same(
    connection: Connection, hostile_target: Target
) -> None:
    test_samples.inv("target.create")
    test_samples.inv("migrate", *test_samples.files("marketplace"), "--execute")
    assert test_samples.live_messages(connection) == test_samples.expected_messages()
    test_samples.inv("rollback", "--execute")
    assert test_samples.live_messages(connection) == {}


@pytest.mark.slow
@pytest.mark.parametrize("hostile_target", SOURCES, indirect=True)
def test_a_consolidation_comes_out_the_same(
    connection: Connection, hostile_target: Target
) -> None:
    connection.execute((LEGACY / "legacy.sql").read_bytes())
    connection.commit()
    test_samples.inv("consolidate.run", "--execute")
    text = (LEGACY / "expected_chat_messages.jsonl").read_text("utf-8")
    wanted = {row["id"]: row for row in map(json.loads, text.splitlines())}
    for row in wanted.values():
        row["created_at"] = datetime.fromisoformat(row["created_at"])
    assert test_consolidate_publish.live_rows(connection) == wanted


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", [*hostile.SETTINGS, "client_encoding"])
def test_no_source_decides_a_setting_of_ours(
    source: hostile.Source,
    name: str,
    connection: Connection,
    database: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hostile_ones = {n: v for n, v in hostile.known(connection).items() if n == name}
    encoding = "LATIN1" if name == "client_encoding" else "UTF8"
    keywords, variables = hostile.make(connection, source, hostile_ones, encoding)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    with connect(Target({**database, **keywords}, is_embedded=False)) as session:
        session.execute("create temporary table kept (content text)")
        session.execute("insert into kept values (%s)", [TEXT])
        assert session.execute("table kept").fetchone() == (TEXT,)
        found = dict(
            session.execute(
                "select name, current_setting(name) from pg_catalog.pg_settings"
            ).fetchall()
        )
    assert found["client_encoding"] == "UTF8"
    assert found["search_path"] == "public"
    wanted = {n: v for n, v in pinned().items() if n in found}
    assert {n: found[n] for n in wanted} == wanted


def test_every_hostile_setting_is_declared() -> None:
    """So that the tests above speak of all of them."""
    apart = {"search_path", "statement_timeout"}
    assert set(hostile.SETTINGS) - apart <= set(pinned())


def test_dbt_gets_the_same_settings() -> None:
    role = render({"PGDATABASE": "carryover"})["role"]
    text = queries.query("pin_session").as_string()
    ours = [line for line in text.splitlines() if not line.startswith("--")]
    assert " ".join(" ".join(ours).split()) in " ".join(role.split())


@pytest.mark.parametrize(
    ("source", "encoding"),
    [("role", "LATIN1"), ("database", "WIN1252"), ("environment", "SQL_ASCII")],
)
def test_plain_dbt_refuses_an_encoding_that_it_cannot_change(
    source: hostile.Source,
    encoding: str,
    connection: Connection,
    database: dict[str, str],
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keywords, variables = hostile.make(connection, source, {}, encoding)
    to = Target({**database, **keywords}, is_embedded=False)
    hostile.name_target(monkeypatch, to, variables)
    dbt = str(Path(sys.executable).with_name("dbt"))
    said = test_samples.run(dbt, "build", "--select", "chats", code=2).stdout
    assert f"client_encoding is {encoding}, and dbt would garble texts" in said
    assert "export PGCLIENTENCODING=UTF8" in said
    monkeypatch.setenv("PGCLIENTENCODING", "UTF8")
    test_samples.run(dbt, "debug")


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_cannot_hold_every_text_is_refused(
    encoding: str, database: dict[str, str]
) -> None:
    name = f"in_{encoding.lower()}"
    with psycopg.connect(make_conninfo(**database), autocommit=True) as admin:
        admin.execute(
            f"create database {name} template template0 encoding '{encoding}'"
            " locale 'C'".encode()
        )
        try:
            with pytest.raises(SettingRefused, match=f"is encoded in {encoding}"):
                connect(Target({**database, "dbname": name}, is_embedded=False))
        finally:
            admin.execute(f"drop database {name}".encode())


def test_a_setting_that_the_role_may_not_change_is_refused_by_name(
    connection: Connection, database: dict[str, str]
) -> None:
    """With ``replica`` no foreign key would be checked."""
    connection.execute(
        "create role no_superuser login;"
        "alter role no_superuser set session_replication_role to replica"
    )
    connection.commit()
    try:
        with pytest.raises(SettingRefused, match="session_replication_role"):
            connect(Target({**database, "user": "no_superuser"}, is_embedded=False))
    finally:
        connection.execute("drop role no_superuser")
        connection.commit()
