"""What a person sees in the terminal: header, steps, tables, the next command.

Progress and diagnostics go to standard error, results to standard output, so that a
result can be piped. Whatever a dump or a server has named, no control character of it
reaches a terminal, and what the stream's encoding lacks is shown by its code. Writes to
the two streams and nothing else.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

from harness.escaping import for_stream, visible_line

_BAR_WIDTH = 24
_REDRAW_SECONDS = 0.1


@dataclass
class Step:
    """One line of progress: set ``detail`` to what the step found."""

    name: str
    stream: TextIO
    started: float = field(default_factory=time.monotonic)
    detail: str = ""
    is_quiet: bool = False
    _drawn: float = 0.0

    @property
    def title(self) -> str:
        """The step's name at the beginning of its line."""
        return for_stream(f"{visible_line(self.name)} ... ", self.stream)

    @property
    def seconds(self) -> float:
        """How long the step has been running, in seconds."""
        return time.monotonic() - self.started

    def progress(self, done: int, total: int) -> None:
        """Redraw the bar when standard error is a terminal.

        ``done`` and ``total`` are in the same unit, bytes or rows; a total of 0 means
        that it is not known, and only ``done`` is shown.
        """
        now = time.monotonic()
        is_shown = self.stream.isatty() and not self.is_quiet
        if not is_shown or now - self._drawn < _REDRAW_SECONDS:
            return
        self._drawn = now
        self._draw(_bar(done, total) if total > 0 else f"{done:,}")

    def files(self, done: int, of_files: int, size: int, of_size: int) -> None:
        """Redraw the bar of files, by the larger share left: of files or of bytes."""
        now = time.monotonic()
        is_shown = self.stream.isatty() and not self.is_quiet
        if not is_shown or now - self._drawn < _REDRAW_SECONDS:
            return
        self._drawn = now
        behind = size * of_files < done * of_size
        bar = _bar(size, of_size) if behind else _bar(done, max(of_files, 1))
        megabytes = f"{size / 1e6:,.1f} of {of_size / 1e6:,.1f} MB"
        self._draw(f"{bar}  {done:,} of {of_files:,} files, {megabytes}")

    def _draw(self, text: str) -> None:
        self.stream.write(f"\r\x1b[K{self.title}{text}")
        self.stream.flush()


class Console:
    """Prints a task's header, steps, table and next command.

    ``quiet`` keeps progress off standard error; results are printed all the same.
    """

    def __init__(
        self,
        out: TextIO | None = None,
        err: TextIO | None = None,
        *,
        quiet: bool = False,
    ) -> None:
        self.out = out or sys.stdout
        self.err = err or sys.stderr
        self.quiet = quiet

    def header(self, task: str, target: str, run_id: str | None = None) -> None:
        """Name the task, the target (its password already redacted) and the run."""
        run = f"  run {run_id}" if run_id else ""
        self.note(f"carryover {task}  target {target}{run}")

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Print ``name ... detail  seconds`` around a piece of work."""
        step = Step(name, self.err, is_quiet=self.quiet)
        if not self.quiet:
            self.err.write(step.title)
            self.err.flush()
        try:
            yield step
        except BaseException as error:
            ended = "stopped" if isinstance(error, KeyboardInterrupt) else "failed"
            with suppress(OSError):  # a stream that is gone hides no other error
                self._finish(step, ended)
            raise
        self._finish(step, step.detail or "done")

    def note(self, text: str) -> None:
        """Say something about the course of the work."""
        if not self.quiet:
            _print(text, self.err)

    def warn(self, text: str) -> None:
        """Say something that wants attention; printed even when quiet."""
        _print(f"warning: {text}", self.err)

    def result(self, text: str) -> None:
        """Print a result."""
        _print(text, self.out)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print rows under their headings, numbers with separators and to the right."""
        self.result(format_table(columns, rows))

    def _finish(self, step: Step, detail: str) -> None:
        if self.quiet:
            return
        restart = f"\r\x1b[K{step.title}" if step.stream.isatty() else ""
        found = for_stream(visible_line(detail), self.err)
        self.err.write(f"{restart}{found}  {step.seconds:.1f}s\n")
        self.err.flush()


def _print(text: str, stream: TextIO) -> None:
    print(for_stream(text, stream), file=stream)


def fit_streams() -> None:
    """Let the two streams take any text: what one cannot encode is escaped.

    A stream that is closed leads nowhere. Called once, before anything is opened that
    could get the number of a closed stream.
    """
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            nowhere = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115
            setattr(sys, name, nowhere)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and (stream.errors or "").startswith("s"):
            stream.reconfigure(errors="backslashreplace")


def json_text(value: Any) -> str:
    """Write a value as JSON that standard output can encode."""
    is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    return json.dumps(value, indent=2, ensure_ascii=not is_unicode, default=str)


def _bar(done: int, total: int) -> str:
    share = min(done / total, 1.0)
    filled = int(share * _BAR_WIDTH)
    return f"[{'#' * filled}{'-' * (_BAR_WIDTH - filled)}] {share:4.0%}"


def counted(count: int, noun: str) -> str:
    """Write a number and its noun: ``1 warning``, ``6,000 rows``."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def format_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Lay rows out as text under their headings; numbers go to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    numeric = [
        bool(rows) and all(isinstance(row[i], (int, float)) for row in rows)
        for i in range(len(columns))
    ]
    widths = [
        max([len(column), *(len(row[i]) for row in cells)])
        for i, column in enumerate(columns)
    ]

    def line(values: Sequence[str]) -> str:
        placed = (
            value.rjust(width) if right else value.ljust(width)
            for value, width, right in zip(values, widths, numeric, strict=True)
        )
        return "  ".join(placed).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([line(list(columns)), rule, *(line(row) for row in cells)])


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return visible_line(str(value))
