"""The whole migration, stage after stage, and what an operator reads at its end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness import publish, stages, target
from harness.artifacts import (
    Summary,
    read_summary,
    reasons_sentence,
    write_artifacts,
)
from harness.errors import HarnessError
from harness.rollback import Rollback
from harness.stages import Inputs, Session
from harness.validate import require_valid

TABLE_COLUMNS = (
    "table",
    "read",
    "kept",
    "merged",
    "skipped",
    "rejected",
    "published",
    "failed",
)


def migrate(session: Session, inputs: Inputs, *, execute: bool) -> None:
    """Load, check, build and publish, validate, and write the artifacts.

    Without ``execute`` it stops before the live tables and prints the plan. The
    artifacts are written also when a stage fails, from what has happened by then.
    """
    publish.check_target(session.connection)
    session.connection.rollback()
    run_id = ""
    try:
        run_id = stages.load(session, inputs).run_id
        stages.audit(session, "landing")
        stages.build(session)
        if execute:
            _publish(session)
        else:
            print_plan(session, stages.plan_publish(session))
    except HarnessError:
        if run_id:
            _finish_stopped(session, run_id)
        raise
    finish(session, run_id, next_command=None if execute else "./inv publish --execute")


def _finish_stopped(session: Session, run_id: str) -> None:
    """Finish a migration that stopped; what stopped it stays the error to report."""
    try:
        finish(session, run_id, next_command=None)
    except HarnessError as error:
        session.console.warn(str(error))


def prepare_target(session: Session) -> None:
    """Make the application's tables where the embedded server has none yet."""
    if session.target.is_embedded and not target.existing_tables(session.connection):
        stages.create_target(session)
    session.connection.rollback()


def finish(session: Session, run_id: str, next_command: str | None) -> None:
    """Write the artifacts, then print the accounting and where to read on."""
    folder = write(session, run_id)
    summary = read_summary(session.connection, run_id)
    session.connection.rollback()
    print_summary(session, summary)
    session.console.note(f"\nreport: {folder / 'report.html'}")
    if next_command:
        session.console.note(f"next: {next_command}")


def write(session: Session, run_id: str) -> Path:
    """Write a run's artifacts and return their folder."""
    with session.console.step("writing the artifacts") as step:
        folder = write_artifacts(session.connection, run_id)
        session.connection.rollback()
        step.detail = str(folder)
    return folder


def print_summary(session: Session, summary: Summary) -> None:
    """Print the table of the run, its seconds, and why rows were left behind."""
    rows = [
        (
            table.name,
            table.read,
            table.kept,
            table.merged,
            table.skipped,
            table.rejected,
            table.published,
            table.failed,
        )
        for table in summary.tables
    ]
    session.console.result("")
    session.console.table(TABLE_COLUMNS, rows)
    sentence = reasons_sentence(summary)
    if sentence:
        session.console.result(f"\n{sentence}")


def print_plan(session: Session, plan: publish.Plan) -> None:
    """Print what publishing would do, row by row of the tables, then the DDL."""
    console = session.console
    console.result("")
    console.table(
        ("live table", "insert", "published", "present", "removed", "failed"),
        [
            (t.name, t.insert, t.published, t.present, t.removed, t.failed)
            for t in plan.tables
        ],
    )
    for line in _reasons(plan):
        console.result(line)
    for change in plan.changes:
        console.result(f"{change.ddl};")


def print_rollback(session: Session, done: Rollback) -> None:
    """Print what a rollback takes back, and the rows that it leaves."""
    console = session.console
    console.result("")
    console.table(
        ("live table", "delete", "gone", "changed", "referenced"),
        [(t.name, t.delete, t.gone, t.changed, t.referenced) for t in done.tables],
    )
    for name in done.dropped:
        console.result(f"dropped with it: {name}")
    for table in done.tables:
        if table.left:
            console.warn(
                f"{table.changed + table.referenced:,} rows of {table.name} are left, "
                f"because they changed or are referred to: {', '.join(table.left)}"
            )


def _reasons(plan: publish.Plan) -> Sequence[str]:
    return [
        f"{count:,} rows of {table.name} cannot be published: {reason}"
        for table in plan.tables
        for reason, count in table.reasons.items()
    ]


def _publish(session: Session) -> None:
    stages.run_publish(session)
    stages.audit(session, "live")
    require_valid(stages.run_validate(session))
