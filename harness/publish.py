"""Publishes the marts into the live tables, in one transaction, or not at all.

Decides set-wise, before the first row is written, what happens to each row of the
marts; inserts those that are new, updates those that changed at the source and are live
as we published them, adds the specification's keys and indexes, and enters all of it in
the ledger. Never touches a row that is not ours or that a user has changed, and deletes
none. ``preview`` does the same work and takes it back.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone

import psycopg
from psycopg import sql

from harness import (
    backup,
    candidates,
    constraints,
    hashing,
    ledger,
    linkage,
    locks,
    pipelines,
    proof,
    publish_rows,
    security,
    settings,
    structure,
    target,
)
from harness.candidates import TablePlan
from harness.database import Connection, committed, said_by, take_back
from harness.errors import CheckFailed, HarnessError, Refused
from harness.published import PublishedTable
from harness.queries import query
from harness.variables import thresholds


class PublishFailed(HarnessError):
    """The database refused what was to be published; nothing was changed."""


@dataclass(frozen=True)
class Plan:
    """What publishing does: rows by table, and additions to the live schema."""

    run_id: str
    tables: tuple[TablePlan, ...]
    changes: tuple[constraints.Change, ...]

    @property
    def inserted(self) -> int:
        """Rows that are new in the live tables."""
        return sum(table.insert for table in self.tables)

    @property
    def updated(self) -> int:
        """Rows that changed at the source since an earlier run published them."""
        return sum(table.update for table in self.tables)

    @property
    def failed(self) -> int:
        """Rows that cannot be published."""
        return sum(table.failed for table in self.tables)

    @property
    def writes(self) -> bool:
        """Whether publishing changes a live table at all."""
        return bool(self.inserted or self.updated or self.changes)


def check_target(
    connection: Connection, how: linkage.Linkage | None = None
) -> dict[str, list[str]]:
    """Check that the live tables can take what the marts hold.

    ``how`` is the linkage of marts that are still to be built. Returns the columns to
    publish for each table. Raises ``TargetMissing`` or ``TargetDoesNotFit``, naming the
    table and the column. Writes nothing.
    """
    target.require_tables(connection)
    if how and how.by_participants:
        tables = pipelines.by_participants(pipelines.current().tables)
    else:
        tables = (
            linkage.tables(connection) if how is None else pipelines.current().tables
        )
    columns = {table.name: _check_table(connection, table) for table in tables}
    if any(table.unique_together for table in tables):
        _require_no_booking(connection)
    return columns


def preview(connection: Connection) -> Plan:
    """Work out what ``publish`` would do, and take it back.

    Raises what it raises, but asks for no backup and takes no lock on a live table.
    """
    try:
        with _explained():
            return _plan(connection)[0]
    finally:
        take_back(connection)


def publish(connection: Connection, on_wait: locks.OnWait | None = None) -> Plan:
    """Publish the marts of the landed run, in one transaction, and commit.

    ``on_wait`` is told when a live table is locked and the transaction is tried again.
    Raises ``Refused`` when the marts are not those of the landed run, an audit has not
    passed, there is no verified backup of what would be changed, another run holds the
    lock or the application does not let go of a table; ``CheckFailed`` when too many
    rows would fail; ``PublishFailed`` when the database refuses. Then nothing is
    changed.
    """
    attempts = itertools.count()

    def attempt() -> Plan:
        started = datetime.now(timezone.utc)
        # Readers go on until keys and policies come. Where somebody always reads, that
        # moment never comes: then they wait from the beginning.
        keeps_readers = next(attempts) == 0
        with committed(connection):
            return _publish(connection, started, keeps_readers=keeps_readers)

    with _explained():
        return locks.retried(
            connection, attempt, tables=pipelines.current().written, on_wait=on_wait
        )


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what the database says into the sentence that an operator needs."""
    try:
        yield
    except psycopg.Error as error:
        raise PublishFailed(
            f"publishing failed in the database: {said_by(error)}. The transaction "
            "was rolled back, nothing was changed. Mend the cause and run: "
            f"{pipelines.current().command('publish')}"
        ) from error


def _plan(
    connection: Connection, *, locked: bool = False, keeps_readers: bool = True
) -> tuple[Plan, dict[str, list[str]]]:
    """Decide what happens to each row; returns the columns to publish as well.

    With ``locked`` nobody else writes the live tables from here on, nor reads, without
    ``keeps_readers``, those that will be changed.
    """
    locks.limit_waiting(connection)
    hashing.fix_session(connection)
    ledger.take_lock(connection)
    ledger.ensure(connection)
    run = ledger.current_run(connection)
    ledger.require_live_schema(connection)
    _hold_marts(connection)
    require_audited(connection, run.run_id)
    if not locked:
        # To look ahead: what a stage of its own makes for good, before the backup.
        target.make_missing(connection)
    columns = check_target(connection)
    missing = tuple(missing_changes(connection))
    written = pipelines.current().written
    if locked:
        locks.lock_tables(
            connection,
            [*written, *constraints.parents(missing)],
            exclusively=() if keeps_readers else constraints.altered(missing),
        )
    tables = tuple(
        candidates.classify(connection, table, columns[table.name])
        for table in linkage.tables(connection)
    )
    _require_few_errors(connection, tables)
    is_wanted = pipelines.current().always_completes or any(t.insert for t in tables)
    return Plan(run.run_id, tables, missing if is_wanted else ()), columns


def missing_changes(connection: Connection) -> list[constraints.Change]:
    """Find what the live schema lacks of the pipeline's keys, indexes and policies."""
    missing = constraints.missing_changes(connection)
    if pipelines.current() is pipelines.CONSOLIDATION:
        missing += security.missing_changes(connection)
    return missing


