"""The consolidation: its own stages, the whole of it, and its demo.

``tasks.py`` calls these. What both pipelines do alike is in ``stages.py`` and
``delivery.py``: they work on the pipeline that the task names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone

from psycopg import sql

from harness import (
    constraints,
    cutover,
    delivery,
    ledger,
    legacy,
    locks,
    migration,
    settings,
    stages,
    target,
)
from harness.artifacts import read_summary
from harness.build import BuildResult
from harness.constraints import Change
from harness.database import Connection, committed
from harness.errors import HarnessError, Refused, after_other_stages
from harness.legacy import Landing
from harness.security import check, standins
from harness.stages import Session

#: What dbt is to build for it; selectors.yml says what that is.
SELECTOR = ("--selector", "consolidation")

SAMPLE = settings.SAMPLES / "legacy_chat" / "legacy.sql"


def consolidate(session: Session, *, execute: bool, in_use: bool = False) -> None:
    """Land, check, build, back up, publish, prove, and write the artifacts.

    Without ``execute`` it stops before the live tables and prints the plan. A publish
    that does not stand its validation is rolled back; with ``in_use`` what the
    application did meanwhile is no fault. The artifacts are written also when a stage
    fails, from what has happened by then.
    """
    run_id = land(session).run_id
    try:
        with after_other_stages():
            stages.audit(session, "landing")
            build(session)
            if execute:
                publish(session, in_use=in_use)
                _check_where_possible(session)
            else:
                delivery.print_plan(session, stages.plan_publish(session))
    except HarnessError:
        _finish_stopped(session, run_id)
        raise
    finish(session, run_id, None if execute else "./inv consolidate --execute")


def land(session: Session) -> Landing:
    """Land the legacy tables of the target as a new run.

    Raises what ``legacy.land`` raises.
    """
    with session.console.step("landing the legacy tables") as step:
        landed = legacy.land(session.connection, target=str(session.target))
        messages, notes = (landed.tables[name] for name in ("messages", "voice_notes"))
        step.detail = f"{messages.rows:,} messages, {notes.rows:,} voice notes"
    return landed


def build(
    session: Session, arguments: Sequence[str] = (), *, with_unit_tests: bool = False
) -> BuildResult:
    """Build and test the consolidation's models; raises ``CheckFailed`` if one fails.

    ``arguments`` select others for dbt. Raises ``Refused`` when nothing is landed.
    """
    run = ledger.current_run(session.connection)
    session.connection.rollback()
    return stages.build_models(
        session,
        run,
        arguments or SELECTOR,
        with_unit_tests=with_unit_tests,
        command="./inv consolidate.build",
    )


def publish(session: Session, *, in_use: bool) -> None:
    """Publish and prove it; an application without the new tables is given them."""
    with tables_made(session):
        delivery.publish_and_prove(session, in_use=in_use)


@contextmanager
def tables_made(session: Session) -> Iterator[None]:
    """Make the tables that are missing, and remove them when nothing comes of it."""
    make_tables(session)
    try:
        with after_other_stages():
            yield
    except HarnessError:
        _remove_empty_tables(session.connection)
        raise


def make_tables(session: Session) -> None:
    """Make the new chat system's tables where the application has not, for good."""
    connection = session.connection
    missing = target.missing_chat_tables(connection)
    connection.rollback()
    if not missing:
        return
    started = datetime.now(timezone.utc)
    with (
        session.console.step("making the chat system's tables") as step,
        committed(connection),
    ):
        locks.limit_waiting(connection)
        run = ledger.current_run(connection)
        made = target.make_missing(connection)
        changes = [
            Change("target table", name, name, ddl, undo_ddl)
            for name, ddl, undo_ddl in made
        ]
        constraints.enter(connection, run.run_id, changes)
        names = [name for name, _, _ in made]
        record = ledger.StepRecord(detail={"tables": names})
        ledger.add_step(connection, run.run_id, "consolidate.tables", started, record)
        step.detail = ", ".join(names)


def _remove_empty_tables(connection: Connection) -> None:
    """Take away again what ``make_tables`` made, when nothing came of it."""
    connection.rollback()
    with committed(connection):
        locks.limit_waiting(connection)
        if not ledger.rows_stand(connection):
            constraints.undo(connection, None, constraints.TARGET_TABLES)


