"""A private MariaDB server for the oracle test: its own data, socket and process.

Owns a temporary folder with everything in it, run as a user that is not root. Never
touches the service that a distribution may have set up.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness import server_account

PROGRAMS = ("mariadbd", "mariadb-install-db", "mariadb", "mariadb-dump")
#: Not UTC, so that a time zone that is lost or applied twice shows.
TIME_ZONE = "+03:00"

_START_SECONDS = 60
_STOP_SECONDS = 30


class DidNotStart(Exception):
    """The server did not come up; its log says why."""


def program(name: str) -> str | None:
    """The path of a program; the server may be where only root looks for it."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin")


def missing() -> list[str]:
    """The programs that are not installed."""
    return [name for name in PROGRAMS if program(name) is None]


@dataclass(frozen=True)
class MariaDB:
    """A running server, reached through its socket."""

    socket: Path

    def run(self, statements: str, *options: str) -> bytes:
        """Run statements in the client, in utf8mb4; what they print."""
        command = [*self._program("mariadb"), "--default-character-set=utf8mb4"]
        return subprocess.run(
            [*command, *options],
            input=statements.encode(),
            stdout=subprocess.PIPE,
            check=True,
        ).stdout

    def select(self, query: str, database: str) -> list[list[str | None]]:
        """The rows of a query whose columns are all hexadecimal digits of UTF-8."""
        printed = self.run(query, "--batch", "--skip-column-names", database)
        return [
            [None if v == "NULL" else bytes.fromhex(v).decode() for v in row]
            for row in (line.split("\t") for line in printed.decode().splitlines())
        ]

    def dump(self, options: Sequence[str]) -> bytes:
        """What ``mariadb-dump`` writes with these options."""
        command = [*self._program("mariadb-dump"), *options]
        return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout

    def _program(self, name: str) -> list[str]:
        return [name, "--no-defaults", f"--socket={self.socket}", "--user=root"]


@contextmanager
def running() -> Iterator[MariaDB]:
    """A fresh, empty server, stopped and removed at the end."""
    account = server_account.for_new_data()
    home = Path(tempfile.mkdtemp(prefix="carryover-mariadb-"))
    try:
        if account:
            shutil.chown(home, account.uid, account.gid)
        yield from _running(home, account)
    finally:
        shutil.rmtree(home)


def _running(home: Path, account: server_account.Account | None) -> Iterator[MariaDB]:
    data = home / "data"
    made = server_account.run(
        account,
        [
            program("mariadb-install-db") or "",
            "--no-defaults",
            f"--datadir={data}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        ],
    )
    if made.returncode != 0:
        raise DidNotStart(made.stdout.decode("utf-8", "backslashreplace"))
    server = MariaDB(home / "socket")
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                program("mariadbd") or "",
                "--no-defaults",
                f"--datadir={data}",
                f"--socket={server.socket}",
                f"--pid-file={home / 'pid'}",
                f"--default-time-zone={TIME_ZONE}",
                "--skip-networking",
                "--innodb-flush-log-at-trx-commit=0",
                "--innodb-buffer-pool-size=16M",
                "--character-set-server=utf8mb4",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    try:
        _wait(server, process, home / "log")
        yield server
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(server: MariaDB, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        if server.socket.exists():
            try:
                server.run("select 1")
            except subprocess.CalledProcessError:
                pass
            else:
                return
        time.sleep(0.05)
    raise DidNotStart(log.read_text("utf-8", "backslashreplace"))
