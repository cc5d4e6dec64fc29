"""The folder of a run's artifacts: whole files only, and ``latest`` beside the folders.

Owns how files get to their names, and who may read them: nobody but their owner,
whatever the umask is, since they hold ids and texts of messages. Writes below
``settings.artifacts_home()`` and into the folder of the metrics.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from harness import settings
from harness.errors import HarnessError

LATEST = "latest"

_OWNERS_FOLDER, _OWNERS_FILE, _EVERYBODYS_FILE = 0o700, 0o600, 0o644


class ArtifactsNotWritten(HarnessError):
    """The folder of the artifacts does not take them."""


@contextmanager
def named_when_not_written(
    run_id: str, done: str, command: str | None = None
) -> Iterator[None]:
    """Turn an error of the file system into ``ArtifactsNotWritten``.

    ``done`` says what has been changed by then, which stays so; ``command`` writes the
    files again, and is ``artifacts`` of the run unless it is named.
    """
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise ArtifactsNotWritten(
            f"the artifacts of run {run_id} cannot be written below "
            f"{settings.artifacts_home()}: {error.strerror or error}{where}. {done} "
            "Files already written there are whole. Make room, or name another folder "
            "in CARRYOVER_ARTIFACTS, then run: "
            + (command or f"./inv artifacts --run {run_id}")
        ) from None


def make_private(folder: Path) -> None:
    """Make a folder that only its owner may enter, and its parents where they lack.

    A folder that exists is closed to others as well; its parents stay as they are.
    """
    if not folder.parent.exists():
        make_private(folder.parent)
    folder.mkdir(mode=_OWNERS_FOLDER, exist_ok=True)
    folder.chmod(_OWNERS_FOLDER)


def make_home() -> Path:
    """Make the folder of all artifacts; one that exists keeps its mode."""
    home = settings.artifacts_home()
    if not home.exists():
        make_private(home)
    return home


def close_tree(folder: Path) -> None:
    """Close what another program wrote below a folder to everybody but its owner."""
    for entry in (folder, *folder.rglob("*")):
        if not entry.is_symlink():
            entry.chmod(_OWNERS_FOLDER if entry.is_dir() else _OWNERS_FILE)


@contextmanager
def whole_file(path: Path, mode: int = _OWNERS_FILE) -> Iterator[BinaryIO]:
    """Open a file that appears under its name only when it is complete.

    It is written beside ``path`` and renamed at the end; when the work inside raises,
    it is removed and a file that stood at ``path`` before stays as it was.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    draft.unlink(missing_ok=True)
    try:
        with open(draft, "xb", opener=_open_for_owner) as stream:
            os.fchmod(stream.fileno(), mode)
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_text(path: Path, text: str, mode: int = _OWNERS_FILE) -> None:
    """Write a small text file, whole or not at all, in UTF-8."""
    with whole_file(path, mode) as stream:
        stream.write(text.encode())


def write_for_collector(name: str, text: str) -> None:
    """Write a pipeline's newest metrics where a collector finds them.

    In ``CARRYOVER_METRICS`` everybody may read them, as a collector of another user
    has to: they hold no id and no text of a row. Else they are beside ``latest``.
    """
    folder = settings.metrics_home()
    if folder is None:
        write_text(settings.artifacts_home() / name, text)
    else:
        write_text(folder / name, text, _EVERYBODYS_FILE)


def point_latest(home: Path, run_id: str) -> None:
    """Let ``latest`` in ``home`` stand for the folder of a run.

    A relative symbolic link, replaced in one step; where the system makes no symbolic
    links, a text file that holds the folder's name.
    """
    latest = home / LATEST
    draft = home / f".{LATEST}.{os.getpid()}.draft"
    draft.unlink(missing_ok=True)
    try:
        draft.symlink_to(run_id, target_is_directory=True)
        draft.replace(latest)
    except (OSError, NotImplementedError):
        write_text(latest, f"{run_id}\n")
    finally:
        draft.unlink(missing_ok=True)


def _open_for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, _OWNERS_FILE)
