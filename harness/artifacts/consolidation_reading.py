"""Reads the summary of a consolidation's run out of the ledger and the marts.

Reads the database and, for a run whose landing another run has replaced, the
``summary.json`` that the run left. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from harness import ledger, settings
from harness.artifacts.consolidation_summary import (
    EXTENDED,
    MESSAGES,
    SESSIONS,
    Consolidation,
    Cutover,
    Promise,
    SecurityCheck,
    SessionCount,
)
from harness.artifacts.reading import holds_run, kept_summary, with_kept_fates
from harness.artifacts.reading_run import (
    read_audits,
    read_checkpoints,
    read_earlier,
    read_failures,
    read_inputs,
    read_run,
    read_steps,
    read_validation,
)
from harness.artifacts.reading_safety import read_safety, with_backup
from harness.artifacts.relations import fetch, stands
from harness.artifacts.summary import Coercion, Reason, TableCount
from harness.database import Connection
from harness.pipelines import current
from harness.queries import query

_MARTS = (SESSIONS, EXTENDED, MESSAGES)


def read_consolidation(connection: Connection, run_id: str) -> Consolidation:
    """Read all that is known of a consolidation's run, in the caller's transaction.

    Counts of what has not happened are None. Raises ``UsageError`` when the ledger has
    no such run.
    """
    has_marts = holds_run(connection, run_id, "legacy_reconciliation", *_MARTS)
    summary = Consolidation(
        run=read_run(connection, run_id),
        inputs=read_inputs(connection, run_id),
        steps=read_steps(connection, run_id),
        tables=_read_tables(connection, run_id, has_marts),
        failures=read_failures(connection, run_id),
        checkpoints=read_checkpoints(connection, run_id),
        validation=read_validation(connection, run_id),
        has_marts=has_marts,
        safety=read_safety(connection, run_id),
        earlier=read_earlier(connection, run_id),
        added=_read_added(connection, run_id),
        cutover=_read_cutover(connection, run_id),
    )
    counts, problems = read_audits(connection, run_id)
    summary = replace(
        summary,
        steps=with_backup(summary.run, summary.steps, summary.safety),
        removed_rows=summary.safety.delta("removed") or 0,
        security=_read_security(connection, summary),
        storage=_storage_steps(summary),
        audits=counts or None,
        problems=problems,
    )
    if not has_marts:
        return _with_kept_sessions(with_kept_fates(summary))
    return replace(
        summary,
        reasons=_read_reasons(connection),
        coercions=_read_coercions(connection),
        sessions=_read_sessions(connection),
        types=dict(
            fetch(
                connection,
                "select type, count(*) from {marts}.chat_messages"
                " group by 1 order by 1",
            )
        ),
    )


def _read_tables(
    connection: Connection, run_id: str, has_marts: bool
) -> tuple[TableCount, ...]:
    """Count the legacy tables' rows by their fates, then those of the marts."""
    landed = (ledger.step_detail(connection, run_id, "consolidate.land") or {}).get(
        "tables", {}
    )
    counts = {
        name: TableCount(name, read=landed.get(name, {}).get("rows"))
        for name in Consolidation.SOURCES
    }
    counts |= {name: TableCount(name) for name in _MARTS}
    if has_marts:
        for name, read, kept, merged, skipped in fetch(
            connection,
            "select origin, rows_read, rows_kept, rows_merged, rows_skipped"
            " from {marts}.legacy_reconciliation",
        ):
            # nothing is parsed here, so nothing is rejected
            counts[name] = TableCount(name, read, kept, merged, skipped, 0)
        for name, kept in fetch(
            connection,
            "select 'chat_sessions', count(*) from {marts}.chat_sessions union all"
            " select 'extended_sessions', count(*) from {marts}.extended_sessions"
            " union all select 'chat_messages', count(*) from {marts}.chat_messages",
        ):
            counts[name] = TableCount(name, kept=kept)
    if ledger.step_status(connection, run_id, "publish"):
        counts = _with_published(connection, run_id, counts, has_marts)
    return tuple(counts.values())


