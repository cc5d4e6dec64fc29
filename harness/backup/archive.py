"""The archive that ``pg_dump`` writes of the live tables beside the copies.

It is dumped in the snapshot of the copies, into a hidden file beside the one that was
asked for, which gets its name when all else has succeeded.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import database, embedded, session_settings, settings
from harness.database import Connection, Target
from harness.errors import CheckFailed, HarnessError, UsageError, one_line

_BLOCK = 1 << 20


class ArchiveFailed(HarnessError):
    """``pg_dump`` could not write the archive; no backup was left."""


@dataclass
class Archive:
    """An archive: where it goes, and once it is written its size and SHA-256."""

    path: Path
    partial: Path
    bytes: int = 0
    sha256: str = ""
    is_named: bool = False


def prepare(to: Target, file: Path) -> Archive:
    """Look, before anything is read, whether an archive can be written there."""
    path = file.absolute()
    if path.exists():
        raise UsageError(
            f"{path} is there already. Nothing was written. Name a new file."
        )
    if not path.parent.is_dir():
        raise UsageError(
            f"there is no folder {path.parent}. Nothing was written. Make it, or name "
            "another file."
        )
    database.for_program(to)
    return Archive(path, path.with_name(f".{path.name}.{os.getpid()}.partial"))


def write(
    connection: Connection, to: Target, written: Archive, tables: Sequence[str]
) -> None:
    """Dump the tables in the connection's snapshot, and look into what was written.

    Raises ``ArchiveFailed`` when ``pg_dump`` fails, ``CheckFailed`` when the archive
    cannot be read or lacks a table.
    """
    row = connection.execute("select pg_export_snapshot()").fetchone()
    written.partial.touch(mode=0o600)
    patterns = [
        f"--table={_pattern(settings.live_schema())}.{_pattern(t)}" for t in tables
    ]
    _run(
        to,
        "pg_dump",
        "--format=custom",
        "--no-password",
        f"--snapshot={row[0] if row else ''}",
        f"--file={written.partial}",
        *patterns,
        f"--encoding={session_settings.CLIENT_ENCODING}",
        f"--dbname={_without_password(to)}",
    )
    listed = _run(None, "pg_restore", "--list", str(written.partial))
    _run(None, "pg_restore", f"--file={os.devnull}", str(written.partial))
    for table in tables:
        for entry in ("TABLE", "TABLE DATA"):
            if f" {entry} {settings.live_schema()} {table} " not in listed:
                raise CheckFailed(
                    f"the archive lacks {entry} {settings.live_schema()}.{table}. No "
                    "backup was left. Run again: ./inv backup --execute"
                )
    written.bytes = written.partial.stat().st_size
    written.sha256 = _sha256(written.partial)


def finish(written: Archive) -> None:
    """Give the archive its name, unless somebody took that meanwhile."""
    with written.partial.open("rb") as file:
        os.fsync(file.fileno())
    try:
        os.link(written.partial, written.path)
    except FileExistsError:
        raise UsageError(
            f"{written.path} came to be meanwhile. No backup was left. Name a new file."
        ) from None
    written.is_named = True
    written.partial.unlink()


def discard(written: Archive | None) -> None:
    """Remove what was written of an archive."""
    if written is None:
        return
    written.partial.unlink(missing_ok=True)
    if written.is_named:
        written.path.unlink(missing_ok=True)


def _run(to: Target | None, program: str, *arguments: str) -> str:
    environment = database.for_program(to)[1] if to else None
    done = subprocess.run(
        [str(embedded.binary(program)), *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise ArchiveFailed(
            f"{program} failed: {one_line(done.stderr)}. No archive and no backup was "
            "left. Mend the cause, or back up without --file: ./inv backup --execute"
        )
    return done.stdout


def _without_password(to: Target) -> str:
    return database.for_program(to)[0]


def _pattern(name: str) -> str:
    """Quote a name for ``pg_dump``, which reads unquoted ones as patterns."""
    return '"' + name.replace('"', '""') + '"'


def _sha256(path: Path) -> str:
    hashed = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            hashed.update(block)
    return hashed.hexdigest()
