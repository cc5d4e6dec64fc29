"""As whom a database server runs when root starts it, and what that account can reach.

PostgreSQL refuses to run as root, so the server of a root session runs as ``postgres``,
or as ``nobody`` where there is no such user. That account may be unable to traverse the
folders above the project: ``/root`` and ``mktemp -d`` are closed to all but their
owner. Nobody's folders are opened for it. What it needs lives in ``/var/lib/carryover``
instead, which root owns and everybody may traverse: the data, in a folder that the
account alone may read, and a copy of the server's binaries.

Writes below ``/var/lib/carryover``, only as root, and changes no mode or owner outside.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from harness.errors import HarnessError, Refused

SHARED = Path("/var/lib/carryover")
_ACCOUNTS = ("postgres", "nobody")

#: What a server process sees: not the caller's locale, time zone or ``PG*`` variables.
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", "HOME": "/"}


class NoServerAccount(HarnessError):
    """Root has no other user to run the server as."""


class NotOurs(Refused):
    """A file or folder where ours should be belongs to somebody else."""


@dataclass(frozen=True)
class Account:
    """A user that a server runs as; ``None`` in its place means whoever is running."""

    uid: int
    gid: int


def for_new_data() -> Account | None:
    """Choose the account for a data directory that is yet to be made.

    ``None`` unless root asks. Raises ``NoServerAccount`` when root finds no user.
    """
    if os.geteuid() != 0:
        return None
    for name in _ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise NoServerAccount(
        "PostgreSQL does not run as root, and this machine has no user "
        f"{' or '.join(_ACCOUNTS)} to run it as. Nothing was made. "
        "Run as another user, or name a database with DATABASE_URL."
    )


def of_data(data: Path) -> Account | None:
    """Find the account that an existing data directory belongs to; it must run it."""
    if os.geteuid() != 0:
        return None
    owner = data.stat()
    return Account(owner.st_uid, owner.st_gid)


def run(
    account: Account | None,
    command: Sequence[str | os.PathLike[str]],
    *,
    output: int | IO[bytes] = subprocess.PIPE,
    keep_open: Sequence[int] = (),
) -> subprocess.CompletedProcess[bytes]:
    """Run a command as the account, in a session, folder and environment of its own.

    Its standard error goes where its standard output goes, ``output``; ``keep_open``
    are file descriptors that it inherits. A non-zero exit is the caller's to read.
    """
    return subprocess.run(
        [os.fspath(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd="/",
        env=_ENVIRONMENT,
        pass_fds=keep_open,
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        check=False,
    )


def can_reach(account: Account | None, path: Path) -> bool:
    """Whether the account may traverse a folder or run a file, asked of the kernel."""
    if account is None:
        return True
    return run(account, ["/bin/sh", "-c", 'test -x "$0"', path]).returncode == 0


def new_data_folder(account: Account | None, home: Path) -> Path:
    """The folder to keep the account's data in: ``home``, or one that it can reach."""
    if can_reach(account, home):
        return home
    folder = _shared_folder() / secrets.token_hex(6)
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    return folder


def remove_data_folder(folder: Path) -> None:
    """Remove an empty folder that ``new_data_folder`` made; leave any other."""
    if folder.parent.resolve() == SHARED.resolve():
        folder.rmdir()


def reachable_install(account: Account | None, install: Path, version: str) -> Path:
    """The server's installation, or a copy of it that the account can reach.

    ``install`` holds ``bin``, ``lib`` and ``share``; ``version`` names the copy, so
    that every project on the machine shares one for each version.
    """
    if can_reach(account, install / "bin" / "postgres"):
        return install
    package = install.parent
    copy = _shared_folder() / version
    if not copy.is_dir():
        unfinished = copy.with_name(f"{version}.{secrets.token_hex(6)}")
        try:
            _copy(install, unfinished / package.name / install.name)
            # Where auditwheel puts the libraries; the binaries look for them from
            # their own place (``$ORIGIN``), so the copy keeps the wheel's layout.
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.is_dir():
                _copy(libraries, unfinished / libraries.name)
            _open_to_all(unfinished)
            _put_in_place(unfinished, copy)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return copy / package.name / install.name


def _copy(source: Path, destination: Path) -> None:
    unneeded = shutil.ignore_patterns("include", "*.a", "pkgconfig")
    shutil.copytree(source, destination, symlinks=True, ignore=unneeded)


def _put_in_place(unfinished: Path, copy: Path) -> None:
    try:
        unfinished.rename(copy)
    except OSError:
        if not copy.is_dir():  # otherwise another process was first with the same copy
            raise


def _open_to_all(folder: Path) -> None:
    """Let everybody read and traverse our own copy, whatever the umask is."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            runnable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if runnable else 0o644)


def _shared_folder() -> Path:
    if not SHARED.exists():
        SHARED.mkdir(parents=True, exist_ok=True)
        SHARED.chmod(0o755)
    found = SHARED.lstat()
    if found.st_uid != 0 or stat.S_IMODE(found.st_mode) & 0o022:
        raise NotOurs(
            f"{SHARED} is not root's alone to write, so nothing in it was run or made. "
            f"Look at its owner and mode (ls -ld {SHARED}), or run as another user."
        )
    return SHARED
