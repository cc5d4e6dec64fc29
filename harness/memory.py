"""How much memory a process has held at most. Reads what the system counts."""

from __future__ import annotations

import sys
from pathlib import Path

_LINUX = Path("/proc/self/status")


def peak_memory_bytes() -> int | None:
    """The most memory this process has held, in bytes; None where that is not known.

    On Linux as the kernel counts it for the program that runs now. ``getrusage`` would
    also count what the process that started this one held at that moment.
    """
    try:
        status = _LINUX.read_text(encoding="ascii", errors="replace")
    except OSError:
        return _peak_by_usage()
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return _peak_by_usage()


def _peak_by_usage() -> int | None:
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
