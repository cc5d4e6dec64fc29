"""What SIGINT, SIGTERM and SIGHUP do: end the task, and say what is left.

Until a task begins, a signal ends the process at once. Then the first one raises
``Stopped`` in the main thread, so that transactions roll back and children end, and a
second one ends the process wherever it is, in a library's C code, too. Some C code
drops the exceptions of what it calls: ``Stopped`` is raised again until it is taken. A
signal that was ignored at the start stays ignored, as ``nohup`` wants it. Imports
nothing heavy: it is at work while everything else loads.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: How often it is looked whether ``Stopped`` was dropped, in seconds.
_AGAIN_SECONDS = 0.25


class Stopped(KeyboardInterrupt):
    """A signal asked the task to end; psycopg and dbt cancel their work on it."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class _State:
    """What this process is at, and which signal it has received."""

    is_at_work = False
    is_deferred = False
    received: int | None = None


def exit_code(number: int) -> int:
    """The exit code of a process that a signal ended, as shells have it."""
    return 128 + number


def install() -> None:
    """Handle the signals from here on."""
    handled = [s for s in _SIGNALS if signal.getsignal(s) is not signal.SIG_IGN]
    for number in handled:
        signal.signal(number, _handle)
    signal.signal(signal.SIGALRM, _raise_again)
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(told,), daemon=True).start()


def begin() -> None:
    """From here on a signal raises ``Stopped``: there is work to roll back."""
    _State.is_at_work = True


def received() -> int | None:
    """The signal that asked this process to end, if one did."""
    return _State.received


def check() -> None:
    """Raise ``Stopped`` when a signal came and a library kept the exception."""
    if _State.received is not None:
        raise Stopped(_State.received)


def taken() -> None:
    """The task has ended for ``Stopped``, which is not raised again."""
    signal.setitimer(signal.ITIMER_REAL, 0)


@contextmanager
def deferred() -> Iterator[None]:
    """Let a signal wait for the end of what is inside: a commit is done or it is not.

    Raises ``Stopped`` after it; what is inside may be the cleaning up after another.
    """
    before = _State.received
    _State.is_deferred = True
    try:
        yield
    finally:
        _State.is_deferred = False
    if before is None:
        check()


def _handle(number: int, _: FrameType | None) -> None:
    if not _State.is_at_work:
        _end(number, "Nothing was run.")
    if _State.received is not None:
        return  # ``_watch`` ends the process
    _State.received = number
    signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS, _AGAIN_SECONDS)
    if not _State.is_deferred:
        raise Stopped(number)


def _raise_again(_: int, __: FrameType | None) -> None:
    """Raise ``Stopped``, unless it is on its way and something cleans up for it."""
    error = sys.exc_info()[1]
    while error is not None and not isinstance(error, Stopped):
        error = error.__cause__ or error.__context__
    if error is None and not _State.is_deferred:
        check()


def _watch(told: int) -> None:
    """End the process at the second signal; the main thread may be deep in C code."""
    count = 0
    while byte := os.read(told, 1):
        count += byte[0] in _SIGNALS
        if count > 1:
            _end(byte[0], "It ended at once; see what is done with ./inv status")


def _end(number: int, said: str) -> None:
    """End this process without any of Python's own endings."""
    with suppress(OSError):  # the terminal may be gone
        name = signal.Signals(number).name
        os.write(2, f"\nstopped by {name}. {said}\n".encode())
    os._exit(exit_code(number))
