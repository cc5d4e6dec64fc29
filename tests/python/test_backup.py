"""Backup: copied, compared and tried out, or nothing left; what publish accepts."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from harness import backup, embedded, hashing, ledger, settings
from harness.backup import archive, commands
from harness.backup.executing import execute_all
from harness.backup.rows import CopiedColumn, columns_of
from harness.console import Console
from harness.database import Connection, Target
from harness.errors import CheckFailed, Refused, UsageError
from harness.stages import Session
from harness.structure import LiveObject
from tests.python import live_tables, world
from tests.python.live_tables import Keywords

TABLES = ("chats", "chat_messages", "media")


@pytest.fixture(scope="module")
def template(postgres_server: Keywords) -> Iterator[Keywords]:
    made = live_tables.make(postgres_server)
    yield made
    live_tables.drop(made)


@pytest.fixture
def live(template: Keywords) -> Iterator[Keywords]:
    """A database of decorated tables, of an owner who is no superuser."""
    with live_tables.copy_of(template) as database:
        yield database


def take(database: Keywords, file: Path | None = None) -> backup.Backup:
    with live_tables.opened(database) as connection:
        return backup.take(live_tables.target(database), connection, file=file)


def left(database: Keywords) -> tuple[str, ...]:
    """The schemas of ours that stand in a database."""
    with live_tables.opened(database) as connection:
        return tuple(
            row[0]
            for row in connection.execute(
                "select nspname from pg_namespace where nspname like '%carryover%'"
            ).fetchall()
        )


def test_a_backup_is_a_verified_private_copy(live: Keywords) -> None:
    before = live_tables.dump(live)
    taken = take(live)
    assert {(t.name, t.rows) for t in taken.tables} == {
        ("chats", 5),
        ("chat_messages", 40),
        ("media", 7),
    }
    assert taken.status == "verified"
    assert "trial restore: structure" in taken.verification["checks"]
    assert live_tables.unlike(before, live_tables.dump(live)) == []
    assert sorted(left(live)) == ["carryover", "carryover_backups"]
    with live_tables.opened(live) as connection:
        hashing.fix_session(connection)
        for table in taken.tables:
            assert not backup.rows_unlike(connection, taken, table.name)
        assert backup.require_verified(connection) == taken
        for role in ("backup_reader", "backup_writer"):
            for table in taken.tables:
                row = connection.execute(
                    "select has_schema_privilege(%s, 'carryover_backups', 'usage'),"
                    " has_table_privilege(%s, %s, 'select')",
                    [role, role, table.relation.as_string()],
                ).fetchone()
                assert row == (False, False)


def test_writers_go_on_while_a_backup_is_taken(live: Keywords) -> None:
    """Open transactions on the tables, and on those they refer to, hinder nothing."""
    with live_tables.opened(live) as writer:
        writer.execute(
            "update profiles set name = 'B'; update bookings set status = 'x';"
            " update chats set title = 'unseen'; delete from reactions"
        )
        taken = take(live)
        writer.commit()
    with live_tables.opened(live) as connection:
        rows = backup.preview_restore(connection, taken.backup_id).tables
        # The backup is of the moment before.
        assert {t.name: t.rows.changed for t in rows}["chats"] == 5


def test_default_privileges_open_the_copies_to_nobody(live: Keywords) -> None:
    live_tables.execute(
        live,
        "alter default privileges grant all on tables to public, backup_reader;"
        " alter default privileges grant all on schemas to backup_reader",
    )
    taken = take(live)
    with live_tables.opened(live) as connection:
        row = connection.execute(
            "select has_schema_privilege('backup_reader', 'carryover_backups',"
            " 'usage'), has_table_privilege('backup_reader', %s, 'select')",
            [taken.table("chats").relation.as_string()],
        ).fetchone()
    assert row == (False, False)


def test_the_copy_does_not_hang_on_the_types_of_the_application(live: Keywords) -> None:
    take(live)
    live_tables.execute(
        live,
        "alter table media alter media_type drop default,"
        " alter media_type type text; alter table chat_messages alter note type text;"
        " drop type media_kind; drop domain short_text",
    )


def _without_details(columns: list[CopiedColumn]) -> sql.Composed:
    """Copy what ``details`` holds as null."""
    return sql.SQL(", ").join(
        sql.SQL("{} as {}").format(
            sql.SQL("null::jsonb") if column.name == "details" else column.copied,
            sql.Identifier(column.name),
        )
        for column in columns
    )


def _without_a_policy(connection: Connection, objects: list[LiveObject]) -> None:
    execute_all(connection, [o for o in objects if "readers_see" not in o.name])


def _columns_but_details(*arguments: Any) -> list[CopiedColumn]:
    return [c for c in columns_of(*arguments) if c.name != "details"]


@pytest.mark.parametrize("fault", ["copy", "structure", "content"])
def test_a_failed_verification_leaves_nothing(
    fault: str, live: Keywords, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault == "copy":
        monkeypatch.setattr("harness.backup.taking._copied", _without_details)
        expected = "the copy of public.media is not what it was copied from: 7 rows"
    elif fault == "structure":
        monkeypatch.setattr("harness.backup.trial.execute_all", _without_a_policy)
        expected = "not as they were: policy readers_see of chats is missing"
    else:
        monkeypatch.setattr("harness.backup.trial.columns_of", _columns_but_details)
        expected = "the rows of media restored from the backup are not as they were"
    before = live_tables.dump(live)
    with pytest.raises(CheckFailed, match=expected):
        take(live)
    assert left(live) == ()
    assert live_tables.unlike(before, live_tables.dump(live)) == []


def test_an_archive_holds_the_tables(live: Keywords, tmp_path: Path) -> None:
    file = tmp_path / "live tables.dump"
    taken = take(live, file)
    assert taken.archive == str(file)
    assert taken.archive_bytes == file.stat().st_size
    assert taken.archive_sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert file.stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    listed = subprocess.run(
        [str(embedded.binary("pg_restore")), "--list", str(file)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for table in TABLES:
        assert f"TABLE DATA public {table} " in listed
    assert " bookings " not in listed
    with pytest.raises(UsageError, match="is there already"):
        take(live, file)


_run = archive._run
_finish = archive.finish


def _run_without_media(to: Target | None, program: str, *arguments: str) -> str:
    return _run(to, program, *[a for a in arguments if not a.endswith('"media"')])


def _finish_and_fail(written: archive.Archive) -> None:
    _finish(written)
    raise UsageError("too late")


@pytest.mark.parametrize("fault", ["dump", "list", "commit"])
def test_a_failed_archive_leaves_neither_file_nor_backup(
    fault: str, live: Keywords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected: tuple[type[Exception], str]
    if fault == "dump":
        failing = tmp_path / "pg_dump"
        failing.write_text("#!/bin/sh\necho 'no such thing' >&2\nexit 1\n")
        failing.chmod(0o755)
        monkeypatch.setattr(embedded, "binary", lambda _: failing)
        expected = (archive.ArchiveFailed, "pg_dump failed: no such thing. No archive")
    elif fault == "list":
        monkeypatch.setattr(archive, "_run", _run_without_media)
        expected = (CheckFailed, "the archive lacks TABLE public.media")
    else:
        monkeypatch.setattr(archive, "finish", _finish_and_fail)
        expected = (UsageError, "too late")
    folder = tmp_path / "archives"
    folder.mkdir()
    with pytest.raises(expected[0], match=expected[1]):
        take(live, folder / "live.dump")
    assert list(folder.iterdir()) == []
    assert left(live) == ()


def test_a_password_is_never_an_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    to = Target({"host": "h", "password": "secret", "dbname": "d"}, is_embedded=False)
    seen: list[tuple[object, object]] = []

    def record(command: object, **options: object) -> object:
        seen.append((command, options["env"]))
        return subprocess.CompletedProcess([], 0, "", "")

    monkeypatch.setattr(subprocess, "run", record)
    archive._run(to, "pg_dump", f"--dbname={archive._without_password(to)}")
    ((command, environment),) = seen
    assert "secret" not in str(command)
    assert "host=h" in str(command)
    assert environment["PGPASSWORD"] == "secret"  # type: ignore[index]


def test_another_schema_and_a_prefix(
    postgres_server: Keywords, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = 'Live "Chats'
    monkeypatch.setenv("CARRYOVER_LIVE_SCHEMA", schema)
    monkeypatch.setenv("CARRYOVER_SCHEMA_PREFIX", "Dev ")
    quoted = '"Live ""Chats"'
    tables = "; ".join(
        f"create table {quoted}.{name} (id uuid primary key, number serial)"
        for name in ("profiles", "bookings", *TABLES)
    )
    made = live_tables.make(
        postgres_server, content=f"create schema {quoted}; {tables}"
    )
    before = live_tables.dump(made)
    taken = take(made)
    assert taken.live_schema == schema
    live_tables.execute(
        made, f"drop table {quoted}.chats; create index on {quoted}.media (number)"
    )
    with live_tables.opened(made) as connection:
        assert backup.restore(connection).is_done
        assert sorted(left(made)) == ["Dev carryover", "Dev carryover_backups"]
        monkeypatch.setenv("CARRYOVER_LIVE_SCHEMA", "public")
        with pytest.raises(Refused, match="is of the schema Live"):
            backup.restore(connection, taken.backup_id)
    named = [line for line in live_tables.dump(made) if "Dev " not in line]
    assert live_tables.unlike(before, named) == []
    live_tables.drop(made)


def test_a_partitioned_table_is_refused(live: Keywords) -> None:
    live_tables.execute(
        live,
        "drop table media cascade; create table media (id uuid) partition by hash (id)",
    )
    with pytest.raises(Refused, match=r"public\.media is partitioned"):
        take(live)


def test_while_another_run_works_nothing_is_begun(live: Keywords) -> None:
    with live_tables.opened(live) as other:
        ledger.take_lock(other)
        with pytest.raises(Refused, match="holds the lock"):
            take(live)
    assert left(live) == ()


def test_the_tasks_print_plans_and_do_them(
    environment: dict[str, str],
    connection: Connection,
    database: Keywords,
    tmp_path: Path,
) -> None:
    world.rehearse(connection)
    connection.execute("insert into chats (id, booking_id) select id, id from bookings")
    connection.commit()
    out, err = io.StringIO(), io.StringIO()
    session = Session(Console(out, err), live_tables.target(database), connection)

    def said() -> str:
        text = out.getvalue() + err.getvalue()
        for stream in (out, err):
            stream.seek(0)
            stream.truncate()
        return text

    commands.print_backups(session)
    assert said() == "no backup was taken yet\n"
    commands.plan_backup(session)
    assert "to copy into the schema carryover_backups" in said()
    assert backup.list_backups(connection) == []
    taken = commands.run_backup(session, str(tmp_path / "x.dump"))
    text = said()
    assert "copying chats ... done" in text
    assert "a trial restore" in text
    assert "SHA-256" in text
    commands.plan_restore(session, None)
    assert "nothing differs" in said()
    connection.execute(
        "insert into chats (id, booking_id) values (%s, %s)", [world.BUYER] * 2
    )
    connection.commit()
    commands.plan_restore(session, None)
    text = said()
    assert "1 row newer than the backup, which no run published, would be lost" in text
    assert "next: ./inv restore --execute --force" in text
    with pytest.raises(Refused, match="1 row newer than the backup") as refused:
        commands.run_restore(session, None)
    assert refused.value.exit_code == 4
    commands.run_restore(session, None, force=True)
    assert "those of the backup again" in said()
    commands.print_backups(session)
    assert "no: it was taken before the restore" in said()
    commands.drop_backup(session, taken.backup_id, execute=False)
    assert "would drop" in said()
    commands.drop_backup(session, taken.backup_id, execute=True)
    assert said().startswith(f"dropped the copies of backup {taken.backup_id}, 3 rows")
    tables = connection.execute(
        "select count(*) from pg_tables where schemaname = 'carryover_backups'"
    ).fetchone()
    assert tables == (0,)
    connection.rollback()
    listed = subprocess.run(
        [sys.executable, "-m", "harness", "backups", "--json"],
        cwd=settings.PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (only,) = json.loads(listed)
    assert (only["status"], only["rows"], only["counts_for_publishing"]) == (
        "dropped",
        3,
        False,
    )
