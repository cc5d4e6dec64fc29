"""Reads of a run what the ledger has, whichever pipeline it is of.

The pipeline at work names the marts and the live tables. Reads the ledger and dbt's
outcomes; writes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from psycopg import sql

from harness import settings
from harness.artifacts.relations import fetch, has_column, stands
from harness.artifacts.summary import (
    Audit,
    Checkpoint,
    Earlier,
    Failure,
    Input,
    Run,
    Step,
    Validation,
)
from harness.database import Connection
from harness.errors import UsageError
from harness.pipelines import current
from harness.queries import query

#: What a live row can be found to be, other than as it must be, worst first; the
#: validation may know further kinds.
FINDINGS = ("missing", "different", "extra", "orphaned", "newer")

_PASSED = ("pass", "success")


def read_run(connection: Connection, run_id: str) -> Run:
    """Read the run itself; raises ``UsageError`` when the ledger has none such."""
    found = (
        fetch(
            connection,
            "select run_id, pipeline, status, started_at, finished_at, operator,"
            " code_version, target from {ledger}.runs where run_id = %(run_id)s",
            run_id=run_id,
        )
        if stands(connection, settings.ledger_schema(), "runs")
        else []
    )
    if not found:
        raise UsageError(
            f"the ledger has no run {run_id}. Nothing was written. "
            "See the runs with: ./inv status"
        )
    return Run(*found[0])


def read_inputs(connection: Connection, run_id: str) -> tuple[Input, ...]:
    """Read the files that the run read, its dumps first."""
    rows = fetch(
        connection,
        "select kind, name, bytes, sha256, rows from {ledger}.inputs"
        " where run_id = %(run_id)s order by kind <> 'dump', kind, name",
        run_id=run_id,
    )
    return tuple(Input(*row) for row in rows)


def read_steps(connection: Connection, run_id: str) -> tuple[Step, ...]:
    """Read the steps that ended, in their order."""
    rows = fetch(
        connection,
        "select step, status, started_at, finished_at, seconds::float8, rows,"
        " peak_memory_bytes"
        " + coalesce((detail ->> 'parser_peak_memory_bytes')::bigint, 0)"
        " from {ledger}.steps where run_id = %(run_id)s"
        " order by step_id",
        run_id=run_id,
    )
    return tuple(Step(*row) for row in rows)


def read_failures(connection: Connection, run_id: str) -> tuple[Failure, ...]:
    """Count the rows that could not be published, by reason."""
    rows = fetch(
        connection,
        "select table_name, reason, count(*) from {ledger}.failed_rows"
        " where run_id = %(run_id)s group by 1, 2 order by 1, 3 desc, 2",
        run_id=run_id,
    )
    return tuple(Failure(*row) for row in rows)


def read_audits(
    connection: Connection, run_id: str
) -> tuple[dict[str, int] | None, tuple[Audit, ...]]:
    """Count dbt's outcomes by status, and read those that did not pass, worst first."""
    if not stands(connection, current().marts(), "audit_results"):
        return None, ()
    rows = fetch(
        connection,
        "select name, resource_type, status, severity, failures, message"
        " from {marts}.audit_results where run_id = %(run_id)s"
        " order by array_position(array['error', 'fail', 'warn', 'not run'], status),"
        " name",
        run_id=run_id,
    )
    audits = [Audit(*row) for row in rows]
    counts: dict[str, int] = {}
    for audit in audits:
        counts[audit.status] = counts.get(audit.status, 0) + 1
    return counts, tuple(audit for audit in audits if audit.status not in _PASSED)


def read_checkpoints(connection: Connection, run_id: str) -> tuple[Checkpoint, ...]:
    """Read the newest audit of each checkpoint, without the samples that it took."""
    rows = fetch(
        connection,
        "select distinct on (step) detail from {ledger}.steps"
        " where run_id = %(run_id)s and detail ? 'checkpoint'"
        " order by step desc, step_id desc",
        run_id=run_id,
    )
    audits = [row[0] for row in rows]
    return tuple(
        Checkpoint(
            detail["checkpoint"],
            detail["passed"],
            detail["expectations"],
            (
                *(_expectation(finding, "fail") for finding in detail["failed"]),
                *(_expectation(finding, "warn") for finding in detail["warnings"]),
            ),
        )
        for detail in sorted(audits, key=lambda detail: str(detail["checkpoint"]))
    )


def read_validation(connection: Connection, run_id: str) -> Validation | None:
    """Read the newest validation; its long lists of ids stay in the database."""
    rows = fetch(
        connection,
        "select validated_at, is_valid, result -> 'validation_errors',"
        " result -> 'expected_rows', result -> 'findings', result -> 'notes'"
        " from {ledger}.validations"
        " where run_id = %(run_id)s order by validation_id desc limit 1",
        run_id=run_id,
    )
    if not rows:
        return None
    validated_at, is_valid, errors, expected, findings, notes = rows[0]
    return Validation(
        validated_at,
        is_valid,
        errors=tuple(errors or ()),
        expected=expected or {},
        findings={
            table: {**dict.fromkeys(FINDINGS, 0), **findings[table]}
            for table in (table.name for table in current().tables)
            if table in (findings or {})
        },
        notes=tuple(notes or ()),
    )


def read_earlier(connection: Connection, run_id: str) -> tuple[Earlier, ...]:
    """Count the live rows that other runs of the pipeline published and kept.

    Those that this run updated count as its own.
    """
    entries = (settings.ledger_schema(), "published_rows", "superseded_by")
    # The ledger's first version knows no updates.
    has_updates = has_column(connection, *entries)
    is_newest = "owned.superseded_by is null" if has_updates else "true"
    counts: Counter[str] = Counter()
    for table in current().tables:
        if table.extends or not has_column(
            connection, settings.live_schema(), table.live_name, "id"
        ):
            continue
        sought = query(
            "earlier_rows",
            target=sql.Identifier(settings.live_schema(), table.live_name),
            is_newest=sql.SQL(is_newest),
        )
        named = {"run_id": run_id, "name": table.name}
        counts.update(dict(connection.execute(sought, named).fetchall()))
    return tuple(Earlier(other, counts[other]) for other in sorted(counts))


def _expectation(finding: Mapping[str, Any], status: str) -> Audit:
    column = f".{finding['column']}" if finding["column"] else ""
    return Audit(
        name=finding["table"] + column,
        kind="expectation",
        status=status,
        severity=finding["severity"],
        failures=finding["unexpected_count"],
        message=finding["description"],
    )
