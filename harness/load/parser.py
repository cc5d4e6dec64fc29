"""The parser process: reads a load's dumps and writes what it finds to a pipe.

``parallel`` starts it as ``python -m harness.load.parser JOB EVENTS``, with two pipes:
on one stands what to read, on the other come frames of events, the outcome or the error
that ended it. Standard input may be a dump. Knows no database; ends when its parent
does, so that it is never an orphan.
"""

from __future__ import annotations

import os
import pickle
import struct
import sys
import threading
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from harness.errors import HarnessError
from harness.load.dumps import Dump
from harness.load.events import CopyBlock, Event
from harness.load.parts import LoadReader
from harness.load.witness import Witness
from harness.memory import peak_memory_bytes

#: The kinds of frames: rows; the table and columns of those that follow; another event;
#: bytes read and their total; and at the end the outcome or the dump's error.
ROWS, TARGET, EVENT, PROGRESS, OUTCOME, ERROR = b"R", b"T", b"E", b"P", b"O", b"X"

#: What stands before a frame's content: its kind, its rows, its length in bytes.
HEADER = struct.Struct("!cIQ")


class Job(NamedTuple):
    """What ``LoadReader`` is to read, and whether every row is read twice."""

    dumps: Sequence[Dump]
    tables: Collection[str] | None
    tells_progress: bool
    every_row: bool = False


class _Frames:
    """Writes frames to a pipe; tells the target of rows when it changes."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._target: tuple[str, tuple[str, ...]] | None = None

    def event(self, event: Event) -> None:
        """Write an event, rows as the bytes that they are."""
        if not isinstance(event, CopyBlock):
            self.value(EVENT, event)
            return
        target = (event.table, event.columns)
        if target != self._target:
            self._target = target
            self.value(TARGET, target)
        self._write(ROWS, event.data, event.rows)

    def value(self, kind: bytes, value: Any) -> None:
        """Write any value."""
        self._write(kind, pickle.dumps(value, pickle.HIGHEST_PROTOCOL))

    def _write(self, kind: bytes, content: bytes, rows: int = 0) -> None:
        header = HEADER.pack(kind, rows, len(content))
        written = os.writev(self._pipe, [header, content]) - len(header)
        rest = memoryview(content)[written:]
        while rest:
            rest = rest[os.write(self._pipe, rest) :]


def main(job_pipe: int, event_pipe: int) -> None:
    """Do the job that stands on one pipe and tell of it on the other."""
    with os.fdopen(job_pipe, "rb", buffering=0) as pipe:
        (length,) = struct.unpack("!Q", pipe.read(8))
        job = Job(*pickle.loads(pipe.read(length)))  # noqa: S301 - our own parent's
        threading.Thread(target=_end_with_parent, args=(job_pipe,), daemon=True).start()
        try:
            _read(job, _Frames(event_pipe))
        except BrokenPipeError:  # the parent listens no more
            os._exit(1)
        # Neither the thread nor a large dump's memory is worth a tidy end.
        os._exit(0)


def _end_with_parent(job_pipe: int) -> None:
    """End when the parent closes its end, even while standard input says nothing."""
    os.read(job_pipe, 1)
    os._exit(1)


def _read(job: Job, frames: _Frames) -> None:
    def tell(done: int, total: int) -> None:
        frames.value(PROGRESS, (done, total))

    reader = LoadReader(
        job.dumps,
        tables=job.tables,
        on_progress=tell if job.tells_progress else None,
        witness=Witness(every_row=job.every_row),
    )
    try:
        for event in reader.events():
            frames.event(event)
    except HarnessError as error:
        frames.value(ERROR, error)
    else:
        reader.outcome.parser_peak_memory_bytes = peak_memory_bytes()
        frames.value(OUTCOME, reader.outcome)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
