"""Preflight: whether a publish could go through, before the first write.

Owns the list of checks and their order. Each check looks in a transaction of its own,
which is rolled back; all but one of them are read only, and that one makes temporary
tables. Nothing is ever committed.
"""

from harness.preflight.report import (
    Check,
    Preflight,
    print_preflight,
    require,
)
from harness.preflight.runner import run

__all__ = ["Check", "Preflight", "print_preflight", "require", "run"]
