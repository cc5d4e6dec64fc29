"""The embedded server starts, stops, survives, and harms nobody else's processes."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from harness import embedded, server_account, server_socket
from harness.database import Target, connect
from harness.errors import UsageError
from harness.server import ServerFailed
from harness.server_account import NotOurs
from harness.settings import PROJECT_ROOT

START = "from harness import embedded; embedded.start()"


@pytest.fixture(autouse=True)
def home(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A ``CARRYOVER_HOME`` with a space in it; its server is removed at the end."""
    place = open_folder / "a home"
    monkeypatch.setenv("CARRYOVER_HOME", str(place))
    yield place
    embedded.reset()


def query(parameters: dict[str, str], text: str) -> object:
    with psycopg.connect(make_conninfo(**parameters), autocommit=True) as connection:
        cursor = connection.execute(text)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def start_elsewhere(count: int = 1) -> list[subprocess.Popen[bytes]]:
    return [
        subprocess.Popen([sys.executable, "-c", START], cwd=PROJECT_ROOT)
        for _ in range(count)
    ]


def postmaster(home: Path) -> int:
    pid_file = home / "postgres" / "data" / "postmaster.pid"
    return int(pid_file.read_text().splitlines()[0])


def test_start_gives_the_database_and_start_again_changes_nothing(home: Path) -> None:
    parameters = embedded.start()
    first = postmaster(home)

    assert query(parameters, "select current_database()") == "carryover"
    assert embedded.start() == parameters
    assert postmaster(home) == first


