"""``bench.policies``: what reading one chat costs under row level security.

The same query runs in turn as the tables' owner, whom no policy applies to, and as a
user, so that the ratio holds on a busy machine as well; first under the policies that
publishing makes, then under the specification's own. Works in a scratch database that
is made and dropped here, and never touches another.
"""

from __future__ import annotations

import json
import statistics
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from hashlib import md5
from typing import Any

import psycopg
from psycopg import sql

from harness import security, settings
from harness.bench.load import BenchFailed, environment, scratch
from harness.console import Console
from harness.database import Connection, Target, connect
from harness.errors import Refused, UsageError
from harness.queries import query
from harness.security import standins
from harness.security.catalog import AUTHENTICATED

COLUMNS = ("reader", "messages", "planned", "without RLS", "policies", "specified")

#: How often a query runs for one time, their median; slow ones less often.
_BLOCK = 25
_BLOCK_SECONDS = 0.2
_WARM_UP = 2
_FEWEST = 4_000


@dataclass(frozen=True)
class Case:
    """A reader and the chat that they read; the numbers are those of the test data."""

    reader: str
    person: int
    session: int


_CASES = (
    Case("participant of 6 chats", 22, 20),
    Case("participant of 6 chats", 9, 7),
    Case("participant of 5,000 chats", 1, 20),
    Case("participant of 5,000 chats", 1, 10),
    Case("admin", 0, 20),
    Case("admin", 0, 7),
)


@dataclass(frozen=True)
class Measure:
    """One case: seconds without row level security, and ratios to it.

    ``is_prepared`` tells a plan that is made once from one that is made each time.
    """

    reader: str
    is_prepared: bool
    messages: int
    seconds: float
    policies: float
    specified: float = 0.0


@dataclass(frozen=True)
class Report:
    """What was measured, and on what."""

    messages: int
    measures: list[Measure]
    environment: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """The report as ``--json`` prints it."""
        return asdict(self)

    def as_rows(self) -> list[Sequence[object]]:
        """The rows of the table, as ``COLUMNS`` heads them."""
        return [
            (
                measure.reader,
                measure.messages,
                "once" if measure.is_prepared else "each time",
                f"{measure.seconds * 1_000:.2f} ms",
                f"{measure.policies:.2f}",
                f"{measure.specified:.2f}",
            )
            for measure in self.measures
        ]


def measure(
    to: Target, console: Console, *, messages: int, repetitions: int, any_server: bool
) -> Report:
    """Measure reading a chat among so many messages, with and without policies.

    ``any_server`` allows a server that is not the embedded one. Raises ``Refused``
    without it, ``UsageError`` for numbers that measure nothing, ``BenchFailed``.
    """
    if messages < _FEWEST or repetitions < 1:
        raise UsageError(
            f"--messages must be at least {_FEWEST}, --repetitions at least 1."
        )
    if not (to.is_embedded or any_server):
        raise Refused(
            f"{to} is not the embedded server, and a measurement takes all of its "
            "speed. Nothing was run. Unset DATABASE_URL, or add --any-server."
        )
    with scratch(to) as database, connect(database) as owner:
        with console.step(f"writing {messages:,} messages"):
            roles = [name for name in standins.create(owner) if "role" in name]
            _fill(owner, messages)
        with console.step("measuring the policies that publishing makes"):
            ours = _run_cases(database, owner, repetitions)
        owner.execute(query("bench_specified_policies"))
        owner.commit()
        with console.step("measuring the specification's"):
            theirs = _run_cases(database, owner, repetitions)
        found = environment(database, repetitions)
    if not to.is_embedded:
        _drop_roles(to, roles)
    measures = [
        replace(measure, specified=other.policies)
        for measure, other in zip(ours, theirs, strict=True)
    ]
    return Report(messages, measures, found)


def _fill(owner: Connection, messages: int) -> None:
    owner.execute(query("bench_policies", messages=sql.Literal(messages)))
    for change in security.missing_changes(owner):
        owner.execute(change.ddl.encode())
    owner.commit()


def _run_cases(to: Target, owner: Connection, repetitions: int) -> list[Measure]:
    """Measure every case under the policies that there are."""
    found = []
    for is_prepared in (False, True):
        for case in _CASES:
            with connect(to) as user:
                _become(user, case)
                measured = _compare(owner, user, case, repetitions, is_prepared)
                found.append(Measure(case.reader, is_prepared, *measured))
    return found


def _compare(
    owner: Connection,
    user: Connection,
    case: Case,
    repetitions: int,
    is_prepared: bool,
) -> tuple[int, float, float]:
    """Run one query in turn without and with policies: rows, seconds, ratio."""
    bases, ratios = [], []
    rows = 0
    for number in range(repetitions + _WARM_UP):
        base, rows = _block(owner, case, is_prepared)
        with_policies, seen = _block(user, case, is_prepared)
        again, _ = _block(owner, case, is_prepared)
        if rows != seen or not rows:
            raise BenchFailed(
                f"{case.reader} sees {seen:,} of {rows:,} messages of a chat. The "
                "scratch database was dropped. Please report this as a bug."
            )
        if number >= _WARM_UP:
            bases.append((base + again) / 2)
            ratios.append(with_policies / bases[-1])
    owner.rollback()
    return rows, statistics.median(bases), statistics.median(ratios)


def _block(connection: Connection, case: Case, is_prepared: bool) -> tuple[float, int]:
    """The median seconds of some runs of the query, and its rows."""
    statement = sql.SQL(
        "select * from {} where session_id = %s order by created_at"
    ).format(sql.Identifier(settings.live_schema(), "chat_messages"))
    session = _uuid(f"session {case.session}")
    times: list[float] = []
    started = time.perf_counter()
    while len(times) < _BLOCK and time.perf_counter() - started < _BLOCK_SECONDS:
        began = time.perf_counter()
        cursor = connection.execute(statement, [session], prepare=is_prepared)
        times.append(time.perf_counter() - began)
    return statistics.median(times), cursor.rowcount


def _become(user: Connection, case: Case) -> None:
    claims = {"sub": str(_uuid(f"person {case.person}")), "role": AUTHENTICATED}
    user.execute("set row_security to on")
    user.execute(
        "select set_config('request.jwt.claims', %s, false)", [json.dumps(claims)]
    )
    user.execute(sql.SQL("set role {}").format(sql.Identifier(AUTHENTICATED)))
    user.commit()


def _uuid(text: str) -> uuid.UUID:
    """The id that the test data has for something."""
    return uuid.UUID(md5(text.encode(), usedforsecurity=False).hexdigest())


def _drop_roles(to: Target, made: Sequence[str]) -> None:
    """Leave a server that is somebody's without the roles that were made on it."""
    with connect(to, autocommit=True) as connection:
        for name in reversed(made):
            with suppress(psycopg.Error):
                connection.execute(
                    sql.SQL("drop role {}").format(
                        sql.Identifier(name.removeprefix("role "))
                    )
                )