def _hold_marts(connection: Connection) -> None:
    """Keep a dbt build from replacing the marts between two looks at them."""
    marts = pipelines.current().marts()
    tables = (table.name for table in pipelines.current().tables)
    names = ("loaded_run", "audit_results", *tables)
    rows = connection.execute(
        "select relname from pg_class where relnamespace = to_regnamespace("
        "quote_ident(%s)) and relkind in ('r', 'v') and relname = any(%s)",
        [marts, list(names)],
    ).fetchall()
    if rows:
        connection.execute(
            sql.SQL("lock table {} in access share mode").format(
                sql.SQL(", ").join(sql.Identifier(marts, name) for (name,) in rows)
            )
        )


def _publish(connection: Connection, started: datetime, *, keeps_readers: bool) -> Plan:
    """Plan under locks and write; the caller commits."""
    plan, written = _plan(connection, locked=True, keeps_readers=keeps_readers)
    saved = backup.require_verified(connection).backup_id if plan.writes else None
    columns = publish_rows.columns_of(connection, plan.run_id, written)
    whole = {name: columns.hashed[name] for name in pipelines.current().written}
    before = proof.state(connection, whole) if plan.writes else None
    publish_rows.write(connection, plan.run_id, plan.tables, columns)
    locks.take_over(connection, constraints.altered(plan.changes))
    constraints.apply(connection, plan.run_id, plan.changes)
    if plan.writes:
        publish_rows.analyze(connection)
    detail = {
        "tables": {table.name: dict(table.counts) for table in plan.tables},
        "published_columns": columns.compared,
        "hashed_columns": columns.hashed,
        "column_types": publish_rows.forms(connection, columns),
        "live_schema": settings.live_schema(),
        "changes": [change.name for change in plan.changes],
        "backup": saved,
        "before": before,
        "after": structure.as_rows(
            structure.read(connection, pipelines.current().written)
        ),
    }
    record = ledger.StepRecord(rows=plan.inserted + plan.updated, detail=detail)
    ledger.add_step(connection, plan.run_id, "publish", started, record)
    ledger.set_status(connection, plan.run_id, "published")
    return plan


def require_audited(connection: Connection, run_id: str) -> None:
    """Raise ``Refused`` unless the marts are the run's and passed every audit."""
    marts, command = pipelines.current().marts(), pipelines.current().command
    row = connection.execute(
        "select to_regclass(%s) is not null and to_regclass(%s) is not null",
        [f'"{marts}".loaded_run', f'"{marts}".audit_results'],
    ).fetchone()
    built = row and row[0] and connection.execute(query("built_run")).fetchone()
    if not built or built[0] != run_id:
        raise Refused(
            f"the marts are not built from the landed run {run_id}. Nothing was "
            f"changed. Run: {command('build')} (or dbt build)"
        )
    failures = connection.execute(query("failed_audits")).fetchall()
    if failures:
        names = ", ".join(f"{name} ({status})" for name, status in failures[:5])
        more = f" and {len(failures) - 5} more" if len(failures) > 5 else ""
        raise Refused(
            f"{len(failures)} of the audits have not passed: {names}{more}. Nothing "
            f"was changed. Mend the cause and run: {command('build')}"
        )
    landing = ledger.step_status(connection, run_id, "audit.landing")
    if landing == "failed":
        raise Refused(
            "the landing checkpoint has failed for this run. Nothing was changed. "
            f"Mend the input, load it again and run: {command('audit.landing')}"
        )


def _check_table(connection: Connection, table: PublishedTable) -> list[str]:
    live = target.describe(connection, table.live_name)
    names = target.check_columns(
        table.live_name,
        live,
        list(table.columns),
        set(table.optional),
        is_inserted=not table.extends,
    )
    for column in live:
        wanted = table.columns.get(column.name)
        if wanted and not column.fits(wanted):
            raise target.TargetDoesNotFit(
                f"the live column {settings.live_schema()}.{table.live_name}"
                f".{column.name} is {column.type_name}, which cannot hold a {wanted} "
                "exactly. Nothing was changed. Change its type, or name the right "
                "database, and run again."
            )
    return names


def _require_no_booking(connection: Connection) -> None:
    """Raise ``TargetDoesNotFit`` unless a live chat may be without a booking."""
    live_columns = {c.name: c for c in target.describe(connection, "chats")}
    column = live_columns.get("booking_id")
    if column and column.is_not_null:
        live = f"{settings.live_schema()}.chats"
        raise target.TargetDoesNotFit(
            f"the live column {live}.booking_id must not be null, and linkage "
            "'participants' gives a chat no booking. Nothing was changed. Let it be "
            f"null (alter table {live} alter booking_id drop not null; for a "
            "rehearsal: ./inv target.create --linkage participants), or choose another "
            "linkage, and run again."
        )


def _require_few_errors(connection: Connection, tables: tuple[TablePlan, ...]) -> None:
    at_work = pipelines.current()
    row = connection.execute(query(f"error_counts_{at_work.name}")).fetchone()
    read, rejected = row if row else (0, 0)
    failed = sum(table.failed for table in tables if table.name in at_work.counted)
    limit = thresholds().max_error_rate
    if read and (rejected + failed) / read > limit:
        worst = {
            reason: count for table in tables for reason, count in table.reasons.items()
        }
        reason = next(iter(worst), "rejected while loading")
        raise CheckFailed(
            f"{rejected + failed:,} of {read:,} rows would be lost to errors "
            f"({rejected:,} rejected, {failed:,} failed, mostly: {reason}), more than "
            f"{limit:.0%}. Nothing was published. Mend the cause, or raise the "
            "variable max_error_rate."
        )
