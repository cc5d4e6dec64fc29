"""One PostgreSQL server of our own: its data directory, its socket and its process.

Owns a home folder with ``data``, ``server.log`` and two lock files, and a socket
directory in ``/tmp``. The server listens on no network: only on a Unix socket in a
directory that its user alone may enter, so connections need no password. ``data`` is a
link when the server's user cannot reach the home (``harness.server_account`` says why).

The process is known by a lock and never by its number, because numbers are used again.
The server inherits an open file with an ``flock`` on it, and the kernel releases that
when the last server process is gone, however it went. Whoever can take the lock knows
that nothing runs on the data directory and that a ``postmaster.pid`` in it is stale.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psycopg
from psycopg import conninfo, errors, pq, sql

from harness import libpq, server_account, server_socket
from harness.errors import HarnessError, one_line
from harness.server_account import Account, NotOurs

SUPERUSER = "postgres"
PORT = "5432"

_START_SECONDS = 120
_STOP_SECONDS = 120
_LOCK_SECONDS = 300
_POLL_SECONDS = 0.02
_LOG_LINES = 8
_LOG_BYTES = 16_384
_MARKER = "CARRYOVER"


class ServerFailed(HarnessError):
    """The server does not start or stop."""


@dataclass(frozen=True)
class Server:
    """A server that is fully described by its home, its binaries and its database.

    ``install`` holds PostgreSQL's ``bin``; ``version`` names a copy of it should one
    be needed; ``locale`` are initdb's options for it; ``settings`` are those of the
    server, by name.
    """

    home: Path
    install: Path
    version: str
    database: str
    locale: Sequence[str]
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        """The data directory, or the link to it."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """Where the server says what happens to it."""
        return self.home / "server.log"

    @property
    def socket(self) -> Path:
        """The directory of the server's socket."""
        return server_socket.directory(self.data)

    @property
    def parameters(self) -> dict[str, str]:
        """The connection to the database, in libpq's keywords."""
        return {
            "host": str(self.socket),
            "port": PORT,
            "user": SUPERUSER,
            "dbname": self.database,
        }

    def start(self) -> dict[str, str]:
        """Start the server unless it runs, making what is missing.

        Returns libpq's keywords for a connection. Several processes may call this at
        once; one of them starts the server. Raises ``ServerFailed`` with the last lines
        of the server's log, and ``NotOurs``.
        """
        if not self.is_running():
            with self._exclusive():
                if not self.is_running():
                    self._make_data()
                    self._launch()
        self._make_database()
        return self.parameters

    def stop(self) -> bool:
        """Stop the server, ending its connections; ``False`` when it did not run."""
        if not _is_directory(self.data):
            return False
        with self._exclusive():
            return self._halt()

    def reset(self) -> bool:
        """Stop the server and remove its data; ``False`` when there was none."""
        if not _is_directory(self.data):
            return False
        with self._exclusive():
            self._check_marker()
            self._halt()
            data, socket = self.data.resolve(), self.socket
            shutil.rmtree(socket, ignore_errors=True)
            shutil.rmtree(data)
            if self.data.is_symlink():
                self.data.unlink()
            server_account.remove_data_folder(data.parent)
            self.log.unlink(missing_ok=True)
        return True

    def is_running(self) -> bool:
        """Whether the server accepts connections on a socket that is ours."""
        if not _is_directory(self.data) or not self._has_socket():
            return False
        where = {**self.parameters, "dbname": "postgres", "connect_timeout": "10"}
        with libpq.clean_environment():
            answer = pq.PGconn.ping(conninfo.make_conninfo(**where).encode())
        return answer == pq.Ping.OK

    def _make_data(self) -> None:
        """Make the data in one move, so that an interrupted start leaves none."""
        if self.data.is_dir():
            self._check_marker()
            return
        account = server_account.for_new_data()
        folder = server_account.new_data_folder(account, self.home)
        unfinished = folder / "data.new"
        if unfinished.is_dir():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o700)
        if account:
            os.chown(unfinished, account.uid, account.gid)
        try:
            self._initialize(unfinished, account)
        except ServerFailed:
            shutil.rmtree(unfinished)
            server_account.remove_data_folder(folder)
            raise
        if self.data.is_symlink():  # a link whose data somebody removed
            self.data.unlink()
        unfinished.rename(folder / "data")
        if folder != self.home:
            self.data.symlink_to(folder / "data")

    def _initialize(self, data: Path, account: Account | None) -> None:
        program = self._program("initdb", account)
        options = ["--username", SUPERUSER, "--auth=trust", "--encoding=UTF8"]
        done = server_account.run(
            account, [program, "-D", data, "--no-sync", *options, *self.locale]
        )
        if done.returncode != 0:
            raise ServerFailed(
                f"cannot make the database under {self.home}: "
                f"{_last_lines(done.stdout)} Nothing is left of it. "
                "Free what it lacks, or name a database with DATABASE_URL."
            )
        (data / _MARKER).write_text("made by Carryover; ./inv db.reset removes it\n")

    def _make_database(self) -> None:
        with self._maintenance() as connection:
            if _has_database(connection, self.database):
                return
            with self._exclusive(), suppress(errors.DuplicateDatabase):
                name = sql.Identifier(self.database)
                connection.execute(sql.SQL("create database {}").format(name))

    def _launch(self) -> None:
        """Start a process when none lives, and wait until the server answers."""
        log_start = self.log.stat().st_size if self.log.exists() else 0
        deadline = time.monotonic() + _START_SECONDS
        has_launched = False
        while not self.is_running():
            with self._claim() as claim:
                if claim is not None:
                    if has_launched:
                        raise self._failure("the server did not start", log_start)
                    self._spawn(claim)
                    has_launched = True
                elif not self._has_socket():
                    raise self._failure(
                        "it runs, but not with a socket here: in another container, or "
                        f"{self.socket} was removed; ./inv db.stop stops it",
                        log_start,
                    )
            if time.monotonic() > deadline:
                late = f"the server does not answer after {_START_SECONDS} s"
                raise self._failure(late, log_start)
            time.sleep(_POLL_SECONDS)

    def _spawn(self, claim: IO[bytes]) -> None:
        """Run the server in the background, holding the claim on its data directory.

        Whoever has the claim knows that pid and lock files are a dead server's; a
        server that found another process with that number would refuse to start.
        """
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        account = server_account.of_data(self.data)
        server_socket.make(self.socket, account)
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket),
            "port": PORT,
            **self.settings,
        }
        with self.log.open("ab") as log:
            # The shell leaves at once: the server then outlives this process and is
            # nobody's child to wait for. Arguments reach it without being parsed.
            server_account.run(
                account,
                [
                    *("/bin/sh", "-c", '"$@" &', "sh"),
                    *(self._program("postgres", account), "-D", self.data.resolve()),
                    *(f"--{name}={value}" for name, value in settings.items()),
                ],
                output=log,
                keep_open=[claim.fileno()],
            )

    def _halt(self) -> bool:
        """Stop whatever lives on the data directory.

        Only a server that answers is signalled, because then its pid file is its own.
        One that does not is told by taking that file away: it looks for the file every
        minute and ends itself when it is gone.
        """
        if not self._is_alive():
            return False
        _wait(
            lambda: self.is_running() or not self._is_alive() or not self._has_socket(),
            _START_SECONDS,
        )
        said = ""
        if self.is_running():
            said = self._signal_stop()
        else:
            (self.data / "postmaster.pid").unlink(missing_ok=True)
        if not _wait(lambda: not self._is_alive(), _STOP_SECONDS):
            raise self._failure(f"the server did not stop {said}".rstrip(), 0)
        return True

    def _signal_stop(self) -> str:
        account = server_account.of_data(self.data)
        program = self._program("pg_ctl", account)
        fast = ["-m", "fast", "-w", "-t", str(_STOP_SECONDS)]
        stopped = server_account.run(
            account, [program, "stop", "-D", self.data.resolve(), *fast]
        )
        return f"({_last_lines(stopped.stdout)})" if stopped.returncode else ""

    def _is_alive(self) -> bool:
        """Whether any process of the server lives, answering or not."""
        with self._claim() as claim:
            return claim is None

    @contextmanager
    def _claim(self) -> Iterator[IO[bytes] | None]:
        """Hold the lock that a living server holds; ``None`` while one does."""
        with _open(self.home / "server.lock") as file:
            yield file if _try_lock(file) else None

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Keep other processes from starting or stopping this server meanwhile."""
        try:
            self.home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise NotOurs(
                f"cannot make {self.home}: {error.strerror}. Nothing was made. "
                "Name a folder that you may write with CARRYOVER_HOME."
            ) from None
        with _open(self.home / "start.lock") as file:
            if not _wait(lambda: _try_lock(file), _LOCK_SECONDS):
                raise ServerFailed(
                    f"another process has been starting or stopping the server of "
                    f"{self.home} for {_LOCK_SECONDS} s. Nothing was changed. "
                    "End that process and run the command again."
                )
            yield

    @contextmanager
    def _maintenance(self) -> Iterator[psycopg.Connection]:
        where = {**self.parameters, "dbname": "postgres"}
        try:
            with libpq.clean_environment():
                connection = psycopg.connect(
                    conninfo.make_conninfo(**where), autocommit=True
                )
        except psycopg.OperationalError as error:
            raise self._failure(one_line(error), 0) from None
        with connection:
            yield connection

    def _program(self, name: str, account: Account | None) -> Path:
        install = server_account.reachable_install(account, self.install, self.version)
        return install / "bin" / name

    def _check_marker(self) -> None:
        if not (self.data / _MARKER).is_file():
            raise NotOurs(
                f"{self.data} was not made by Carryover and was left as it is. "
                "Name another folder with CARRYOVER_HOME."
            )

    def _has_socket(self) -> bool:
        return server_socket.stands(self.socket, owner=self.data.stat().st_uid)

    def _failure(self, what: str, log_start: int) -> ServerFailed:
        text = b""
        if self.log.exists():
            with self.log.open("rb") as log:
                log.seek(max(log_start, self.log.stat().st_size - _LOG_BYTES))
                text = log.read()
        said = f"; its log ends: {_last_lines(text)}" if text.strip() else "."
        return ServerFailed(
            f"PostgreSQL under {self.home}: {what}{said} The data was left as it is. "
            f"Read {self.log}; ./inv db.reset begins with an empty database."
        )


def _is_directory(path: Path) -> bool:
    """Whether a directory stands there that this user can see."""
    try:
        return path.is_dir()
    except PermissionError:  # until Python 3.14, which answers False
        return False


def _has_database(connection: psycopg.Connection, name: str) -> bool:
    found = connection.execute("select from pg_database where datname = %s", [name])
    return found.fetchone() is not None


def _open(path: Path) -> IO[bytes]:
    """Open a lock file, which stays for good: removing one would split its holders."""
    try:
        return path.open("ab")
    except OSError as error:
        raise NotOurs(
            f"cannot write in {path.parent}: {error.strerror}. Nothing was changed. "
            "Name a folder of your own with CARRYOVER_HOME."
        ) from None


def _try_lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask again and again; ``False`` when the time is up and it still does not hold."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _last_lines(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()[-_LOG_LINES:]
    return " | ".join(one_line(line) for line in lines)
