"""What a security check found, as it is printed, stored and judged.

Pure: neither reads nor writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness.console import counted

#: The plan's five checks, in its order, by the names that findings have.
CHECKS = {
    "chats": "nobody reads or writes another's chats",
    "files": "files are restricted to those who take part",
    "admins": "admins read, change and delete everything",
    "audit log": "writes are recorded, and the record cannot be altered",
    "exposure": "nothing sensitive is exposed to the API's roles",
}
#: What brings back what publishing made.
PUBLISH = "Run: ./inv backup --execute, then ./inv consolidate.publish --execute"


@dataclass(frozen=True)
class Finding:
    """One thing that is not as promised: which check, who, on what, and the remedy.

    A warning is about what is the application's own, and fails nothing.
    """

    check: str
    role: str
    object: str
    what: str
    remedy: str = PUBLISH
    is_warning: bool = False

    def __str__(self) -> str:
        """The finding in a sentence."""
        return f"{self.role}: {self.what} ({self.object})"


@dataclass
class Result:
    """The course of one check: what it tried, found, and could not look at."""

    name: str
    attempts: int = 0
    findings: tuple[Finding, ...] = ()
    not_looked_at: str | None = None

    def tried(self, *findings: Finding | None) -> None:
        """Count an attempt, and keep what it found."""
        self.attempts += 1
        self.findings += tuple(each for each in findings if each)

    @property
    def failures(self) -> list[Finding]:
        """The findings that fail the check."""
        return [each for each in self.findings if not each.is_warning]

    @property
    def status(self) -> str:
        """``pass``, ``warn``, ``fail``, or ``not looked at``."""
        if self.failures:
            return "fail"
        if self.not_looked_at:
            return "not looked at"
        return "warn" if self.findings else "pass"


@dataclass(frozen=True)
class SecurityCheck:
    """All five checks of one run."""

    results: tuple[Result, ...]

    @property
    def findings(self) -> list[Finding]:
        """Everything that was found, in the order of the checks."""
        return [each for result in self.results for each in result.findings]

    @property
    def failures(self) -> list[Finding]:
        """What fails the check."""
        return [each for result in self.results for each in result.failures]

    @property
    def passed(self) -> bool:
        """Whether nothing fails."""
        return not self.failures

    def summary(self) -> str:
        """The outcome in some words, for a step's line."""
        tried = counted(sum(result.attempts for result in self.results), "attempt")
        if self.failures:
            return f"{tried}, {counted(len(self.failures), 'finding')}"
        warnings = len(self.findings)
        unseen = [result.name for result in self.results if result.not_looked_at]
        return (
            tried
            + (f", {counted(warnings, 'warning')}" if warnings else "")
            + (f", not looked at: {', '.join(unseen)}" if unseen else "")
        )

    def as_dict(self) -> dict[str, Any]:
        """The check as ``--json`` prints it and the ledger keeps it."""
        return {
            "passed": self.passed,
            "checks": [
                {
                    "check": result.name,
                    "promise": CHECKS[result.name],
                    "status": result.status,
                    "attempts": result.attempts,
                    "not_looked_at": result.not_looked_at,
                    "findings": [asdict(each) for each in result.findings],
                }
                for result in self.results
            ],
        }

    def as_rows(self) -> list[Sequence[object]]:
        """The rows of the table: check, outcome, attempts, findings."""
        return [
            (
                result.name,
                result.status,
                result.attempts,
                result.not_looked_at or CHECKS[result.name],
            )
            for result in self.results
        ]
