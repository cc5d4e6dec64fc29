"""The moments at which tasks are killed: chosen at random, the same for the same seed.

Two variables of the environment decide. ``CARRYOVER_CHAOS_MOMENTS`` is how many kills
are spread over load, build, publish and rollback: 5 when it is not set, as in CI, and
one for each stage of a consolidation; 20 or more is the full form, for both pipelines
alike, whose databases are built by dbt throughout.
``CARRYOVER_CHAOS_SEED`` chooses other moments.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from harness import pipelines
from harness.database import Connection
from harness.pipelines import CONSOLIDATION, PIPELINES
from tests.python.chaos.tasks import (
    FULL,
    MOMENTS,
    Ended,
    Operator,
    Task,
    wait_for,
    watcher,
)

SEED = int(os.environ.get("CARRYOVER_CHAOS_SEED", "20261121"))
IS_FULL = FULL

#: How often a task may give up waiting before it is held.
_ATTEMPTS = 10
#: In this order moments are given to the stages, again and again.
_TURNS = ("publish", "load", "rollback", "build", "publish")
#: The statement that lands a dump's messages, or the legacy table of them.
_COPIES = 'copy .*message|create unlogged table .*"new_legacy_messages"'
#: How many of ten moments fall between the task's first write and its end.
_WHILE_WRITING = 8


def on_pipelines(*in_ci: str) -> pytest.MarkDecorator:
    """Run a test on the databases of both pipelines; in CI on those that are named."""
    chosen = PIPELINES if IS_FULL else in_ci
    return pytest.mark.parametrize("databases", chosen, indirect=True)


def on_both() -> pytest.MarkDecorator:
    """Run a test on the databases of both pipelines, also in CI."""
    return on_pipelines(*PIPELINES)


@dataclass(frozen=True)
class Moment:
    """A part of a stage's time: since its start, or since it first wrote."""

    is_writing: bool
    part: float


@dataclass(frozen=True)
class Pace:
    """How long a stage takes undisturbed, in seconds: to its first write, and after."""

    before: float
    writing: float


@dataclass(frozen=True)
class Kill:
    """A task that was killed: when, whether it had written and not yet committed."""

    moment: Moment
    has_written: bool
    was_in_transaction: bool
    had_ended: bool
    ended: Ended

    def __str__(self) -> str:
        """The kill in one line."""
        when = "its first write" if self.moment.is_writing else "its start"
        where = "inside a transaction" if self.was_in_transaction else "between"
        if self.had_ended:
            where = "too late"
        return f"{self.ended.argv[0]}: {self.moment.part:.0%} after {when}, {where}"


