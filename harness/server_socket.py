"""The directory of a server's socket: private, short, and the same for every process.

Whoever may enter the directory may connect as the superuser, and whoever could put a
socket there would be given our data. So it is its user's alone, and a directory that
is not is refused. Owns ``/tmp/carryover-*`` and touches nothing else.
"""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path

from harness.server_account import Account, NotOurs

#: Not ``TMPDIR`` or ``XDG_RUNTIME_DIR``: they differ between a login, ``su`` and cron,
#: and every process has to find the same socket. It is short, too: a socket's path has
#: at most 107 bytes.
_PARENT = Path("/tmp")  # noqa: S108


def directory(data: Path) -> Path:
    """Name the directory of the socket of the server on a data directory."""
    place = os.fsencode(data.resolve())
    return _PARENT / f"carryover-{hashlib.sha256(place).hexdigest()[:16]}"


def make(path: Path, account: Account | None) -> None:
    """Make the directory for the account, again after a reboot has emptied ``/tmp``.

    Takes away what a killed server left there, so nothing may be running. Raises
    ``NotOurs`` when somebody else made the directory first.
    """
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
        if account:
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
    stands(path, owner=account.uid if account else os.geteuid())
    for left in path.glob(".s.PGSQL.*"):
        left.unlink()


def stands(path: Path, *, owner: int) -> bool:
    """Whether the directory is there; raises ``NotOurs`` unless it is the owner's own.

    ``owner`` is the user number that the server runs as.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    is_private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
    if not is_private or found.st_uid != owner:
        raise NotOurs(
            f"{path} is not a private folder of the server's user, so nothing was sent "
            "there. Remove it, or name another folder with CARRYOVER_HOME."
        )
    return True
