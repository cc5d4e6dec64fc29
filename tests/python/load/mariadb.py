"""The MariaDB server of the oracle test: what it runs, selects and dumps."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.bench import mariadb

PROGRAMS = ("mariadbd", "mariadb-install-db", "mariadb", "mariadb-dump")
#: Not UTC, so that a time zone that is lost or applied twice shows.
TIME_ZONE = "+03:00"


def missing() -> list[str]:
    """The programs that are not installed."""
    return [name for name in PROGRAMS if mariadb.program(name) is None]


@dataclass(frozen=True)
class MariaDB:
    """A running server, reached through its socket."""

    socket: Path

    def run(self, statements: str, *options: str) -> bytes:
        """Run statements in the client, in utf8mb4; what they print."""
        command = [
            *mariadb.command("mariadb", self.socket),
            "--default-character-set=utf8mb4",
        ]
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
        command = [*mariadb.command("mariadb-dump", self.socket), *options]
        return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout


@contextmanager
def running() -> Iterator[MariaDB]:
    """A fresh, empty server, stopped and removed at the end."""
    options = (f"--default-time-zone={TIME_ZONE}", "--innodb-buffer-pool-size=16M")
    with mariadb.running(*options) as socket:
        yield MariaDB(socket)
