"""Publishes the marts into the live tables, in one transaction, or not at all.

Decides set-wise, before the first row is written, what happens to each row of the
marts; inserts those that are new, adds the specification's keys and indexes, and enters
all of it in the ledger. Never updates or deletes a live row. ``preview`` does the same
work and takes it back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import psycopg
from psycopg import sql

from harness import candidates, constraints, hashing, ledger, settings, target
from harness.candidates import TablePlan
from harness.database import Connection, committed, said_by
from harness.errors import CheckFailed, HarnessError, Refused
from harness.live_values import as_live
from harness.published import FITTING_TYPES, TABLES, PublishedTable
from harness.queries import query
from harness.variables import thresholds

_LOCK_TIMEOUT = "10s"


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
    def failed(self) -> int:
        """Rows that cannot be published."""
        return sum(table.failed for table in self.tables)


def check_target(connection: Connection) -> dict[str, list[str]]:
    """Check that the live tables can take what the marts hold.

    Returns the columns to publish for each table. Raises ``TargetMissing`` or
    ``TargetDoesNotFit``, naming the table and the column. Writes nothing.
    """
    target.require_tables(connection)
    return {table.name: _check_table(connection, table) for table in TABLES}


def preview(connection: Connection) -> Plan:
    """Work out what ``publish`` would do, and take it back. Raises what it raises."""
    try:
        return _publish(connection)
    finally:
        connection.rollback()


def publish(connection: Connection) -> Plan:
    """Publish the marts of the landed run, in one transaction, and commit.

    Raises ``Refused`` when the marts are not those of the landed run, an audit has not
    passed or another run holds the lock; ``CheckFailed`` when too many rows would fail;
    ``PublishFailed`` when the database refuses. Then nothing is changed.
    """
    started = datetime.now(timezone.utc)
    with committed(connection):
        return _publish(connection, started)


def _publish(connection: Connection, started: datetime | None = None) -> Plan:
    """Do everything but commit; writes rows only when ``started`` is given."""
    try:
        return _publish_in_transaction(connection, started)
    except psycopg.Error as error:
        raise PublishFailed(
            f"publishing failed in the database: {said_by(error)}. The transaction "
            "was rolled back, nothing was changed. Mend the cause and run: "
            "./inv publish"
        ) from error


def _publish_in_transaction(connection: Connection, started: datetime | None) -> Plan:
    connection.execute(sql.SQL("set local lock_timeout to {}").format(_LOCK_TIMEOUT))
    hashing.fix_session(connection)
    ledger.ensure(connection)
    run = ledger.current_run(connection)
    ledger.take_lock(connection)
    ledger.require_live_schema(connection)
    require_audited(connection, run.run_id)
    columns = check_target(connection)
    tables = tuple(
        candidates.classify(connection, table, columns[table.name]) for table in TABLES
    )
    _require_few_errors(connection, tables)
    inserted = sum(table.insert for table in tables)
    changes = tuple(constraints.missing_changes(connection)) if inserted else ()
    plan = Plan(run.run_id, tables, changes)
    if started is not None:
        _write(connection, plan, columns, started)
    return plan


def _write(
    connection: Connection, plan: Plan, columns: dict[str, list[str]], started: datetime
) -> None:
    run_id = plan.run_id
    connection.execute(query("record_existing", run_id=sql.Literal(run_id)))
    for table in TABLES:
        connection.execute(
            _statement("publish_rows", connection, table, columns, run_id)
        )
    hashed = {
        table.name: [column.name for column in target.describe(connection, table.name)]
        for table in TABLES
    }
    for table in TABLES:
        for name in ("record_published", "record_failed"):
            connection.execute(_statement(name, connection, table, hashed, run_id))
    # Keys cannot be added while deferred checks of the application's are pending.
    connection.execute("set constraints all immediate")
    constraints.apply(connection, run_id, plan.changes)
    record = ledger.StepRecord(rows=plan.inserted, detail=_detail(plan, hashed))
    ledger.add_step(connection, run_id, "publish", started, record)
    ledger.set_status(connection, run_id, "published")


def _detail(plan: Plan, hashed: dict[str, list[str]]) -> dict[str, Any]:
    return {
        "tables": {
            table.name: {
                action: getattr(table, action) for action in candidates.ACTIONS
            }
            for table in plan.tables
        },
        "hashed_columns": hashed,
        "live_schema": settings.live_schema(),
        "changes": [change.name for change in plan.changes],
    }


def require_audited(connection: Connection, run_id: str) -> None:
    """Raise ``Refused`` unless the marts are the run's and passed every audit."""
    marts = settings.marts_schema()
    row = connection.execute(
        "select to_regclass(%s) is not null and to_regclass(%s) is not null",
        [f'"{marts}".loaded_run', f'"{marts}".audit_results'],
    ).fetchone()
    built = row and row[0] and connection.execute(query("built_run")).fetchone()
    if not built or built[0] != run_id:
        raise Refused(
            f"the marts are not built from the landed run {run_id}. Nothing was "
            "changed. Run: ./inv build (or dbt build)"
        )
    failures = connection.execute(query("failed_audits")).fetchall()
    if failures:
        names = ", ".join(f"{name} ({status})" for name, status in failures[:5])
        more = f" and {len(failures) - 5} more" if len(failures) > 5 else ""
        raise Refused(
            f"{len(failures)} of the audits have not passed: {names}{more}. Nothing "
            "was changed. Mend the cause and run: ./inv build"
        )
    landing = ledger.step_status(connection, run_id, "audit.landing")
    if landing == "failed":
        raise Refused(
            "the landing checkpoint has failed for this run. Nothing was changed. "
            "Mend the input, load it again and run: ./inv audit.landing"
        )


def _check_table(connection: Connection, table: PublishedTable) -> list[str]:
    live = target.describe(connection, table.name)
    names = target.check_columns(
        table.name, live, list(table.columns), set(table.optional)
    )
    for column in live:
        wanted = table.columns.get(column.name)
        if wanted and not _fits(wanted, column):
            raise target.TargetDoesNotFit(
                f"the live column {settings.live_schema()}.{table.name}.{column.name} "
                f"is {column.type_name}, which cannot hold a {wanted} exactly. Nothing "
                "was changed. Change its type, or name the right database, and run "
                "again."
            )
    return names


def _fits(wanted: str, column: target.Column) -> bool:
    if wanted == "text" and column.is_enum:
        return True
    # A time with a precision of its own, "timestamp(3) …", does not fit: it rounds.
    return column.type_name.split("(")[0] in FITTING_TYPES[wanted]


def _statement(
    name: str,
    connection: Connection,
    table: PublishedTable,
    columns: dict[str, list[str]],
    run_id: str,
) -> sql.Composed:
    live = {c.name: c for c in target.describe(connection, table.name)}
    chosen = columns[table.name]
    return query(
        name,
        run_id=sql.Literal(run_id),
        table=sql.Identifier(table.name),
        table_name=sql.Literal(table.name),
        candidates=candidates.relation(table.name),
        columns=sql.SQL(", ").join(sql.Identifier(column) for column in chosen),
        values=sql.SQL(", ").join(as_live("mart", live[column]) for column in chosen),
        content_hash=hashing.content_hash("live", chosen),
    )


def _require_few_errors(connection: Connection, tables: tuple[TablePlan, ...]) -> None:
    row = connection.execute(query("error_counts")).fetchone()
    read, rejected = row if row else (0, 0)
    failed = sum(table.failed for table in tables if table.name != "media")
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
