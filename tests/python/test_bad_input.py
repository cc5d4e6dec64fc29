"""Bad input: one sentence that names it, a non-zero exit, and nothing written."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from harness import settings, target
from harness.database import Connection

MARKETPLACE = settings.SAMPLES / "marketplace"
DUMP = MARKETPLACE / "marketplace.sql"


def inv(*argv: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness", *argv],
        cwd=settings.PROJECT_ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def relations(connection: Connection) -> list[tuple[str, ...]]:
    rows = connection.execute(
        "select nspname, relname, relkind, pg_relation_size(pg_class.oid) from pg_class"
        " inner join pg_namespace on relnamespace = pg_namespace.oid"
        " where nspname !~ '^(pg_|information_schema)' order by 1, 2"
    ).fetchall()
    connection.rollback()
    return rows


def no_such_file(_: Path) -> list[str]:
    return ["--dump", "no-such-dump.sql"]


def empty(folder: Path) -> list[str]:
    path = folder / "empty.sql"
    path.touch()
    return ["--dump", str(path)]


def without_message(folder: Path) -> list[str]:
    text = DUMP.read_bytes().replace(b"`message`", b"`letter`")
    path = folder / "without.sql"
    path.write_bytes(text)
    return ["--dump", str(path)]


def without_column(folder: Path) -> list[str]:
    text = DUMP.read_bytes().replace(b"`is_unread`", b"`was_unread`")
    path = folder / "without_column.sql"
    path.write_bytes(text)
    return ["--dump", str(path)]


def cut_in_a_row(folder: Path) -> list[str]:
    text = DUMP.read_bytes()
    path = folder / "cut.sql"
    path.write_bytes(text[: text.index(b"INSERT INTO `message`") + 5_000])
    return ["--dump", str(path)]


def cut_gzip(folder: Path) -> list[str]:
    path = folder / "cut.sql.gz"
    path.write_bytes(gzip.compress(DUMP.read_bytes())[:-100])
    return ["--dump", str(path)]


def bookings_no_json(folder: Path) -> list[str]:
    path = folder / "bookings.json"
    path.write_text("{ results: nothing", encoding="utf-8")
    return ["--dump", str(DUMP), "--bookings", str(path)]


def bookings_of_another_shape(folder: Path) -> list[str]:
    path = folder / "bookings.json"
    path.write_text('{"results": {"id": true}}', encoding="utf-8")
    return ["--dump", str(DUMP), "--bookings", str(path)]


def users_of_another_shape(folder: Path) -> list[str]:
    path = folder / "users.json"
    path.write_text('{"mapping": [1, 2]}', encoding="utf-8")
    bookings = str(MARKETPLACE / "bookings-created.json")
    return ["--dump", str(DUMP), "--bookings", bookings, "--users", str(path)]


@pytest.mark.parametrize("task", ["load", "migrate"])
@pytest.mark.parametrize(
    ("make", "named"),
    [
        (no_such_file, "no-such-dump.sql"),
        (empty, "empty.sql"),
        (without_message, "message"),
        (without_column, "is_unread"),
        (cut_in_a_row, "byte"),
        (cut_gzip, "cut.sql.gz"),
        (bookings_no_json, "bookings.json"),
        (bookings_of_another_shape, "bookings.json"),
        (users_of_another_shape, "users.json"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(
    connection: Connection,
    database: dict[str, str],
    tmp_path: Path,
    task: str,
    make: Callable[[Path], list[str]],
    named: str,
) -> None:
    target.create(connection)
    connection.commit()
    before = relations(connection)
    arguments = make(tmp_path)
    ended = inv(
        task,
        *arguments,
        environment={
            "DATABASE_URL": make_conninfo(**database),
            "CARRYOVER_ARTIFACTS": str(tmp_path / "artifacts"),
        },
    )
    assert ended.returncode == 2, ended.stderr
    errors = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert named in errors[0]
    assert "Traceback" not in ended.stderr
    assert relations(connection) == before
    assert not (tmp_path / "artifacts").exists()


def test_a_database_that_refuses_is_named() -> None:
    ended = inv(
        "migrate",
        "--dump",
        str(DUMP),
        environment={"DATABASE_URL": "postgresql://me:secret@127.0.0.1:1/chats"},
    )
    assert ended.returncode == 2
    assert "error: cannot connect to me@127.0.0.1:1/chats" in ended.stderr
    assert "secret" not in ended.stderr


def test_a_live_table_without_a_column_stops_the_migration_first(
    connection: Connection, database: dict[str, str]
) -> None:
    target.create(connection)
    connection.execute("alter table chat_messages drop column is_read")
    connection.commit()
    before = relations(connection)
    ended = inv(
        "migrate",
        "--dump",
        str(DUMP),
        "--execute",
        environment={"DATABASE_URL": make_conninfo(**database)},
    )
    assert ended.returncode == 4
    assert "public.chat_messages has no column is_read" in ended.stderr
    assert relations(connection) == before


def test_a_database_without_the_applications_tables_is_refused(
    database: dict[str, str],
) -> None:
    ended = inv(
        "migrate",
        "--dump",
        str(DUMP),
        environment={"DATABASE_URL": make_conninfo(**database)},
    )
    assert ended.returncode == 4
    assert "./inv target.create" in ended.stderr


def test_the_demo_never_touches_an_application(database: dict[str, str]) -> None:
    with psycopg.connect(make_conninfo(**database)) as connection:
        connection.execute("create table chats (id uuid primary key)")
        connection.commit()
        before = relations(connection)
        ended = inv("demo", environment={"DATABASE_URL": make_conninfo(**database)})
        assert ended.returncode == 4
        assert "a demo never touches" in ended.stderr
        assert relations(connection) == before
