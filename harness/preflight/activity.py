"""Checks of who else is at work: runs, locks, transactions. Reads statistics only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from harness import ledger, pipelines
from harness.preflight.context import Context, listed, quoted
from harness.preflight.report import Check

LONG_SECONDS = 300.0
IDLE_SECONDS = 60.0


@dataclass(frozen=True)
class Session:
    """Another session of this database; times are None where the role may not see."""

    pid: int
    user: str | None
    application: str | None
    state: str | None
    since: datetime | None
    open_seconds: float | None
    state_seconds: float | None
    conflicts: list[str]
    tables: list[str]
    is_seen: bool

    def __str__(self) -> str:
        """The session as it is named to a person."""
        return _session(self.pid, self.user, self.application, self.since)


def another_run(context: Context) -> Iterator[Check]:
    """See that nobody else holds the lock of a run that changes the live schema."""
    rows = context.rows(
        "preflight_run_lock",
        namespace=sql.Literal(ledger.LOCK_NAMESPACE),
        key=sql.Literal(ledger.MIGRATION_LOCK),
    )
    if not rows:
        yield Check("another_run", "pass", "none is changing the live schema")
        return
    pid, user, application, since = rows[0]
    yield Check(
        "another_run",
        "fail",
        f"{_session(pid, user, application, since)} holds the lock of a run",
        "Wait for it to end. If nobody is at it any more, end it; its work is then "
        f"taken back:\n{_terminate([pid])}",
    )


def locks(context: Context) -> Iterator[Check]:
    """Name the sessions whose locks a publish would have to wait for."""
    holders = [session for session in _sessions(context) if session.conflicts]
    if not holders:
        yield Check("locks", "pass", "none in the way on the live tables")
        return
    said = [f"{each} {', '.join(each.conflicts)}" for each in holders]
    yield Check(
        "locks",
        "warn",
        listed(said, "; "),
        "Publishing waits for these, and gives up after its lock_timeout. Pause the "
        "application, or end the sessions:\n"
        + _terminate([each.pid for each in holders]),
    )


def long_transactions(context: Context) -> Iterator[Check]:
    """Name the transactions that have been open for long."""
    sessions = _sessions(context)
    late = [each for each in sessions if (each.open_seconds or 0) > LONG_SECONDS]
    unseen = [each for each in sessions if not each.is_seen]
    if late:
        said = [f"{each}, {_duration(each.open_seconds)}" for each in late]
        yield Check(
            "long_transactions",
            "warn",
            f"open for long: {listed(said, '; ')}",
            "They may take locks that a publish waits for, and keep deleted rows on "
            "disk. Wait for their end, or end them:\n"
            + _terminate([each.pid for each in late]),
        )
    elif unseen:
        (user,) = context.row("select current_user")
        yield Check(
            "long_transactions",
            "warn",
            f"{len(unseen)} sessions of other roles cannot be looked into",
            "To see since when their transactions are open, as a superuser:\n"
            f"grant pg_read_all_stats to {quoted(user)};",
        )
    else:
        minutes = f"{LONG_SECONDS / 60:.0f} minutes"
        yield Check("long_transactions", "pass", f"none is older than {minutes}")


def idle_transactions(context: Context) -> Iterator[Check]:
    """Name the sessions that sit in a transaction and do nothing."""
    idle = [
        each
        for each in _sessions(context)
        if (each.state or "").startswith("idle in transaction")
        and ((each.state_seconds or 0) > IDLE_SECONDS or each.tables)
    ]
    if not idle:
        yield Check("idle_transactions", "pass", "no session sits in one")
        return
    said = [
        f"{each}, idle for {_duration(each.state_seconds)}"
        + (f", with locks on {', '.join(each.tables)}" if each.tables else "")
        for each in idle
    ]
    yield Check(
        "idle_transactions",
        "warn",
        listed(said, "; "),
        "Nobody can tell when these end. See whose they are, and end them:\n"
        + _terminate([each.pid for each in idle]),
    )


def prepared_transactions(context: Context) -> Iterator[Check]:
    """Name the transactions that were prepared and forgotten: they keep their locks."""
    names = sql.Literal(list(pipelines.current().live_tables))
    rows = context.rows("preflight_prepared", names=names)
    if not rows:
        yield Check("prepared_transactions", "pass", "none is left over")
        return
    said = [
        f"{gid} of {owner} since {prepared:%Y-%m-%d %H:%M}"
        + (f", with locks on {', '.join(tables)}" if tables else "")
        for gid, owner, prepared, tables in rows
    ]
    ending = [
        sql.SQL("rollback prepared {};").format(gid).as_string() for gid, *_ in rows
    ]
    yield Check(
        "prepared_transactions",
        "fail" if any(tables for *_, tables in rows) else "warn",
        listed(said, "; "),
        "They keep their locks until somebody ends them, also over a restart. Commit "
        "them if their work counts, else:\n" + "\n".join(ending),
    )


def _sessions(context: Context) -> list[Session]:
    closed = [
        change.table
        for change in (context.changes if context.stand else ())
        if " unique " in f" {change.ddl} "
    ]
    rows = context.rows(
        "preflight_sessions",
        names=sql.Literal(list(pipelines.current().live_tables)),
        # To add a unique key not even readers may be at the table.
        closed_tables=sql.SQL("{}::text[]").format(sql.Literal(closed)),
    )
    return [Session(*row) for row in rows]


def _session(
    pid: int, user: str | None, application: str | None, since: datetime | None
) -> str:
    named = f"{user}, {application}" if application else f"{user}"
    at = f"since {since:%H:%M:%S} UTC" if since else "since when cannot be seen"
    return f"process {pid} ({named}) {at}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "for how long cannot be seen"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _terminate(pids: Sequence[int]) -> str:
    return "\n".join(f"select pg_terminate_backend({pid});" for pid in pids)
