"""Shows, by acting as each role, that the live database keeps the plan's five promises.

Works in one transaction that is rolled back, with a bound on waiting for locks, on a
sample of people and chats. Changes nothing but sequences, which do not go back.
"""

from __future__ import annotations

from harness import locks, target
from harness.console import Console
from harness.database import Connection, lost_connections_named
from harness.errors import CheckFailed
from harness.security import acting, exposure, hardening, probes, sampling
from harness.security.catalog import CHAT_TABLES, read
from harness.security.findings import CHECKS, Finding, SecurityCheck

__all__ = ["CHECKS", "Finding", "SecurityCheck", "print_check", "require", "run"]


def run(connection: Connection, on_wait: locks.OnWait | None = None) -> SecurityCheck:
    """Run the five checks and take back all that was tried.

    Raises ``Refused`` when the chat tables are not there, when we may not act as the
    users' roles, or when the application does not let go of a row.
    """
    with lost_connections_named():
        _require_tables(connection)
        return locks.retried(
            connection, lambda: _run(connection), tables=CHAT_TABLES, on_wait=on_wait
        )


def require(found: SecurityCheck) -> None:
    """Raise ``CheckFailed`` naming the first findings, unless all checks passed."""
    if found.passed:
        return
    named = "; ".join(str(each) for each in found.failures[:3])
    more = len(found.failures) - 3
    rest = f"; and {more} more" if more > 0 else ""
    raise CheckFailed(
        f"the live database is not as secure as promised: {named}{rest}. This "
        "check left the live tables as they are. See each with its remedy: "
        "./inv security.check"
    )


def print_check(console: Console, found: SecurityCheck) -> None:
    """Print the checks as a table, then each finding with its remedy."""
    console.table(("check", "outcome", "attempts", "what"), found.as_rows())
    for each in found.findings:
        kind = "warning" if each.is_warning else "failed"
        console.result(f"\n{kind}, {each.check}: {each}\n  remedy: {each.remedy}")


def _run(connection: Connection) -> SecurityCheck:
    with acting.taken_back(connection) as roles:
        people = sampling.people(connection, roles)
        return SecurityCheck(
            (
                probes.check_chats(connection, people),
                exposure.check_files(connection, people),
                probes.check_admins(connection, people),
                probes.check_audit_log(connection, people, roles),
                exposure.check_exposure(connection),
            )
        )


def _require_tables(connection: Connection) -> None:
    there = read(connection).tables
    connection.rollback()
    missing = [name for name in hardening.NEEDED if name not in there]
    if missing:
        raise target.TargetMissing(
            f"the live schema has no {', '.join(missing)}, so there is nothing to "
            "check. Nothing was changed. Run: ./inv consolidate --execute"
        )
