"""Does the cutover, and undoes it: each in one transaction, or not at all.

Moves the two legacy tables, makes or drops what ``steps`` says and has ``carrying``
carry what was written since the landing; changes no other row of the application. The
lock on the tables is held from the last look at their rows until the views are in their
place, so that no write slips through.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

import psycopg
from psycopg import sql

from harness import ledger, locks, settings, structure
from harness.cutover import carrying, checks, state
from harness.cutover.carrying import Carried, Late
from harness.cutover.state import Cutover
from harness.cutover.steps import Step, apply, read_facts
from harness.cutover.tables import NAMES
from harness.database import Connection, committed, said_by, take_back
from harness.errors import HarnessError, Refused

#: Rows that only new clients have written, under whatever name the archive has.
_OF_NEW_CLIENTS = """
    select count(*) from {live}.chat_messages as message
    where not exists (select from {archive}.messages as stored
        where stored.id::uuid = message.id
        and stored.sender_id::uuid = message.sender_id)
    and not exists (select from {archive}.voice_notes as stored
        where stored.id::uuid = message.id
        and stored.user_id::uuid = message.sender_id)
    and not exists (select from {archive}.carried_notes as stored
        where stored.message_id = message.id and stored.is_own)
    and not exists (select from {archive}.earlier_messages as stored
        where stored.message_id = message.id)
