"""What a preflight found: as a list, as JSON, as a table, as an error.

Touches no database; prints to the console that it is given.
"""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from harness import pipelines
from harness.console import Console, counted
from harness.errors import CheckFailed, HarnessError, one_line

Status = Literal["pass", "warn", "fail"]

#: An error names this many of the checks that failed; the list has all of them.
_NAMED = 3
_WIDEST = 110
_COLOURS = {"pass": "\x1b[32m", "warn": "\x1b[33m", "fail": "\x1b[31m"}


@dataclass(frozen=True)
class Check:
    """One line of the list: what was looked at, what was found, what mends it.

    ``remedy`` is a sentence, with commands or SQL on the lines after it; it is empty
    where there is nothing to mend, or where another check's remedy mends this one too.
    """

    name: str
    status: Status
    said: str
    remedy: str = ""


@dataclass(frozen=True)
class Preflight:
    """All checks in their order, of one database at one time."""

    target: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing stands in the way of a publish; warnings do not."""
        return not self.failures

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.status == "fail")

    @property
    def warnings(self) -> tuple[Check, ...]:
        """The checks that want a look and stop nothing."""
        return tuple(check for check in self.checks if check.status == "warn")

    def summary(self) -> str:
        """Count the checks by their status."""
        passed = len(self.checks) - len(self.failures) - len(self.warnings)
        return (
            f"{counted(len(self.checks), 'check')}: {passed} pass, "
            f"{len(self.warnings)} warn, {len(self.failures)} fail"
        )

    def as_dict(self) -> dict[str, Any]:
        """The preflight as JSON has it."""
        return {
            "target": self.target,
            "passed": self.passed,
            "warnings": len(self.warnings),
            "failures": len(self.failures),
            "checks": [asdict(check) for check in self.checks],
        }


def require(preflight: Preflight) -> None:
    """Raise ``CheckFailed`` with the first failures when something is in the way."""
    failures = preflight.failures
    if not failures:
        return
    named = " ".join(
        f"{check.name}: {_sentence(check.said)} {_beginning(check.remedy)}".rstrip()
        for check in failures[:_NAMED]
    )
    more = len(failures) - _NAMED
    raise CheckFailed(
        f"the preflight found {counted(len(failures), 'failure')}. {named}"
        + (f" And {more} more." if more > 0 else "")
        + " Nothing was published. See all of them with: "
        + pipelines.current().command("preflight")
    )


def explained(error: HarnessError) -> tuple[str, str]:
    """Part an error's message into what was found and what to do about it."""
    said, _, remedy = str(error).partition(" Nothing was changed. ")
    return said.rstrip("."), remedy


def print_preflight(console: Console, preflight: Preflight) -> None:
    """Print a line for each check, then the remedies of those that did not pass."""
    is_terminal = console.out.isatty()
    width = min(shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST)
    is_coloured = is_terminal and not os.environ.get("NO_COLOR")
    for line in _lines(preflight, width, is_coloured=is_coloured):
        console.result(line)


def _lines(preflight: Preflight, width: int, *, is_coloured: bool) -> Iterator[str]:
    column = max(len("check"), *(len(check.name) for check in preflight.checks))
    room = max(width - column - 10, 30)
    yield f"status  {'check':{column}}  found"
    yield f"{'-' * 6}  {'-' * column}  {'-' * room}"
    for check in preflight.checks:
        status = f"{check.status:6}"
        if is_coloured:
            status = f"{_COLOURS[check.status]}{status}\x1b[0m"
        first, *rest = _wrapped(check.said, room)
        yield f"{status}  {check.name:{column}}  {first}"
        for line in rest:
            yield f"{'':{column + 10}}{line}"
    for status in ("fail", "warn"):
        for check in preflight.checks:
            if check.status == status and check.remedy:
                yield from _remedy(check, width)
    yield ""
    yield preflight.summary()


def _remedy(check: Check, width: int) -> Iterator[str]:
    """The remedy, its commands each on a line of its own so that it can be copied."""
    sentence, *commands = check.remedy.splitlines()
    yield ""
    yield f"{check.status}  {check.name}"
    yield from (f"      {line}" for line in _wrapped(sentence, width - 6))
    yield from (f"          {command}" for command in commands)


def _wrapped(text: str, width: int) -> list[str]:
    options = {"break_long_words": False, "break_on_hyphens": False}
    return textwrap.wrap(text, width, **options) or [""]  # type: ignore[arg-type]


def _beginning(remedy: str) -> str:
    """A remedy's sentence and its first command; the list has all of them."""
    return _sentence(" ".join(remedy.splitlines()[:2]))


def _sentence(text: str) -> str:
    said = one_line(text)
    return said if not said or said[-1] in ".;" else f"{said}."
