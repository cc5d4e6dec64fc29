"""Opens a dump: a file, a compressed file or standard input.

Owns the refusal of what is no single dump file, and the file's size and SHA-256, which
are taken while it streams by. Reads the file once and writes nothing.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from harness.errors import InputError
from harness.load.compression import decompressed

STANDARD_INPUT = "-"
Progress = Callable[[int, int], None]

_BLOCK_BYTES = 1 << 18


class Source:
    """A dump that is being read.

    ``bytes_read`` and ``sha256`` are the file's own, and whole once ``chunks`` is
    exhausted.
    """

    def __init__(
        self, stream: BinaryIO, name: str, total: int, on_progress: Progress | None
    ) -> None:
        self.name = name
        self.bytes_read = 0
        self._stream = stream
        self._total = total
        self._on_progress = on_progress
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """The SHA-256 of what was read so far, in hexadecimal digits."""
        return self._digest.hexdigest()

    def chunks(self) -> Iterator[bytes]:
        """Yield the decompressed bytes of the dump.

        Raises ``DumpError`` when compressed data is cut short or damaged.
        """
        return decompressed(self._blocks(), self.name)

    def _blocks(self) -> Iterator[bytes]:
        while block := self._stream.read(_BLOCK_BYTES):
            self._digest.update(block)
            self.bytes_read += len(block)
            if self._on_progress:
                self._on_progress(self.bytes_read, self._total)
            yield block


@contextmanager
def open_dump(path: str, on_progress: Progress | None = None) -> Iterator[Source]:
    """Open a dump for reading; ``-`` is standard input.

    ``on_progress`` is called with the bytes of the file that were read and their total,
    0 when it is not known. Raises ``InputError`` when there is no such file or it is a
    directory.
    """
    if path == STANDARD_INPUT:
        if sys.stdin.isatty():
            raise InputError(
                "standard input is a terminal, not a dump. Nothing was loaded. "
                "Pipe a dump: mysqldump DATABASE | ./inv load --dump -"
            )
        yield Source(sys.stdin.buffer, "standard input", 0, on_progress)
        return
    file = Path(path)
    check_is_file(file)
    try:
        stream = file.open("rb")
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}. Nothing was loaded."
        ) from None
    with stream:
        yield Source(stream, file.name, file.stat().st_size, on_progress)


def check_is_file(path: Path) -> None:
    """Raise ``InputError`` unless ``path`` may be a dump; directories are named."""
    if not path.exists():
        raise InputError(
            f"there is no file {path}. Nothing was loaded. Check the path of the dump."
        )
    if path.is_dir():
        raise InputError(
            f"{path} is {_directory_kind(path)}. Nothing was loaded. "
            f"{_DIRECTORY_ADVICE}"
        )
    if path.name.startswith("@."):
        raise InputError(
            f"{path} is part of a MySQL Shell dump. Nothing was loaded. "
            f"{_DIRECTORY_ADVICE}"
        )


_DIRECTORY_ADVICE = (
    "Load it into a MySQL server and dump that into one file: "
    "mysqldump --result-file=FILE DATABASE."
)


def _directory_kind(path: Path) -> str:
    names = {entry.name for entry in path.iterdir()}
    if any(name.startswith("@.") for name in names):
        return "a MySQL Shell dump (util.dumpInstance, util.dumpSchemas)"
    if any("-schema.sql" in name for name in names):
        return "a mydumper directory"
    stems = {name[: -len(".sql")] for name in names if name.endswith(".sql")}
    if any(f"{stem}.txt" in names for stem in stems):
        return "the output of mysqldump --tab"
    return "a directory, not a dump"
