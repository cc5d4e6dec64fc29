"""pgloader on the same messages, where it and a MariaDB server are installed.

Owns a private MariaDB server in a temporary folder, run as a user that is not root,
with the dump replayed into it; pgloader then copies its table into the scratch
database. Only pgloader is timed. Never touches a server that runs already.
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
from harness.bench.messages import Files
from harness.database import Target

_PROGRAMS = ("pgloader", "mariadbd", "mariadb-install-db", "mariadb")
_DATABASE = "chat_system"
_START_SECONDS = 60
_STOP_SECONDS = 30


class _Skipped(Exception):
    """It could not be measured; the text says why."""


def measure(to: Target, files: Files, folder: Path) -> dict[str, float | str]:
    """How long pgloader takes, in seconds, or why it was skipped."""
    missing = [name for name in _PROGRAMS if _program(name) is None]
    if missing:
        return {"pgloader": f"not installed: {', '.join(missing)}"}
    try:
        with _mariadb() as socket:
            _replay(socket, files.dump)
            return {"pgloader": _pgloader(to, socket, folder)}
    except _Skipped as skipped:
        return {"pgloader": str(skipped)}


def _program(name: str) -> str | None:
    """The path of a program; servers may stand where only root's PATH looks."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


def _client(socket: Path) -> list[str]:
    return [
        *(_program("mariadb") or "", "--no-defaults", f"--socket={socket}"),
        *("--user=root", "--default-character-set=utf8mb4"),
    ]


def _replay(socket: Path, dump: Path) -> None:
    """Play the dump into the server, as its owner would."""
    _checked([*_client(socket), "--execute", f"create database {_DATABASE}"])
    with dump.open("rb") as stream:
        done = subprocess.run(
            [*_client(socket), _DATABASE],
            stdin=stream,
            capture_output=True,
            check=False,
        )
    if done.returncode:
        raise _Skipped(f"MariaDB did not take the dump: {_last_line(done.stderr)}")


def _pgloader(to: Target, socket: Path, folder: Path) -> float:
    """Copy the table; the seconds that it took."""
    parameters = to.parameters
    command = folder / "pgloader.load"
    host = parameters.get("host", "localhost")
    at = f"unix:{host}:" if host.startswith("/") else host
    port = parameters.get("port", "5432")
    password = parameters.get("password", "")
    login = parameters.get("user", "") + (f":{password}" if password else "")
    command.write_text(
        f"load database\n"
        f"  from mysql://root@unix:{socket}:/{_DATABASE}\n"
        f"  into postgresql://{login}@{at}{'' if at.endswith(':') else ':'}{port}"
        f"/{parameters['dbname']}\n"
        f"with create no indexes, no foreign keys, include drop\n"
        f"including only table names matching 'message';\n"
    )
    command.chmod(0o600)
    began = time.perf_counter()
    _checked([_program("pgloader") or "", "--root-dir", str(folder), str(command)])
    return time.perf_counter() - began


def _checked(command: list[str]) -> None:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    # pgloader ends with 0 whatever happened, and says so in its log.
    if done.returncode or b"ERROR" in done.stdout or b"FATAL" in done.stdout:
        raise _Skipped(f"{Path(command[0]).name} failed: {_last_line(done.stdout)}")


@contextmanager
def _mariadb() -> Iterator[Path]:
    """The socket of a fresh server, which is stopped and removed at the end."""
    account = server_account.for_new_data()
    home = Path(tempfile.mkdtemp(prefix="carryover-bench-mariadb-"))
    try:
        if account:
            shutil.chown(home, account.uid, account.gid)
        home.chmod(0o755)
        made = server_account.run(
            account,
            [
                _program("mariadb-install-db") or "",
                *("--no-defaults", f"--datadir={home / 'data'}", "--skip-test-db"),
                "--auth-root-authentication-method=normal",
            ],
        )
        if made.returncode:
            raise _Skipped(f"MariaDB was not set up: {_last_line(made.stdout)}")
        with _server(home, account) as socket:
            yield socket
    finally:
        shutil.rmtree(home)


@contextmanager
def _server(home: Path, account: server_account.Account | None) -> Iterator[Path]:
    socket, log = home / "socket", home / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(_program("mariadbd") or "", "--no-defaults", "--skip-networking"),
                *(f"--datadir={home / 'data'}", f"--socket={socket}"),
                *(f"--pid-file={home / 'pid'}", "--character-set-server=utf8mb4"),
                "--innodb-flush-log-at-trx-commit=0",
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
    ping = [*_client(socket), "--execute", "select 1"]
    while process.poll() is None and time.monotonic() < until:
        if socket.exists():
            done = subprocess.run(ping, capture_output=True, check=False)
            if done.returncode == 0:
                return
        time.sleep(0.1)
    raise _Skipped(f"MariaDB did not start: {_last_line(log.read_bytes())}")


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