class Kills:
    """The kills of a stage: as many as were asked for, without those that came late."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self._rng = random.Random(f"{SEED} {stage}")  # noqa: S311 - no secret
        self._wanted = _wanted(stage)
        self._done: list[Kill] = []

    def moments(self) -> Iterator[Moment]:
        """Choose moments until enough of them were in time."""
        while self.are_wanted:
            yield self.moment()

    def moment(self) -> Moment:
        """Choose one moment; most are between the first write and the end."""
        is_writing = self._rng.randrange(10) < _WHILE_WRITING
        part = self._rng.uniform(0.02, 0.9)
        # The machine may be faster than when the pace was measured.
        return Moment(is_writing, part * 0.6**self._late)

    @property
    def last(self) -> Kill:
        """The newest."""
        return self._done[-1]

    @property
    def are_wanted(self) -> bool:
        """Whether more are to come; fails when too many came too late."""
        assert self._late <= self._wanted + 2, f"most came too late: {self}"
        return len(self._done) - self._late < self._wanted

    @property
    def _late(self) -> int:
        return sum(kill.had_ended for kill in self._done)

    def add(self, kill: Kill) -> None:
        """Count one."""
        self._done.append(kill)

    def __str__(self) -> str:
        """The kills, a line each, for a report or a failure."""
        return "\n".join([f"{self.stage}, seed {SEED}:", *map(str, self._done)])


def _wanted(stage: str) -> int:
    """How many of the moments fall into a stage; a few more into those besides."""
    if not IS_FULL and pipelines.current() is CONSOLIDATION:
        return 1
    if stage in _TURNS:
        turns = [_TURNS[n % len(_TURNS)] for n in range(MOMENTS)]
        return turns.count(stage)
    return max(1, MOMENTS // 5)


def measure(operator: Operator, *argv: str) -> Pace:
    """Run a task undisturbed and take its times."""
    task = operator.start(*argv)
    with watcher(operator) as connection:
        wait_for(lambda: writes(connection) or not task.is_running, "the task writes")
        writing = time.monotonic()
        ended = task.wait()
    assert ended.code == 0, ended
    return Pace(writing - task.started, time.monotonic() - writing)


def kill(operator: Operator, moment: Moment, pace: Pace, *argv: str) -> Kill:
    """Start a task, kill all of its processes at the moment, and wait for its backends.

    A backend notices that its client is gone when it next writes to it: until then it
    holds its locks.
    """
    task = operator.start(*argv)
    with watcher(operator) as connection:
        has_written = _wait_until(connection, task, moment, pace)
        in_transaction = writes(connection)
        had_ended = not task.is_running
        ended = task.kill()
        settle(connection)
    return Kill(moment, has_written or in_transaction, in_transaction, had_ended, ended)


@contextmanager
def held(operator: Operator, *argv: str, at: str) -> Iterator[Task]:
    """Start a task and hold it where it first writes a table: it stands still there.

    Its statement there is done, its transaction open, its locks are held. It goes on
    when the block ends.
    """
    where = make_conninfo(**operator.parameters, application_name="chaos")
    with watcher(operator) as connection, psycopg.connect(where) as blocker:
        task = None
        for _ in range(_ATTEMPTS):
            blocker.execute(f"lock table {at} in share mode")
            task = task or operator.start(*argv)
            task.resume()
            if _catch(connection, blocker, task, at):
                break
    assert task is not None
    assert task.is_running, f"{argv[0]} did not come to {at}: {task.wait()}"
    try:
        yield task
    finally:
        task.resume()


def _catch(connection: Connection, blocker: Connection, task: Task, at: str) -> bool:
    """Stop a task that waits for the blocker, and let its statement end.

    ``False`` when it had given up waiting before it was let go: it will come again.
    """
    wait_for(
        lambda: is_blocked(connection, blocker) or not task.is_running,
        lambda: f"{task} comes to {at}: {_activity(connection)}",
    )
    task.stop()
    blocker.rollback()
    wait_for(
        lambda: _count(connection, "state like 'idle%'") > 0 or not task.is_running,
        lambda: f"{task} stands still: {_activity(connection)}",
    )
    return _count(connection, "state = 'idle in transaction'") > 0


def is_blocked(connection: Connection, by: Connection) -> bool:
    """Whether a task waits for a lock that a connection holds."""
    return _count(connection, f"{by.info.backend_pid} = any(pg_blocking_pids(pid))") > 0


def settle(connection: Connection, seconds: float = 30) -> float:
    """Wait until no backend of a killed task is left; the seconds that took."""
    return wait_for(
        lambda: _count(connection, "true") == 0,
        lambda: f"the task's backends end: {_activity(connection)}",
        seconds,
    )


def _wait_until(connection: Connection, task: Task, moment: Moment, pace: Pace) -> bool:
    """Wait for the moment; whether the task was seen to write."""
    begin, length = task.started, pace.before
    if moment.is_writing:
        wait_for(lambda: writes(connection) or not task.is_running, f"{task} writes")
        begin, length = time.monotonic(), pace.writing
    while task.is_running and time.monotonic() < begin + moment.part * length:
        time.sleep(0.001)
    return moment.is_writing and task.is_running


def writes(connection: Connection) -> bool:
    """Whether a task has written something that is not committed."""
    return _count(connection, "backend_xid is not null") > 0


def copies(connection: Connection) -> bool:
    """Whether a load is sending the largest table's rows."""
    return _count(connection, f"state = 'active' and query ~* '{_COPIES}'") > 0


def _count(connection: Connection, condition: str) -> int:
    row = connection.execute(
        "select count(*) from pg_stat_activity where datname = current_database()"
        f" and application_name like 'carryover%' and {condition}"
    ).fetchone()
    assert row is not None
    return int(row[0])


def _activity(connection: Connection) -> list[tuple[object, ...]]:
    """What the backends of tasks are at; for a failure's message."""
    return connection.execute(
        "select pid, state, wait_event_type, wait_event, left(query, 120)"
        " from pg_stat_activity where datname = current_database()"
        " and application_name like 'carryover%'"
    ).fetchall()
