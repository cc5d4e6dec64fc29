"""The whole migration, stage after stage, and what an operator reads at its end."""

from __future__ import annotations

from pathlib import Path

from harness import delivery, linkage, publish, stages, target
from harness.artifacts import (
    Summary,
    linkage_sentence,
    read_summary,
    reasons_sentence,
    write_artifacts,
)
from harness.artifacts.judgement import verdict
from harness.artifacts.verdict import notes
from harness.errors import HarnessError, after_other_stages
from harness.linkage import Linkage
from harness.stages import Inputs, Session

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
    run_id = stages.load(session, inputs).run_id
    try:
        with after_other_stages():
            stages.audit(session, "landing")
            stages.build(session, how=how)
            if execute:
                delivery.publish_and_prove(session, in_use=in_use)
            else:
                delivery.print_plan(session, stages.plan_publish(session))
    except HarnessError:
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
    say_verdict(session, summary)
    session.console.note(f"\nreport: {folder / 'report.html'}")
    if next_command:
        session.console.note(f"next: {next_command}")


def say_verdict(session: Session, summary: Summary) -> None:
    """Print how the run is judged, and what is to be known beside it."""
    for sentence in (f"verdict: {verdict(summary)}", *notes(summary)):
        session.console.result(f"\n{sentence}")


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
