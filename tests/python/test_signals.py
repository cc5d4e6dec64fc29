"""A signal ends a task wherever it is: its exit code, one sentence, no session left.

The moments are not seconds but places: a task stands still where the test lets it, at a
lock or at an input that does not end, and is signalled there.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from harness import settings
from harness.database import Connection
from tests.python import world

CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}
#: What takes longer hangs, in seconds.
PATIENCE = 60.0

#: Lets a process stand still when it is about to load the module ``tasks``.
STANDSTILL = """
import sys, time
class Standstill:
    def find_spec(self, name, path, target=None):
        if name == "tasks":
            print("loading", file=sys.stderr, flush=True)
            time.sleep(60)
sys.meta_path.insert(0, Standstill())
"""
RUN = "\nimport runpy; runpy.run_module('harness', alter_sys=True)"


class Running:
    """A task in a process of its own."""

    def __init__(self, folder: Path, *argv: str, first: str = "") -> None:
        self._err = folder / "err"
        with self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-c", first + RUN, *argv],
                cwd=settings.PROJECT_ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=err,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        """What it has printed on standard error so far."""
        return self._err.read_text(encoding="utf-8")

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that happens while the task runs."""
        ends_at = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None, self.said
            assert time.monotonic() < ends_at, self.said
            time.sleep(0.02)

    def end(self) -> None:
        """Leave no process behind."""
        self.process.kill()
        self.process.communicate()

    def children(self) -> list[str]:
        """The processes that the task has started."""
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        return listed.stdout.split()


@dataclass(frozen=True)
class Server:
    """A database as another session sees it, which is none of Carryover's."""

    connection: Connection

    def sessions(self) -> list[tuple[str, str]]:
        """The other sessions: what each calls itself, and its statement."""
        return self.connection.execute(
            "select application_name, query from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
            " and backend_type = 'client backend'"
        ).fetchall()

    def waits(self) -> bool:
        """Whether a session waits for a lock of this one."""
        found = self.connection.execute(
            "select exists (select from pg_locks where not granted)"
        ).fetchone()
        return found == (True,)

    def lock(self, *tables: str) -> None:
        """Hold these tables against all others until the test ends."""
        self.connection.execute("begin")
        for table in tables:
            self.connection.execute(
                sql.SQL("lock table {} in access exclusive mode").format(
                    sql.Identifier(*table.split("."))
                )
            )


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path, environment: object) -> Iterator[Start]:
    """Starts tasks, and ends those that do not end."""
    started = []

    def start_one(*argv: str, first: str = "") -> Running:
        started.append(Running(tmp_path, *argv, first=first))
        return started[-1]

    yield start_one
    for task in started:
        task.end()


@pytest.fixture
def server(database: dict[str, str], environment: object) -> Iterator[Server]:
    where = make_conninfo(**{**database, "application_name": "watcher"})
    with psycopg.connect(where, autocommit=True) as connection:
        yield Server(connection)


@pytest.fixture
def rehearsed(database: dict[str, str], environment: object) -> None:
    """A published run, whose tables a task may stand still at."""
    with psycopg.connect(make_conninfo(**database)) as connection:
        world.rehearse(connection)
        world.publish(connection)


def assert_ended(server: Server, task: Running, name: str) -> None:
    """The task ends with its code and one sentence, and no session of it stays."""
    children = task.children()
    task.process.send_signal(signal.Signals[name])
    assert task.process.wait(PATIENCE) == CODES[name], task.said
    assert "Traceback" not in task.said
    assert "error:" not in task.said
    assert task.said.splitlines()[-1].startswith(f"stopped by {name}. "), task.said
    ends_at = time.monotonic() + 5
    while left := [*server.sessions(), *filter(is_alive, children)]:
        assert time.monotonic() < ends_at, left
        time.sleep(0.05)


def is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("name", CODES)
def test_while_modules_load(name: str, start: Start, server: Server) -> None:
    task = start("status", first=STANDSTILL)
    task.wait_until(lambda: "loading" in task.said)
    assert_ended(server, task, name)
    assert task.said.endswith("Nothing was run.\n")


