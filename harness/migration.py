"""The whole migration, stage after stage, and what an operator reads at its end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness import candidates, linkage, publish, stages, target
from harness.artifacts import (
    Summary,
    linkage_sentence,
    read_summary,
    reasons_sentence,
    write_artifacts,
)
from harness.errors import CheckFailed, HarnessError
from harness.linkage import Linkage
from harness.rollback import Rollback
from harness.stages import Inputs, Session
from harness.validate import faults

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


def migrate(
    session: Session,
    inputs: Inputs,
    how: Linkage | None = None,
    *,
    execute: bool,
    in_use: bool = False,
) -> None:
    """Load, check, build, back up, publish, validate, and write the artifacts.

    Without ``execute`` it stops before the live tables and prints the plan. A publish
    that does not stand its validation is rolled back; with ``in_use`` what the
    application did meanwhile is no fault. The artifacts are written also when a stage
    fails, from what has happened by then. Chats are linked as ``how`` says, else as
    ``dbt_project.yml`` does.
    """
    how = how or linkage.parse(None)
    publish.check_target(session.connection, how)
    session.connection.rollback()
    run_id = ""
    try:
        run_id = stages.load(session, inputs).run_id
        stages.audit(session, "landing")
        stages.build(session, how=how)
        if execute:
            _publish(session, in_use=in_use)
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


def prepare_target(session: Session, how: Linkage | None = None) -> None:
    """Make the application's tables where the embedded server has none yet."""
    if session.target.is_embedded and not target.existing_tables(session.connection):
        stages.create_target(session, how)
    session.connection.rollback()


def finish(session: Session, run_id: str, next_command: str | None) -> None:
    """Write the artifacts, then print the accounting and where to read on."""
    folder = write(session, run_id)
    summary = read_summary(session.connection, run_id)
    session.connection.rollback()
    print_summary(session, summary)
    others = linkage_sentence(summary)
    if others:
        session.console.result(f"\n{others}")
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
        ("live table", *candidates.ACTIONS),
        [
            (table.name, *(table.counts[action] for action in candidates.ACTIONS))
            for table in plan.tables
        ],
    )
    for line in (*_reasons(plan), *_named(plan)):
        console.result(line)
    for change in plan.changes:
        console.result(f"{change.ddl};")
    for change in plan.changes:
        if change.check_ddl:
            console.result(f"{change.check_ddl};")


def print_rollback(session: Session, done: Rollback) -> None:
    """Print what a rollback takes back, the rows that it leaves, and its proof."""
    console = session.console
    console.result("")
    console.table(
        ("live table", "delete", "restore", "gone", "changed", "referenced"),
        [
            (t.name, t.delete, t.restore, t.gone, t.changed, t.referenced)
            for t in done.tables
        ],
    )
    for name in done.dropped:
        console.result(f"dropped with it: {name}")
    for table in done.tables:
        if table.left:
            console.warn(
                f"{table.changed + table.referenced:,} rows of {table.name} are left, "
                f"because they changed or are referred to: {', '.join(table.left)}"
            )
    if done.forced:
        console.warn(
            f"{done.forced:,} rows that were changed since the publish go as well"
        )
    if done.proof:
        say = console.result if done.proof.holds else console.warn
        for sentence in done.proof.sentences():
            say(sentence)


def _named(plan: publish.Plan) -> Sequence[str]:
    """Name the rows that are neither new nor as they were, as many as are listed."""
    said = []
    for table in plan.tables:
        for action, ids in table.listed.items():
            more = table.counts[action] - len(ids)
            rest = f" and {more:,} more" if more else ""
            said.append(f"{action} in {table.name}: {', '.join(ids)}{rest}")
    return said


def _reasons(plan: publish.Plan) -> Sequence[str]:
    return [
        f"{count:,} rows of {table.name} cannot be published: {reason}"
        for table in plan.tables
        for reason, count in table.reasons.items()
    ]


def _publish(session: Session, *, in_use: bool) -> None:
    """Publish and prove it; what does not stand the proof is taken back."""
    stages.preflight(session, needs_backup=False)
    stages.back_up(session)
    done = stages.run_publish(session)
    try:
        stages.audit(session, "live")
    except CheckFailed as failed:
        raise _taken_back(session, done, str(failed)) from failed
    validation = stages.run_validate(session, in_use=in_use)
    if not validation.is_valid:
        raise _taken_back(session, done, f"{faults(validation)}.")


def _taken_back(session: Session, done: publish.Plan, failed: str) -> CheckFailed:
    """Roll the run back; the error says what failed and what stands now."""
    if not done.writes:
        return CheckFailed(
            f"{failed} This run has changed nothing, so there is nothing to roll back. "
            "See chat-validation-results.json"
        )
    session.console.warn(f"{failed} Rolling the run back.")
    try:
        taken = stages.run_rollback(session, done.run_id)
    except HarnessError as error:
        return CheckFailed(f"{failed} Rolling the run back failed as well: {error}")
    print_rollback(session, taken)
    left = f" but for {taken.left:,} rows changed since" if taken.left else ""
    return CheckFailed(
        f"{failed} The run {done.run_id} was rolled back{left}. See "
        "chat-validation-results.json, mend the cause and run the migration again."
    )
