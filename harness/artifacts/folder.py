"""The folder of a run's artifacts: whole files only, and ``latest`` beside the folders.

Owns how files get to their names. Writes below ``settings.artifacts_home()`` and
nowhere else.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

LATEST = "latest"


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that appears under its name only when it is complete.

    It is written beside ``path`` and renamed at the end; when the work inside raises,
    it is removed and a file that stood at ``path`` before stays as it was.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        with draft.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a small text file, whole or not at all, in UTF-8."""
    with whole_file(path) as stream:
        stream.write(text.encode())


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
