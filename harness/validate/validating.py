"""Validates what the pipeline at work has published, and enters it in the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

import psycopg
from psycopg import sql

from harness import hashing, ledger, linkage, pipelines, target
from harness.database import Connection, committed, said_by
from harness.load.verification import Verification
from harness.load.verify import verify_landing
from harness.queries import query
from harness.validate import consolidation, definition, listing, migration, rows
from harness.validate.outcome import (
    FAULTS,
    PublishRecord,
    Scope,
    Validation,
    ValidationFailed,
)
from harness.variables import thresholds

_RULES = {"migration": migration.RULES, "consolidation": consolidation.RULES}


def validate(
    connection: Connection,
    *,
    in_use: bool = False,
    verify_dump: bool = False,
    dumps: Sequence[str] = (),
) -> Validation:
    """Compare the live tables with what is landed, row by row, and commit the result.

    With ``in_use`` what happened since the last publish is the application's own doing:
    rows that are newer than it, and rows of ours that are not as it left them, are
    counted apart and are no fault. What is landed is held against the dump's checksums
    first; with ``verify_dump`` those of every row, read again from ``dumps`` when they
    are named. Raises ``Refused`` when nothing is landed,
    ``TargetMissing`` without live tables and ``ValidationFailed`` when the database
    cannot compare them. Whether the result is valid is for the caller to look at.
    """
    started = datetime.now(timezone.utc)
    try:
        with committed(connection):
            return _validate(
                connection,
                in_use=in_use,
                started=started,
                verified=_verified(connection, dumps, verify_dump=verify_dump),
            )
    except psycopg.Error as error:
        raise ValidationFailed(
            f"validating failed in the database: {said_by(error)}. Nothing was "
            "changed. Mend the cause and run: "
            f"{pipelines.current().command('validate')}"
        ) from error


def _verified(
    connection: Connection, dumps: Sequence[str], *, verify_dump: bool
) -> Verification | None:
    """Hold the landing against the dump; the consolidation has none."""
    if pipelines.current() is not pipelines.MIGRATION:
        return None
    ledger.ensure(connection)
    ledger.current_run(connection)
    return verify_landing(connection, dumps, every_row=verify_dump)


def _validate(
    connection: Connection,
    *,
    in_use: bool,
    started: datetime,
    verified: Verification | None,
) -> Validation:
    rules = _RULES[pipelines.current().name]
    ledger.ensure(connection)
    run = ledger.current_run(connection)
    ledger.require_live_schema(connection)
    target.require_tables(connection)
    hashing.fix_session(connection)
    rules.derive(connection)
    scope = Scope(run.run_id, _newest_publish(connection), in_use)
    live = definition.examine(connection, scope)
    for table in linkage.tables(connection):
        rows.compare(connection, rules, table, scope, live)
    further, examined = rules.examine(connection, scope, live.relation)
    tables = pipelines.current().tables
    findings = {table.name: rows.counts(connection, table) for table in tables}
    errors = (
        *(verified.faults if verified else ()),
        *live.faults,
        *_errors(connection, findings),
        *further,
        *_failures(connection, scope),
    )
    result = rules.result(
        connection,
        {
            "validated_at": started.isoformat(),
            "is_valid": not errors,
            "run_id": run.run_id,
            "validation_errors": list(errors),
            "findings": findings,
            "notes": list(live.notes),
            "dump_verified": str(verified) if verified else None,
            **examined,
        },
        live.relation,
    )
    record = ledger.StepRecord(
        rows=sum(listing.live_counts(connection).values()),
        detail={"findings": findings, "in_use": in_use},
        status="failed" if errors else "done",
    )
    ledger.add_step(connection, run.run_id, "validate", started, record)
    ledger.add_validation(connection, run.run_id, started, not errors, result)
    if run.status not in ("loaded", "built", "rolled_back"):
        ledger.set_status(connection, run.run_id, "invalid" if errors else "validated")
    return Validation(
        run_id=run.run_id,
        is_valid=not errors,
        findings=findings,
        errors=errors,
        notes=live.notes,
        failed=ledger.failed_rows(connection, run.run_id),
        result=result,
        verified=verified,
    )


def _errors(
    connection: Connection, findings: dict[str, dict[str, int]]
) -> tuple[str, ...]:
    """Say in words what is wrong, a sentence for each table and kind of fault."""
    return tuple(
        rows.sentence(connection, name, kind, counts[kind])
        for name, counts in findings.items()
        for kind in FAULTS
        if counts[kind]
    )


def _failures(connection: Connection, scope: Scope) -> tuple[str, ...]:
    """Say that more rows failed to publish than may."""
    row = connection.execute(
        query(
            f"failed_counts_{pipelines.current().name}",
            run_id=sql.Literal(scope.run_id),
        )
    ).fetchone()
    failed, expected = row if row else (0, 0)
    limit = thresholds().max_error_rate
    if not expected or failed / expected <= limit:
        return ()
    return (
        f"{failed:,} of {expected:,} rows failed to publish, more than {limit:.0%}",
    )


def _newest_publish(connection: Connection) -> PublishRecord:
    """Read the newest publish that is not rolled back."""
    row = connection.execute(
        query("last_published", pipeline=sql.Literal(pipelines.current().name))
    ).fetchone()
    published_at, columns, objects = row or (None, None, None)
    return PublishRecord(published_at, columns or {}, objects or ())