def _with_published(
    connection: Connection,
    run_id: str,
    counts: Mapping[str, TableCount],
    has_marts: bool,
) -> dict[str, TableCount]:
    """Add what the run published, not taken back, and what it could not."""
    published, failed = (
        dict(
            fetch(
                connection,
                f"select table_name, count(*) from {{ledger}}.{entries}"  # noqa: S608
                f" where run_id = %(run_id)s{standing} group by 1",
                run_id=run_id,
            )
        )
        for entries, standing in (
            ("published_rows", " and rolled_back_at is null"),
            ("failed_rows", ""),
        )
    )
    found = {name: (published.get(name, 0), failed.get(name, 0)) for name in _MARTS}
    if has_marts:
        rows = connection.execute(
            query("published_by_origin"), {"run_id": run_id}
        ).fetchall()
        found |= dict.fromkeys(Consolidation.SOURCES, (0, 0))
        found |= {origin: (done, lost) for origin, done, lost in rows}
    return {
        name: replace(count, published=found[name][0], failed=found[name][1])
        if name in found
        else count
        for name, count in counts.items()
    }


def _read_reasons(connection: Connection) -> tuple[Reason, ...]:
    rows = fetch(
        connection,
        "select origin, reason, count(*) from {marts}.skipped_legacy_rows"
        " group by 1, 2 order by 1, 3 desc, 2",
    )
    return tuple(Reason(*row) for row in rows)


def _read_coercions(connection: Connection) -> tuple[Coercion, ...]:
    rows = fetch(
        connection,
        "select origin, column_name, rule, count(*) from {marts}.legacy_coercions"
        " group by 1, 2, 3 order by 4 desc, 1, 2, 3",
    )
    return tuple(Coercion(*row) for row in rows)


def _read_sessions(connection: Connection) -> tuple[SessionCount, ...]:
    rows = fetch(
        connection,
        "select type, status, count(*) from {marts}.chat_sessions"
        " group by 1, 2 order by 1, 2",
    )
    return tuple(SessionCount(*row) for row in rows)


def _read_added(connection: Connection, run_id: str) -> dict[str, int]:
    """Count by kind what the run added to the live schema and has not taken back."""
    return dict(
        fetch(
            connection,
            "select case when kind = 'constraint' and ddl ilike '%%foreign key%%'"
            " then 'foreign key' else kind end, count(*) from {ledger}.schema_changes"
            " where run_id = %(run_id)s and rolled_back_at is null group by 1"
            " order by 1",
            run_id=run_id,
        )
    )


def _read_cutover(connection: Connection, run_id: str) -> Cutover | None:
    """Read the cutover that stands in this database, else the newest of the run."""
    if not stands(connection, settings.ledger_schema(), "cutovers"):
        return None
    rows = fetch(
        connection,
        "select executed_at, operator, archive_schema, detail -> 'rows', undone_at"
        " from {ledger}.cutovers where run_id = %(run_id)s or undone_at is null"
        " order by undone_at is null desc, cutover_id desc limit 1",
        run_id=run_id,
    )
    if not rows:
        return None
    executed_at, operator, archive, counts, undone_at = rows[0]
    return Cutover(executed_at, operator, archive, counts or {}, undone_at)


def _read_security(
    connection: Connection, summary: Consolidation
) -> SecurityCheck | None:
    step = summary.step("security.check")
    if step is None:
        return None
    detail = ledger.step_detail(connection, summary.run.run_id, step.name) or {}
    checks = [check for check in detail.get("checks") or () if isinstance(check, dict)]
    return SecurityCheck(
        step.finished_at,
        step.status == "done",
        tuple(
            Promise(
                str(check.get("check")),
                str(check.get("promise")),
                str(check.get("status")),
                int(check.get("attempts") or 0),
                tuple(_found(check)),
            )
            for check in checks
        ),
    )


def _found(check: Mapping[str, Any]) -> Iterator[str]:
    """Say what a security check found, what fails it before what does not."""
    findings = sorted(check.get("findings") or (), key=lambda each: each["is_warning"])
    for each in findings:
        yield f"{each['role']}: {each['what']} ({each['object']})"
    if check.get("not_looked_at"):
        yield str(check["not_looked_at"])


def _storage_steps(summary: Consolidation) -> dict[str, datetime]:
    """When the storage's steps were last done, by their names, since its rollback."""
    undone = summary.done("storage.rollback")
    return {
        step.name: step.finished_at
        for step in summary.steps
        if step.name.startswith("storage.")
        and summary.done(step.name) is step
        and (undone is None or summary.is_after(step, undone))
    }


def _with_kept_sessions(summary: Consolidation) -> Consolidation:
    kept = kept_summary(summary)
    if kept is None or kept.get("pipeline") != current().name:
        return summary
    return replace(
        summary,
        sessions=tuple(SessionCount(**row) for row in kept["sessions"]),
        types=kept["message_types"],
    )