@pytest.mark.parametrize("name", CODES)
def test_while_it_connects(
    name: str, start: Start, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        monkeypatch.setenv("DATABASE_URL", f"postgresql://x@127.0.0.1:{port}/x")
        task = start("rollback", "--execute")
        silent.settimeout(PATIENCE)
        with silent.accept()[0]:
            assert_ended(server, task, name)
    assert task.said.endswith("No work in a database was begun.\n")


@pytest.mark.parametrize("name", CODES)
def test_while_it_loads(
    name: str, start: Start, server: Server, rehearsed: None
) -> None:
    """The dump does not end; the process that parses it ends with the task."""
    task = start("load", "--dump", "-")
    assert task.process.stdin
    task.process.stdin.write(b"-- MySQL dump 10.13\nCREATE TABLE `chat` (`id` int);\n")
    task.process.stdin.flush()
    task.wait_until(lambda: bool(task.children()))
    assert_ended(server, task, name)
    counted = server.connection.execute("select count(*) from staging.chat").fetchone()
    assert counted == (3,)


STANDING_STILL = {
    "build": (["build"], "staging.chat"),
    "audit.landing": (["audit.landing"], "staging.chat"),
    "audit.live": (["audit.live"], "public.chats"),
    "backup": (["backup", "--execute"], "public.chats"),
    "publish": (["publish", "--execute"], "public.chats"),
    "validate": (["validate"], "public.chats"),
    "rollback": (["rollback", "--execute"], "public.chats"),
    "rollback, early": (["rollback", "--execute"], "carryover.runs"),
}


@pytest.mark.parametrize(
    ("at", "name"),
    [
        *((at, "SIGINT") for at in STANDING_STILL),
        *((at, "SIGTERM") for at in ("build", "audit.live", "rollback")),
        ("publish", "SIGHUP"),
    ],
)
def test_while_it_works(
    at: str, name: str, start: Start, server: Server, rehearsed: None
) -> None:
    """What is committed stays, and the live tables are as they were."""
    argv, table = STANDING_STILL[at]
    if at == "build":  # the marts of the world are not dbt's
        server.connection.execute("drop schema marts cascade")
    server.lock(table)
    task = start(*argv)
    task.wait_until(server.waits)
    assert_ended(server, task, name)
    assert "What was committed stays, what was not is rolled back." in task.said
    counted = server.connection.execute("select count(*) from chats").fetchone()
    assert counted == (3,)


def test_a_second_signal_ends_it_at_once(
    start: Start, server: Server, rehearsed: None
) -> None:
    """Also where a library's own code waits, and no Python runs."""
    first = (
        "import os, sys, psycopg2\n"
        "def stuck(*given, **named):\n"
        "    print('stuck', file=sys.stderr, flush=True)\n"
        "    connection = psycopg2.connect(os.environ['DATABASE_URL'])\n"
        "    connection.cursor().execute('select pg_sleep(60)')\n"
        "from harness import build\n"
        "build.build = stuck\n"
    )
    task = start("build", first=first)
    task.wait_until(lambda: ("", "select pg_sleep(60)") in server.sessions())
    task.process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert task.process.poll() is None
    task.process.send_signal(signal.SIGINT)
    assert task.process.wait(5) == CODES["SIGINT"]
    assert "ended at once" in task.said


@pytest.mark.parametrize("name", ["SIGHUP", "SIGINT"])
def test_what_was_ignored_stays_ignored(
    name: str, start: Start, server: Server, rehearsed: None
) -> None:
    """As ``nohup`` and a shell's ``&`` want it."""
    server.lock("public.chats")
    ignore = f"import signal; signal.signal(signal.{name}, signal.SIG_IGN)"
    task = start("backup", "--execute", first=ignore)
    task.wait_until(server.waits)
    task.process.send_signal(signal.Signals[name])
    server.connection.execute("rollback")
    assert task.process.wait(PATIENCE) == 0, task.said


@pytest.mark.parametrize("name", CODES)
def test_inv_hands_signal_and_exit_code_on(
    name: str, tmp_path: Path, server: Server, rehearsed: None
) -> None:
    server.lock("public.chats")
    err = (tmp_path / "err").open("wb")
    with (
        err,
        subprocess.Popen(
            [str(settings.PROJECT_ROOT / "inv"), "backup", "--execute"],
            stderr=err,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        ) as process,
    ):
        ends_at = time.monotonic() + PATIENCE
        while not server.waits():
            assert time.monotonic() < ends_at
            time.sleep(0.05)
        process.send_signal(signal.Signals[name])
        assert process.wait(PATIENCE) == CODES[name]
