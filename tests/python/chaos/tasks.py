"""Starts the project's tasks as an operator does, and ends them as nobody should.

A task runs in processes of its own: the parser of a load is in another session than its
parent. All of a task's processes are known by a variable of their environment, so
``kill`` ends them whoever their parent is now. Linux only: it reads ``/proc``.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from harness import server_account, settings
from harness.database import Connection, Target
from harness.load import parser
from harness.server import Server
from harness.status import read_status

#: However slow the machine: what takes longer than this hangs, in seconds.
DEADLINE = 180.0
_POLL = 0.005
#: How long a statement of the tests' own may take.
_PATIENCE = "60s"
#: How many kills are spread over load, build, publish and rollback; see ``moments``.
MOMENTS = int(os.environ.get("CARRYOVER_CHAOS_MOMENTS", "5"))
FULL = MOMENTS >= 20
_MARK = "CARRYOVER_CHAOS_TASK"
_FOREIGN = ("CARRYOVER_", "PG", "DBT_", "DATABASE_URL")


_started: list[Task] = []


@dataclass(frozen=True)
class Ended:
    """How a task ended: its exit code, negative for a signal, and what it printed."""

    argv: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The sentence of the error; raises when there is none or a traceback."""
        assert "Traceback" not in self.err, self
        lines = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, self
        return lines[0]

    def __str__(self) -> str:
        """The task as one reads it in a failure."""
        return f"{' '.join(self.argv)} -> {self.code}\n{self.out}\n{self.err}"


class Task:
    """A task that runs, or stands still, or has ended."""

    def __init__(
        self, argv: tuple[str, ...], environment: Mapping[str, str], folder: Path
    ) -> None:
        self.argv = argv
        self._mark = secrets.token_hex(8)
        self._out = folder / f"{self._mark}.out"
        self._err = folder / f"{self._mark}.err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "harness", *argv],
                cwd=settings.PROJECT_ROOT,
                env={**environment, _MARK: self._mark},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        self.started = time.monotonic()
        _started.append(self)

    def __str__(self) -> str:
        """The task as it is called."""
        return self.argv[0]

    @property
    def is_running(self) -> bool:
        """Whether the task has not ended yet."""
        return self._process.poll() is None

    def kill(self) -> Ended:
        """End every process of the task with SIGKILL, wherever they are."""
        wait_for(self._is_gone_once_killed, f"{self} is dead")
        return self._ended()

    def _is_gone_once_killed(self) -> bool:
        found = self.processes()
        for pid in found:
            _kill(pid)
        self._process.poll()
        return not found

    def parsers(self) -> list[int]:
        """The processes that parse a dump for this load."""
        return [pid for pid in self.processes() if _is_parser(Path(f"/proc/{pid}"))]

    def kill_parser(self) -> bool:
        """End the load's parser alone with SIGKILL; whether there was one."""
        found = self.parsers()
        for pid in found:
            _kill(pid)
        return bool(found)

    def kill_leader(self) -> Ended:
        """End the task's own process with SIGKILL, and leave its children be."""
        _kill(self._process.pid)
        return self._ended()

    def stop(self) -> None:
        """Let the task's own process stand still."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def wait(self) -> Ended:
        """Wait for the end; a task that hangs is killed and fails the test."""
        try:
            self._process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the task hangs: {self.kill()}") from None
        return self._ended()

    def processes(self) -> list[int]:
        """The task's living processes."""
        mark = f"{_MARK}={self._mark}".encode()
        found = []
        for folder in Path("/proc").iterdir():
            if (
                folder.name.isdigit()
                and _lives(folder)
                and mark in _environment(folder)
            ):
                found.append(int(folder.name))
        return found

    def _ended(self) -> Ended:
        code = self._process.wait(DEADLINE)
        texts = [path.read_text(errors="replace") for path in (self._out, self._err)]
        return Ended(self.argv, code, *texts)


class Operator:
    """Somebody at a terminal whose environment names one database."""

    def __init__(self, parameters: Mapping[str, str], folder: Path) -> None:
        self.parameters = dict(parameters)
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        own = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(_FOREIGN)
        }
        self._environment = {
            **own,
            **Target(self.parameters, is_embedded=False).environment,
            "CARRYOVER_HOME": str(folder / "home"),
            "CARRYOVER_ARTIFACTS": str(folder / "artifacts"),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
        }

    def through(self, parameters: Mapping[str, str]) -> Operator:
        """The same operator, who reaches the database by another way."""
        return Operator(parameters, self._folder)

    def start(self, *argv: str) -> Task:
        """Start a task and return at once."""
        return Task(argv, self._environment, self._folder)

    def run(self, *argv: str, code: int = 0) -> Ended:
        """Run a task to its end, which must be the exit code."""
        ended = self.start(*argv).wait()
        assert ended.code == code, ended
        return ended


def stop(server: Server, mode: str) -> None:
    """Stop a server in one of pg_ctl's ways; ``immediate`` is a crash."""
    account = server_account.of_data(server.data)
    program = server._program("pg_ctl", account)
    data = str(server.data.resolve())
    command = [str(program), "stop", "-D", data, "-m", mode, "-w"]
    done = server_account.run(account, command)
    assert done.returncode == 0, done.stdout


def kill_all() -> None:
    """End whatever tasks still run: a test that failed may leave one behind."""
    for task in _started:
        if task.is_running:
            task.kill()
    _started.clear()


def wait_for(
    condition: Callable[[], object], what: str | Callable[[], str], seconds: float = 60
) -> float:
    """Wait until a condition holds; the seconds that took. Fails when it does not."""
    started = time.monotonic()
    while not condition():
        waited = time.monotonic() - started
        if waited > seconds:
            said = what if isinstance(what, str) else what()
            raise AssertionError(f"after {waited:.0f} s still not: {said}")
        time.sleep(_POLL)
    return time.monotonic() - started


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _environment(folder: Path) -> bytes:
    try:
        return (folder / "environ").read_bytes()
    except OSError:
        return b""


def _is_parser(folder: Path) -> bool:
    try:
        return parser.__name__.encode() in (folder / "cmdline").read_bytes()
    except OSError:
        return False


def _lives(folder: Path) -> bool:
    """Whether a process is neither gone nor waiting to be buried."""
    try:
        status = (folder / "stat").read_text(errors="replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in ("Z", "X")


@contextmanager
def watcher(operator: Operator) -> Iterator[Connection]:
    """A connection of the test's own, which commits each statement."""
    where = make_conninfo(**operator.parameters, application_name="chaos")
    with psycopg.connect(where, autocommit=True) as connection:
        connection.execute(f"set statement_timeout to '{_PATIENCE}'")
        yield connection


def assert_status(operator: Operator) -> None:
    """The status can be told, whatever happened; by its task in the full form."""
    if FULL:
        operator.run("status")
        return
    with psycopg.connect(make_conninfo(**operator.parameters)) as connection:
        assert read_status(connection).as_text()