"""


class CutoverFailed(HarnessError):
    """The database refused the cutover or its undoing; nothing was changed."""


@dataclass(frozen=True)
class Plan:
    """What a cutover does, or has done.

    ``rows`` are those of the legacy tables. ``stands`` is the cutover that was there
    already: then nothing is left to do. ``late`` are the rows that the consolidation
    has not seen, and ``carried`` what became of them when it was done.
    """

    run_id: str
    legacy_schema: str
    archive_schema: str
    rows: dict[str, int]
    warnings: tuple[str, ...] = ()
    stands: Cutover | None = None
    late: Late = field(default_factory=Late)
    carried: Carried | None = None


@dataclass(frozen=True)
class Undoing:
    """What undoing a cutover does, or has done.

    ``written`` are the rows that came into the legacy tables through the views, less
    those that were deleted; ``of_new_clients`` the messages that stay in the new system
    alone.
    """

    standing: Cutover
    rows: dict[str, int]
    written: dict[str, int]
    of_new_clients: int


def preview(connection: Connection) -> Plan:
    """Say what ``execute`` would do; raises what it raises and locks no table."""
    try:
        with _explained("./inv cutover"):
            return _plan(connection)[0]
    finally:
        take_back(connection)


def execute(connection: Connection, on_wait: locks.OnWait | None = None) -> Plan:
    """Move the legacy tables to the archive and put views in their place; commits.

    A cutover that stands is left as it is. Rows written since the landing are carried.
    Raises ``Refused`` when the consolidation is not published, such rows are too many,
    the tables cannot be moved or the application does not let go of them;
    ``CutoverFailed`` when the database refuses.
    """

    def attempt() -> Plan:
        with committed(connection):
            return _execute(connection)

    with _explained("./inv cutover --execute"):
        return locks.retried(connection, attempt, tables=NAMES, on_wait=on_wait)


def preview_undo(connection: Connection) -> Undoing:
    """Say what ``undo`` would do; raises ``Refused`` when there is nothing to undo."""
    try:
        with _explained("./inv cutover --undo"):
            return _undoing(connection, _standing(connection))
    finally:
        take_back(connection)


def undo(connection: Connection, on_wait: locks.OnWait | None = None) -> Undoing:
    """Take the views away and the tables back, with all their rows; commits.

    Raises ``Refused`` when no cutover stands or it was altered, ``CutoverFailed`` when
    something else refers to the views.
    """

    def attempt() -> Undoing:
        with committed(connection):
            return _undo(connection)

    with _explained("./inv cutover --undo --execute"):
        return locks.retried(connection, attempt, tables=NAMES, on_wait=on_wait)


@contextmanager
def _explained(command: str) -> Iterator[None]:
    try:
        yield
    except locks.TRANSIENT:
        raise
    except psycopg.Error as error:
        raise CutoverFailed(
            f"the cutover failed in the database: {said_by(error)}. The transaction "
            f"was rolled back, nothing was changed. Mend the cause and run: {command}"
        ) from error


def _plan(connection: Connection) -> tuple[Plan, str]:
    """Check everything; returns the moment of the check of the rows as well."""
    locks.limit_waiting(connection)
    ledger.take_lock(connection)
    ledger.ensure(connection)
    old, archive = settings.legacy_schema(), settings.archive_schema()
    standing = state.find(connection)
    if standing:
        _require_same(standing)
        rows = _rows(connection, standing.archive_schema)
        return Plan(standing.run_id, old, archive, rows, stands=standing), ""
    run = checks.require_published(connection)
    checks.require_tables(connection)
    checks.require_rights(connection)
    facts = read_facts(connection)
    since = checks.moment(connection)
    late = carrying.find(connection, facts)
    found = tuple(checks.warnings(connection, facts))
    rows = _rows(connection, old)
    return Plan(run.run_id, old, archive, rows, found, late=late), since


def _execute(connection: Connection) -> Plan:
    started = datetime.now(timezone.utc)
    plan, since = _plan(connection)
    if plan.stands:
        return plan
    connection.execute(
        sql.SQL("lock table {} in access exclusive mode").format(
            sql.SQL(", ").join(
                sql.Identifier(plan.legacy_schema, name) for name in NAMES
            )
        )
    )
    # Under the lock once more what can have changed since: rows and structure.
    checks.require_tables(connection)
    facts = read_facts(connection)
    late = carrying.find(connection, facts, since, plan.late)
    rows = _rows(connection, plan.legacy_schema)
    done = apply(connection, facts)
    carried = carrying.carry(connection, facts, late)
    warned = (*plan.warnings, *carried.warnings())
    plan = replace(plan, rows=rows, warnings=warned, late=late, carried=carried)
    detail = {
        "legacy_schema": plan.legacy_schema,
        "rows": plan.rows,
        "steps": [step.name for step in done],
        "undo": _undo_statements(connection, done),
        "views": {
            name: checks.view_hash(connection, plan.legacy_schema, name)
            for name in NAMES
        },
    }
    state.enter(connection, plan.run_id, plan.archive_schema, detail)
    record = ledger.StepRecord(
        rows=sum(plan.rows.values()),
        detail={
            "legacy_schema": plan.legacy_schema,
            "rows": plan.rows,
            "carried": carried.as_dict(),
        },
    )
    ledger.add_step(connection, plan.run_id, "cutover", started, record)
    return plan


def _undo_statements(connection: Connection, done: Sequence[Step]) -> list[str]:
    """Write down what undoes the steps, in the order in which it is executed."""
    return [
        step.undo.as_string(connection)
        for step in reversed(done)
        if step.undo is not None
    ]


def _standing(connection: Connection) -> Cutover:
    locks.limit_waiting(connection)
    ledger.take_lock(connection)
    standing = state.find(connection)
    if standing is None:
        raise Refused(
            "no cutover stands in this database, so there is none to undo. Nothing was "
            "changed. Run: ./inv cutover"
        )
    _require_same(standing)
    checks.require_as_left(connection, standing)
    return standing


def _undo(connection: Connection) -> Undoing:
    started = datetime.now(timezone.utc)
    standing = _standing(connection)
    for name in NAMES:
        # Locks the view alone: who waits there holds nothing of the archive's yet.
        connection.execute(
            sql.SQL("alter view {} set (security_invoker = on)").format(
                sql.Identifier(standing.legacy_schema, name)
            )
        )
    connection.execute(
        sql.SQL("lock table {} in share row exclusive mode").format(
            sql.SQL(", ").join(
                sql.Identifier(standing.archive_schema, name) for name in NAMES
            )
        )
    )
    undoing = _undoing(connection, standing)
    with structure.search_path(connection, standing.legacy_schema):
        for statement in standing.detail["undo"]:
            connection.execute(sql.SQL(statement))
    state.end(connection, standing.cutover_id)
    record = ledger.StepRecord(
        rows=sum(undoing.rows.values()),
        detail={"written": undoing.written, "of_new_clients": undoing.of_new_clients},
    )
    ledger.add_step(connection, standing.run_id, "cutover.undo", started, record)
    return undoing


def _undoing(connection: Connection, standing: Cutover) -> Undoing:
    rows = _rows(connection, standing.archive_schema)
    then = standing.detail["rows"]
    row = connection.execute(
        sql.SQL(_OF_NEW_CLIENTS).format(
            live=sql.Identifier(settings.live_schema()),
            archive=sql.Identifier(standing.archive_schema),
        )
    ).fetchone()
    return Undoing(
        standing,
        rows,
        {name: count - then[name] for name, count in rows.items()},
        int(row[0]) if row else 0,
    )


def _rows(connection: Connection, schema: str) -> dict[str, int]:
    counts = {}
    for name in NAMES:
        row = connection.execute(
            sql.SQL("select count(*) from {}").format(sql.Identifier(schema, name))
        ).fetchone()
        counts[name] = int(row[0]) if row else 0
    return counts


def _require_same(standing: Cutover) -> None:
    """Raise ``Refused`` when the cutover that stands is of other schemas than ours."""
    here = (settings.legacy_schema(), settings.archive_schema())
    there = (standing.legacy_schema, standing.archive_schema)
    if here != there:
        raise Refused(
            f"a cutover stands that moved {there[0]} to {there[1]}, and the settings "
            f"name {here[0]} and {here[1]}. Nothing was changed. Set "
            f"CARRYOVER_LEGACY_SCHEMA={there[0]}, and CARRYOVER_SCHEMA_PREFIX as it "
            "was, and run the command again."
        )