@pytest.mark.parametrize(
    "variables",
    [
        {"PGSERVICE": "nowhere", "PGSERVICEFILE": "/nowhere"},
        {"PGOPTIONS": "-c a", "PGTZ": "nowhere", "PGCLIENTENCODING": "NONE"},
        {"PGHOSTADDR": "192.0.2.1", "PGPORT": "1", "PGSSLMODE": "require"},
        {"PGTARGETSESSIONATTRS": "standby", "PGREQUIREAUTH": "scram-sha-256"},
    ],
)
def test_the_environment_of_other_clients_is_not_the_servers(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    to = Target(embedded.start(), is_embedded=True)
    with connect(to) as connection:
        assert connection.execute("select current_database()").fetchone() == (
            "carryover",
        )
    assert variables.items() <= os.environ.items()
    psql = subprocess.run(
        [sys.executable, "-m", "harness", "db.psql", "--command", "select 1"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert psql.returncode == 0, psql.stderr


def test_the_server_is_postgresql_18_with_the_promised_settings() -> None:
    parameters = embedded.start()

    assert str(query(parameters, "show server_version")).startswith("18.")
    assert query(parameters, "show fsync") == "on"
    assert query(parameters, "show listen_addresses") == ""
    assert query(parameters, "show timezone") == "UTC"
    assert query(parameters, "select lower('ÀÉ')") == "àé"


def test_stop_and_reset_say_whether_there_was_something(home: Path) -> None:
    assert embedded.stop() is False
    assert embedded.reset() is False
    assert not home.exists()

    embedded.start()

    assert embedded.status().is_running
    assert embedded.stop() is True
    assert not embedded.status().is_running
    assert embedded.stop() is False
    assert embedded.reset() is True
    assert embedded.reset() is False


def test_data_survives_stop_and_start() -> None:
    query(embedded.start(), "create table kept as select 7 as number")
    embedded.stop()

    assert query(embedded.start(), "select number from kept") == 7


def test_reset_removes_its_data_and_nothing_else(home: Path) -> None:
    query(embedded.start(), "create table gone ()")
    neighbour = home / "postgres.backup"
    neighbour.write_text("mine")
    embedded.reset()

    assert neighbour.read_text() == "mine"
    assert not embedded.status().data.exists()
    assert not embedded.status().socket.exists()
    assert query(embedded.start(), "select to_regclass('gone')") is None


def test_data_that_carryover_did_not_make_is_left_alone(home: Path) -> None:
    somebodys = home / "postgres" / "data" / "PG_VERSION"
    somebodys.parent.mkdir(parents=True)
    somebodys.write_text("14\n")

    with pytest.raises(NotOurs, match="was not made by Carryover"):
        embedded.start()
    with pytest.raises(NotOurs, match="was not made by Carryover"):
        embedded.reset()
    assert somebodys.read_text() == "14\n"
    somebodys.unlink()
    somebodys.parent.rmdir()


def test_processes_that_start_at_once_share_one_server(home: Path) -> None:
    starters = start_elsewhere(3)

    assert [starter.wait() for starter in starters] == [0, 0, 0]
    log = (home / "postgres" / "server.log").read_text()
    assert log.count("starting PostgreSQL") == 1
    assert embedded.status().is_running


def test_the_server_outlives_its_starter_in_a_session_of_its_own(home: Path) -> None:
    [starter] = start_elsewhere()
    assert starter.wait() == 0

    assert embedded.status().is_running
    assert os.getsid(postmaster(home)) not in (os.getsid(0), starter.pid)


def test_after_kill_9_of_the_server_start_recovers_the_data(home: Path) -> None:
    query(embedded.start(), "create table kept as select 7 as number")
    os.kill(postmaster(home), signal.SIGKILL)

    assert query(embedded.start(), "select number from kept") == 7


def test_a_stale_pid_file_never_harms_the_process_that_has_the_number_now(
    home: Path,
) -> None:
    embedded.start()
    pid_file = home / "postgres" / "data" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    os.kill(postmaster(home), signal.SIGKILL)
    with subprocess.Popen(["sleep", "600"]) as bystander:
        pid_file.write_text("\n".join([str(bystander.pid), *lines[1:], ""]))
        started = embedded.start()
        stopped = embedded.stop()
        survived = bystander.poll() is None
        bystander.kill()

    assert query_is_refused(started)
    assert (stopped, survived) == (True, True)


def query_is_refused(parameters: dict[str, str]) -> bool:
    with pytest.raises(psycopg.OperationalError):
        query(parameters, "select 1")
    return True


def test_a_server_whose_socket_is_gone_is_named_and_not_started_twice() -> None:
    socket = Path(embedded.start()["host"])
    hidden = socket.with_name(f"{socket.name}.hidden")
    socket.rename(hidden)

    with pytest.raises(ServerFailed, match=r"db\.stop"):
        embedded.start()
    hidden.rename(socket)
    assert embedded.stop() is True


@pytest.mark.parametrize(
    "name", ["long" * 60, 'it\'s a "quoted" $HOME, 100%20 ключ'], ids=["long", "odd"]
)
def test_a_home_may_have_any_name(
    name: str, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARRYOVER_HOME", str(open_folder / name))
    try:
        assert query(embedded.start(), "select 1") == 1
    finally:
        embedded.reset()


def test_the_callers_environment_does_not_reach_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable, value in {
        "PGPORT": "1",
        "PGDATA": "/nowhere",
        "LC_ALL": "xx_XX",
        "TZ": "Asia/Tokyo",
    }.items():
        monkeypatch.setenv(variable, value)

    assert query(embedded.start(), "select 1") == 1


def test_a_server_that_cannot_start_says_what_its_log_says(home: Path) -> None:
    embedded.start()
    embedded.stop()
    configuration = home / "postgres" / "data" / "postgresql.conf"
    with configuration.open("a") as file:
        file.write("shared_buffers = 'plenty'\n")

    with pytest.raises(ServerFailed, match=r"invalid value.*shared_buffers.*db\.reset"):
        embedded.start()


def test_an_interrupted_first_start_is_begun_anew(home: Path) -> None:
    unfinished = home / "postgres" / "data.new"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")

    assert query(embedded.start(), "select 1") == 1
    assert not unfinished.exists()


def test_a_socket_directory_of_somebody_else_is_refused(home: Path) -> None:
    embedded.start()
    embedded.stop()
    socket = embedded.status().socket
    socket.chmod(0o777)

    with pytest.raises(NotOurs, match="not a private folder"):
        embedded.start()
    assert stat.S_IMODE(socket.stat().st_mode) == 0o777
    socket.chmod(0o700)


def test_owns_its_own_socket_and_no_other(home: Path) -> None:
    before = server_socket.directory(home / "postgres" / "data")
    parameters = embedded.start()

    assert parameters["host"] == str(before)
    assert embedded.owns(parameters)
    assert embedded.owns({"host": parameters["host"]})
    assert not embedded.owns({**parameters, "port": "5433"})
    assert not embedded.owns({**parameters, "host": "/var/run/postgresql"})
    assert not embedded.owns({"host": "localhost", "dbname": "carryover"})
    assert not embedded.owns({})


def test_the_bundled_programs_are_found_and_others_named() -> None:
    version = subprocess.run(
        [embedded.binary("pg_dump"), "--version"], capture_output=True, check=True
    )

    assert b"PostgreSQL) 18." in version.stdout
    with pytest.raises(UsageError, match="pg_missing"):
        embedded.binary("pg_missing")


def test_no_parent_folder_is_opened_or_given_away(
    open_folder: Path, home: Path
) -> None:
    before = open_folder.stat()
    embedded.start()
    after = open_folder.stat()

    assert (after.st_mode, after.st_uid) == (before.st_mode, before.st_uid)
    assert stat.S_IMODE((home / "postgres" / "data").stat().st_mode) & 0o077 == 0


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user")


@as_root
def test_root_keeps_data_where_the_servers_user_can_reach_it(
    tmp_path: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_account, "SHARED", open_folder / "shared")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setenv("CARRYOVER_HOME", str(closed))
    query(embedded.start(), "create table kept as select 7 as number")
    data = embedded.status().data

    kept_in = data.resolve()

    assert data.is_symlink()
    assert kept_in.is_relative_to(open_folder / "shared")
    assert data.stat().st_uid != 0
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    embedded.stop()
    assert query(embedded.start(), "select number from kept") == 7
    embedded.reset()
    assert not kept_in.parent.exists()
    assert not data.is_symlink()


@as_root
def test_root_copies_programs_that_the_servers_user_cannot_reach(
    tmp_path: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_account, "SHARED", open_folder / "shared")
    account = server_account.for_new_data()
    install = tmp_path / "wheel" / "install"
    program = install / "bin" / "postgres"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho reached\n")
    program.chmod(0o700)
    tmp_path.chmod(0o700)

    copy = server_account.reachable_install(account, install, "wheel-1")
    again = server_account.reachable_install(account, install, "wheel-1")

    assert copy == again == open_folder / "shared" / "wheel-1" / "wheel" / "install"
    done = server_account.run(account, [copy / "bin" / "postgres"])
    assert done.stdout == b"reached\n"


@as_root
def test_root_runs_nothing_from_a_folder_that_others_may_write(
    tmp_path: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = open_folder / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    monkeypatch.setattr(server_account, "SHARED", shared)
    tmp_path.chmod(0o700)

    with pytest.raises(NotOurs, match="not root's alone"):
        server_account.new_data_folder(server_account.for_new_data(), tmp_path)