def check_security(session: Session, *, required: bool = True) -> check.SecurityCheck:
    """Act as each role on the live tables, and enter in the ledger what was seen.

    Raises ``CheckFailed`` naming the first findings, if it is ``required`` to pass.
    """
    connection = session.connection
    started = datetime.now(timezone.utc)
    with session.console.step("checking the security as each role") as step:
        found = check.run(connection, session.console.warn)
        run = ledger.find_current_run(connection)
        if run is not None:
            record = ledger.StepRecord(
                detail=found.as_dict(), status="done" if found.passed else "failed"
            )
            with committed(connection):
                ledger.ensure(connection)
                ledger.add_step(
                    connection, run.run_id, "security.check", started, record
                )
        step.detail = found.summary()
    if required:
        check.require(found)
    return found


def _check_where_possible(session: Session) -> None:
    """Check the security; what stands is no worse for a role that may not look."""
    try:
        check_security(session)
    except Refused as refused:
        session.connection.rollback()
        session.console.warn(f"{refused} The publish stands. Run: ./inv security.check")


def finish(session: Session, run_id: str, next_command: str | None) -> None:
    """Write the artifacts, then print the accounting and where to read on."""
    folder = migration.write(session, run_id)
    print_reconciliation(session)
    migration.say_verdict(session, read_summary(session.connection, run_id))
    session.connection.rollback()
    session.console.note(f"\nreport: {folder / 'report.html'}")
    if next_command:
        session.console.note(f"next: {next_command}")


def _finish_stopped(session: Session, run_id: str) -> None:
    """Finish what stopped; what stopped it stays the error to report."""
    try:
        finish(session, run_id, None)
    except HarnessError as error:
        session.console.warn(str(error))


def print_reconciliation(session: Session) -> None:
    """Print what became of the legacy rows, where the models are built."""
    marts = settings.consolidated_schema()
    connection = session.connection
    row = connection.execute(
        "select to_regclass(%s) is not null", [f'"{marts}".legacy_reconciliation']
    ).fetchone()
    if not (row and row[0]):
        connection.rollback()
        return
    rows = connection.execute(
        sql.SQL(
            "select origin, rows_read, rows_kept, rows_merged, rows_skipped"
            " from {} order by origin"
        ).format(sql.Identifier(marts, "legacy_reconciliation"))
    ).fetchall()
    reasons = connection.execute(
        sql.SQL("select reason, count(*) from {} group by 1 order by 2 desc, 1").format(
            sql.Identifier(marts, "skipped_legacy_rows")
        )
    ).fetchall()
    connection.rollback()
    session.console.result("")
    session.console.table(("table", "read", "kept", "merged", "skipped"), rows)
    if reasons:
        said = "; ".join(f"{reason} ({count:,})" for reason, count in reasons)
        session.console.result(f"\nSkipped: {said}.")


def require_own_server(session: Session) -> None:
    """Raise ``Refused`` on a server that is not the embedded one."""
    if not session.target.is_embedded:
        raise Refused(
            f"{session.target} is no rehearsal's, and roles would belong to the whole "
            "server. Nothing was changed. Unset DATABASE_URL to use the embedded one."
        )


def make_standins(session: Session) -> None:
    """Make what Supabase would bring, where it is missing, for a rehearsal.

    Raises ``Refused`` on any database but the embedded server's: roles belong to all
    databases of a server.
    """
    require_own_server(session)
    with (
        session.console.step("making stand-ins for Supabase") as step,
        committed(session.connection),
    ):
        made = standins.create(session.connection)
        step.detail = ", ".join(made) or "all stand"


def load_sample(session: Session) -> None:
    """Put the sample's legacy chat system into a database that holds nothing else.

    What a demo has put there before stays as it is. Raises ``Refused`` where an
    application has tables of its own.
    """
    connection = session.connection
    present = target.existing_tables(connection, legacy.TABLES)
    made_here = target.rehearsal_tables(connection, legacy.TABLES)
    if cutover.stands(connection):
        made_here += ["messages", "voice_notes"]
    foreign = [name for name in present if name not in made_here]
    if foreign:
        connection.rollback()
        raise Refused(
            f"{session.target} has {', '.join(foreign)} of an application, and a demo "
            "never touches those. Nothing was changed. Unset DATABASE_URL to run the "
            "demo in the embedded server."
        )
    connection.rollback()
    if session.target.is_embedded:
        make_standins(session)
    with (
        session.console.step("making the sample's legacy chat system") as step,
        committed(connection),
    ):
        if not present:
            connection.execute(SAMPLE.read_bytes())
            target.mark(connection, legacy.TABLES)
        step.detail = "stands already" if present else SAMPLE.parent.name
