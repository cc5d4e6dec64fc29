"""Opens a dump: a file, a compressed file or standard input.

Owns the file's size and SHA-256, which are taken while it streams by. Reads the file
once and writes nothing.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from harness.errors import InputError
from harness.load.archives import ZIP, only_zipped
from harness.load.compression import decompressed

STANDARD_INPUT = "-"
Progress = Callable[[int, int], None]

#: Below the size from which glibc maps and unmaps pages for every block, whose faults
#: cost a third of the parser's time.
_BLOCK_BYTES = 1 << 17


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

        Raises ``DumpError`` when compressed data is cut short or damaged, or when an
        archive does not hold just one file.
        """
        if self._stream.seekable():
            start = self._stream.read(len(ZIP))
            self._stream.seek(-len(start), os.SEEK_CUR)
            if start == ZIP:
                for _ in self._blocks():
                    pass
                return decompressed(only_zipped(self._stream, self.name), self.name)
        return decompressed(self._blocks(), self.name)

    def _blocks(self) -> Iterator[bytes]:
        while block := self._stream.read(_BLOCK_BYTES):
            self._digest.update(block)
            self.bytes_read += len(block)
            if self._on_progress:
                self._on_progress(self.bytes_read, self._total)
            yield block


@contextmanager
def open_dump(
    path: str, on_progress: Progress | None = None, *, name: str | None = None
) -> Iterator[Source]:
    """Open one file of a dump for reading; ``-`` is standard input.

    ``name`` is what errors call it, the file's own name without it.

    ``on_progress`` is called with the bytes of the file that were read and their total,
    0 when it is not known. Raises ``InputError`` when the file cannot be opened.
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
    try:
        stream = file.open("rb")
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}. Nothing was loaded. Check the path."
        ) from None
    with stream:
        yield Source(stream, name or file.name, file.stat().st_size, on_progress)
