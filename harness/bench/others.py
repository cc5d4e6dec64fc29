"""pgloader on the same messages, where it and a MariaDB server are installed.

Replays the dump into a private MariaDB server; pgloader then copies its table into the
scratch database. Only pgloader is timed.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from harness.bench import mariadb
from harness.bench.messages import Files
from harness.database import Target

_PROGRAMS = ("pgloader", "mariadbd", "mariadb-install-db", "mariadb")
_DATABASE = "chat_system"


class _Skipped(Exception):
    """It could not be measured; the text says why."""


def measure(to: Target, files: Files, folder: Path) -> dict[str, float | str]:
    """How long pgloader takes, in seconds, or why it was skipped."""
    missing = [name for name in _PROGRAMS if mariadb.program(name) is None]
    if missing:
        return {"pgloader": f"not installed: {', '.join(missing)}"}
    try:
        with mariadb.running() as socket:
            _replay(socket, files.dump)
            return {"pgloader": _pgloader(to, socket, folder)}
    except _Skipped as skipped:
        return {"pgloader": str(skipped)}
    except mariadb.DidNotStart as failed:
        said = _last_line(str(failed).encode())
        return {"pgloader": f"MariaDB did not start: {said}"}


def _client(socket: Path) -> list[str]:
    return [*mariadb.command("mariadb", socket), "--default-character-set=utf8mb4"]


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
    _checked(
        [mariadb.program("pgloader") or "", "--root-dir", str(folder), str(command)]
    )
    return time.perf_counter() - began


def _checked(command: list[str]) -> None:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    # pgloader ends with 0 whatever happened, and says so in its log.
    if done.returncode or b"ERROR" in done.stdout or b"FATAL" in done.stdout:
        raise _Skipped(f"{Path(command[0]).name} failed: {_last_line(done.stdout)}")


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
