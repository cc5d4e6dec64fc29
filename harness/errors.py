"""The errors that an operator can act on, and the exit codes they end with.

Owns ``HarnessError`` and the conditions that several rooms share; a condition that
belongs to one room is declared there. ``tasks.py`` catches ``HarnessError`` and nothing
else, prints its one sentence and exits with its code. Exit codes, as ``DESIGN`` has
them: 0 done, 1 unexpected, 2 usage, 3 a check failed, 4 refused, 130 interrupted (and
143, 129 by the other signals of ``harness.signals``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from harness.escaping import visible


class HarnessError(Exception):
    """A condition that the operator can act on.

    The message names what failed, on which object, what state is left, and the command
    to run next.
    """

    exit_code: ClassVar[int] = 1

    def __str__(self) -> str:
        """The message, in which nothing can drive a terminal."""
        return visible(super().__str__())


class UsageError(HarnessError):
    """The command cannot be carried out as it was given."""

    exit_code = 2


class InputError(HarnessError):
    """A file that was given cannot be read as what it should be."""

    exit_code = 2


class ConnectionFailed(HarnessError):
    """The target database cannot be reached."""

    exit_code = 2


class CheckFailed(HarnessError):
    """A check ran and did not pass."""

    exit_code = 3


class Refused(HarnessError):
    """A precondition does not hold, so nothing was changed."""

    exit_code = 4


@contextmanager
def after_other_stages(
    left: str = "nothing was published",
) -> Iterator[None]:
    """Let what is refused inside say no more than is true after other stages.

    A stage that has changed nothing says so; where earlier ones have written landing
    tables, models or live rows it says what is ``left`` in place of that.
    """
    try:
        yield
    except HarnessError as error:
        error.args = (
            str(error)
            .replace("nothing was changed", left)
            .replace("Nothing was changed", left[0].upper() + left[1:]),
        )
        raise


def one_line(text: object) -> str:
    """Write an error, or what another program said, on one line of a message."""
    return " ".join(str(text).split())
