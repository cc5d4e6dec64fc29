"""Reads dumps in a process beside the one that feeds COPY, when there are cores for it.

``ParallelReader`` has the interface of ``LoadReader``: the same events in the same
order, the same errors, the same outcome. Owns the parser process: it is gone when the
iteration ends, however it ends. Writes nothing.
"""

from __future__ import annotations

import fcntl
import os
import pickle
import signal
import struct
import subprocess
import sys
from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from harness.errors import HarnessError
from harness.load import parser
from harness.load.dumps import Dump, total_bytes
from harness.load.events import CopyBlock, Event
from harness.load.parts import LoadReader, Outcome
from harness.load.source import Progress
from harness.load.witness import Witness
from harness.settings import PROJECT_ROOT

#: A smaller dump is read sooner than a process starts, in bytes.
WORTH_A_PROCESS = 8 << 20
#: How far the parser may be ahead; macOS has no such request and grows pipes itself.
_PIPE_BYTES = 1 << 20
_SET_PIPE_SIZE: int | None = getattr(fcntl, "F_SETPIPE_SZ", None)


class ParserFailed(HarnessError):
    """The parser process ended before it had read the dump."""


class ParallelReader:
    """Reads dumps once, with or without a process of its own.

    ``dumps``, ``tables`` and ``on_progress`` are those of ``LoadReader``.
    ``in_process`` is for tests and measurements; ``None`` decides by the number of
    processors and the size of the dumps. ``every_row`` has every row read twice, else
    a sample.
    """

    def __init__(
        self,
        dumps: Sequence[Dump],
        *,
        tables: Collection[str] | None,
        on_progress: Progress | None = None,
        in_process: bool | None = None,
        every_row: bool = False,
    ) -> None:
        self._job = parser.Job(dumps, tables, on_progress is not None, every_row)
        self._on_progress = on_progress
        if in_process is None:
            in_process = processors() < 2 or 0 < total_bytes(dumps) < WORTH_A_PROCESS
        self._in_process = in_process
        self.outcome = Outcome()

    def events(self) -> Generator[Event, None, None]:
        """Yield what ``LoadReader.events`` yields; the outcome is whole afterwards.

        Raises what it raises, and ``ParserFailed`` when the process dies. Close the
        iterator to end the process before the dump has ended.
        """
        if self._in_process:
            reader = LoadReader(
                self._job.dumps,
                tables=self._job.tables,
                on_progress=self._on_progress,
                witness=Witness(every_row=self._job.every_row),
            )
            self.outcome = reader.outcome
            yield from reader.events()
            return
        with _parser_process(self._job) as (process, pipe):
            yield from self._received(process, pipe)

    def _received(self, process: subprocess.Popen[bytes], pipe: int) -> Iterator[Event]:
        """Turn the parser's frames into events until it tells the end."""
        target: tuple[str, tuple[str, ...]] = ("", ())
        while (frame := _read_frame(pipe)) is not None:
            kind, rows, content = frame
            if kind == parser.ROWS:
                yield CopyBlock(*target, content, rows)
                continue
            value = pickle.loads(content)  # noqa: S301 - from our own child
            if kind == parser.OUTCOME:
                self.outcome = value
                return
            if kind == parser.ERROR:
                raise value
            if kind == parser.TARGET:
                target = value
            elif kind == parser.PROGRESS:
                self._tell(value)
            else:
                yield value
        raise ParserFailed(f"the process that reads the dump {_how_it_ended(process)}")

    def _tell(self, progress: tuple[int, int]) -> None:
        if self._on_progress:
            self._on_progress(*progress)


def processors() -> int:
    """How many processors this process may use."""
    # macOS does not tie processes to processors, and cannot be asked.
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


@contextmanager
def _parser_process(
    job: parser.Job,
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The running parser and the pipe of its frames; it is gone afterwards."""
    child_job, job_pipe = os.pipe()
    event_pipe, child_events = os.pipe()
    try:
        if _SET_PIPE_SIZE is not None:
            _grow(event_pipe, _SET_PIPE_SIZE)
        process = _start(child_job, child_events)
    except BaseException:
        for end in (child_job, job_pipe, event_pipe, child_events):
            os.close(end)
        raise
    os.close(child_job)
    os.close(child_events)
    try:
        _send(job_pipe, tuple(job))
        yield process, event_pipe
    finally:
        process.kill()
        process.wait()
        os.close(job_pipe)
        os.close(event_pipe)


def _start(job_pipe: int, event_pipe: int) -> subprocess.Popen[bytes]:
    paths = [str(PROJECT_ROOT), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [sys.executable, "-m", parser.__name__, str(job_pipe), str(event_pipe)],
        pass_fds=(job_pipe, event_pipe),
        # Ctrl-C in the terminal is for the parent to answer.
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
    )


def _grow(pipe: int, request: int) -> None:
    """Let the pipe hold more; a system that refuses is as well served by less."""
    try:
        fcntl.fcntl(pipe, request, _PIPE_BYTES)
    except OSError:
        return


def _send(pipe: int, value: Any) -> None:
    """Send the one job; a parser that is dead already is noticed by its silence."""
    content = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    rest = memoryview(struct.pack("!Q", len(content)) + content)
    try:
        while rest:
            rest = rest[os.write(pipe, rest) :]
    except BrokenPipeError:
        return


def _read_frame(pipe: int) -> tuple[bytes, int, bytes] | None:
    """Read one frame; ``None`` when the pipe ends before a whole one."""
    header = _read_exactly(pipe, parser.HEADER.size)
    if header is None:
        return None
    kind, rows, length = parser.HEADER.unpack(header)
    content = _read_exactly(pipe, length)
    return None if content is None else (kind, rows, content)


def _read_exactly(pipe: int, length: int) -> bytes | None:
    piece = os.read(pipe, length) if length else b""
    if len(piece) == length:
        return piece
    pieces, missing = [piece], length - len(piece)
    while piece and missing:
        piece = os.read(pipe, min(missing, _PIPE_BYTES))
        pieces.append(piece)
        missing -= len(piece)
    return None if missing else b"".join(pieces)


def _how_it_ended(process: subprocess.Popen[bytes]) -> str:
    """What became of a parser that fell silent, and what to do."""
    code = process.wait()
    if code >= 0:
        return (
            f"ended with the exit code {code}. Nothing was loaded. "
            "Please report the error above as a bug."
        )
    return (
        f"was ended by {signal.Signals(-code).name}. Nothing was loaded. "
        "See that no memory limit ends it, then run the load again."
    )
