"""A private MariaDB server: its own data, socket and process, in a temporary folder.

Run as a user that is not root, for measurements and for the tests of the dump reader.
Never touches a server that runs already, nor what a distribution set up.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import server_account

_START_SECONDS = 60
_STOP_SECONDS = 30


class DidNotStart(Exception):
    """The server did not come up; its log says why."""


def program(name: str) -> str | None:
    """The path of a program; servers may stand where only root's PATH looks."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


def command(name: str, socket: Path) -> list[str]:
    """How a client program is called for the server on this socket."""
    return [program(name) or name, "--no-defaults", f"--socket={socket}", "--user=root"]


@contextmanager
def running(*options: str) -> Iterator[Path]:
    """The socket of a fresh, empty server, which is stopped and removed at the end.

    ``options`` are further ones of mariadbd. Raises ``DidNotStart``.
    """
    account = server_account.for_new_data()
    home = Path(tempfile.mkdtemp(prefix="carryover-mariadb-"))
    try:
        if account:
            shutil.chown(home, account.uid, account.gid)
        home.chmod(0o755)
        _make(home, account)
        with _server(home, account, options) as socket:
            yield socket
    finally:
        shutil.rmtree(home)


def _make(home: Path, account: server_account.Account | None) -> None:
    made = server_account.run(
        account,
        [
            *(program("mariadb-install-db") or "", "--no-defaults"),
            *(f"--datadir={home / 'data'}", "--skip-test-db"),
            "--auth-root-authentication-method=normal",
        ],
    )
    if made.returncode:
        raise DidNotStart(made.stdout.decode("utf-8", "backslashreplace"))


@contextmanager
def _server(
    home: Path, account: server_account.Account | None, options: tuple[str, ...]
) -> Iterator[Path]:
    socket, log = home / "socket", home / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(program("mariadbd") or "", "--no-defaults", "--skip-networking"),
                *(f"--datadir={home / 'data'}", f"--socket={socket}"),
                *(f"--pid-file={home / 'pid'}", "--character-set-server=utf8mb4"),
                *("--innodb-flush-log-at-trx-commit=0", *options),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    try:
        _wait(process, socket, log)
        yield socket
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], socket: Path, log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    ping = [*command("mariadb", socket), "--execute", "select 1"]
    while process.poll() is None and time.monotonic() < until:
        if socket.exists():
            done = subprocess.run(ping, capture_output=True, check=False)
            if done.returncode == 0:
                return
        time.sleep(0.05)
    raise DidNotStart(log.read_text("utf-8", "backslashreplace"))
