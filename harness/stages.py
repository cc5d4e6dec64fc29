"""The stages of a migration: each works, reports and enters the ledger in one call.

``tasks.py`` calls these one at a time, ``migration.py`` one after the other. A stage
prints its own line and leaves results to its return value.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psycopg

from harness import assess as assessing
from harness import (
    backup,
    database,
    ledger,
    linkage,
    pipelines,
    publish,
    rollback,
    settings,
    target,
    validate,
)
from harness import build as dbt
from harness import preflight as checks
from harness.artifacts.folder import make_private
from harness.assess import Assessment
from harness.audit import AuditResult, run_checkpoint
from harness.backup.store import left_out
from harness.console import Console, counted
from harness.database import Connection
from harness.errors import CheckFailed, HarnessError, Refused
from harness.escaping import path_text
from harness.landed import require_landed
from harness.linkage import Linkage
from harness.load import LoadResult, landing
from harness.load.selection import FOR_MODELS, Selection
from harness.load.source import Progress

#: More dumps, or tables, than these are counted on a step's line, not named.
_NAMED = 3
_NAMED_TABLES = 6


#: What no database's name may hold: dbt's own SQL would end at it.
_UNUSABLE = "\"'%"


class LoadFailed(HarnessError):
    """The database refused what was to be landed; nothing was changed."""


@dataclass(frozen=True)
class Inputs:
    """The files that a migration reads; ``-`` among the dumps is standard input.

    With ``verify_dump`` every row is read twice, else a sample.
    """

    dumps: Sequence[str]
    bookings: str | None = None
    users: str | None = None
    verify_dump: bool = False


@dataclass
class Session:
    """A console, the target, and one connection to it."""

    console: Console
    target: database.Target
    connection: Connection


def open_session(
    console: Console,
    task: str,
    *,
    names_run: bool = True,
    exclusive: bool = False,
    of_newest: bool = False,
    of_run: Callable[[Connection], str] | None = None,
) -> Session:
    """Connect to the target and print the header; the run is that which is landed.

    ``exclusive`` is for tasks that write: until the connection ends, nobody else runs
    one on this database. ``of_newest`` is for tasks of both pipelines: they work on the
    one whose run is the newest here, or whose run ``of_run`` finds. Raises ``Refused``
    naming who is at work already, when an exclusive task may not write, for a name that
    dbt cannot work with and a ledger of a newer Carryover, and what ``of_run`` raises.
    """
    to = database.target()
    connection = database.connect(to)
    to = database.resolved(to, connection)
    try:
        _require_usable_name(connection)
        ledger.require_known(connection)
        if exclusive:
            database.require_writable(connection, to)
        with database.committed(connection):
            connection.execute(
                "select set_config('application_name', %s, false)",
                [f"carryover {task} by {ledger.operator()}"],
            )
            if exclusive:
                ledger.take_lock(connection, for_session=True)
        if of_newest:
            pipelines.work_on(ledger.newest_pipeline(connection))
        if of_run:
            pipelines.work_on(ledger.pipeline_of(connection, of_run(connection)))
        run = ledger.find_current_run(connection) if names_run else None
        connection.rollback()
    except BaseException:
        connection.close()
        raise
    console.header(task, str(to), run.run_id if run else None)
    return Session(console, to, connection)


def _require_usable_name(connection: Connection) -> None:
    """Raise ``Refused`` for a database's name that dbt writes into SQL unquoted."""
    name = connection.info.dbname
    if found := sorted(set(name) & set(_UNUSABLE)):
        raise Refused(
            f"the database {name} has {' and '.join(found)} in its name, which dbt "
            "cannot work with. Nothing was changed. Rename the database, or name "
            "another one with DATABASE_URL."
        )


def create_target(session: Session, how: Linkage | None = None) -> list[str]:
    """Make a rehearsal's application tables, and fill them when a dump is landed.

    They fit the linkage that is asked for, else that which is built.
    """
    with session.console.step("creating the rehearsal target") as step:
        how = how or linkage.built(session.connection)
        made = target.create(session.connection, by_participants=how.by_participants)
        filled = target.fill(session.connection)
        session.connection.commit()
        step.detail = f"{len(made)} tables made" if made else "all tables stand"
        step.detail += _filled(filled)
    return made


def require_rehearsal(session: Session) -> None:
    """Raise ``Refused`` when the database has application tables that are not ours."""
    present = target.existing_tables(session.connection)
    made = target.rehearsal_tables(session.connection)
    session.connection.rollback()
    owned = [name for name in present if name not in made]
    if owned:
        raise Refused(
            f"{session.target} has {', '.join(owned)} of an application, and a demo "
            "never touches those. Nothing was changed. Unset DATABASE_URL to run the "
            "demo in the embedded database."
        )


def assess(
    console: Console, dumps: Sequence[str], selection: Selection = FOR_MODELS
) -> Assessment:
    """Read dumps as a load would, without a database."""
    with console.step(f"assessing {_named(dumps)}") as step:
        found = assessing.assess(dumps, selection, step.progress)
        rows = sum(table.rows for table in found.profile.tables.values())
        step.detail = f"{rows:,} rows of {len(found.profile.tables)} tables"
    return found


def require_loadable(found: Assessment) -> None:
    """Raise ``CheckFailed`` unless a load would take the dumps that were assessed."""
    if not found.can_be_loaded:
        more = len(found.problems) - 1
        raise CheckFailed(found.problems[0] + (f" And {more} more." if more else ""))


def load(
    session: Session, inputs: Inputs, selection: Selection = FOR_MODELS
) -> LoadResult:
    """Land the dumps and the two files of earlier phases as a new run.

    Raises what ``landing.load`` raises, and ``LoadFailed`` when the database refuses.
    """
    with session.console.step(f"loading {_named(inputs.dumps)}") as step:
        try:
            result, filled = _land(session, inputs, selection, step.progress)
        except psycopg.Error as error:
            raise LoadFailed(
                f"loading failed in the database: {database.said_by(error)}. The "
                "transaction was rolled back, nothing was loaded. Mend the cause and "
                "run the command again."
            ) from error
        step.detail = f"{_loaded(result)}{_filled(filled)}"
    session.console.note(result.verified.sentence)
    for warning in result.warnings:
        session.console.warn(warning)
    rejected = sum(table.rows_rejected for table in result.tables)
    if rejected:
        session.console.warn(
            f"{counted(rejected, 'row')} rejected;"
            f" see {settings.staging_schema()}.rejected_rows"
        )
    return result


def audit(session: Session, name: str) -> AuditResult:
    """Run a checkpoint of Great Expectations, ``landing`` or ``live``.

    Raises ``CheckFailed`` when a critical expectation fails.
    """
    connection = session.connection
    run = ledger.current_run(connection)
    if name == "landing" and pipelines.current() is pipelines.MIGRATION:
        require_landed(connection)
    connection.rollback()
    started = datetime.now(timezone.utc)
    docs = _data_docs(run.run_id)
    with session.console.step(f"checking {name} tables") as step:
        result = run_checkpoint(
            name, run_id=run.run_id, docs_dir=docs, to=session.target
        )
        record = ledger.StepRecord(
            rows=None,
            detail=result.as_detail(),
            status="done" if result.passed else "failed",
        )
        ledger.ensure(connection)
        ledger.add_step(connection, run.run_id, f"audit.{name}", started, record)
        connection.commit()
        step.detail = counted(result.expectations, "expectation")
        if result.warnings:
            step.detail += f", {counted(len(result.warnings), 'warning')}"
    for warning in result.warnings:
        session.console.warn(str(warning))
    if not result.passed:
        raise CheckFailed(
            f"{result.summary()} The live tables were not changed by this check. "
            f"See {docs / 'index.html'}"
        )
    return result


def _data_docs(run_id: str) -> Path:
    """Make the folder of a run's Data Docs; raises ``Refused`` where that fails."""
    folder = settings.artifacts_home() / run_id / "data_docs"
    try:
        Path.home()
        make_private(folder)
    except RuntimeError:
        raise Refused(
            "Great Expectations asks for the home folder of its user, and this one has "
            "none. Nothing was checked. Set HOME to a folder and run the command again."
        ) from None
    except OSError as error:
        raise Refused(
            f"cannot make {folder} for the Data Docs: {error.strerror}. Nothing was "
            "checked. Name a folder that you may write with CARRYOVER_ARTIFACTS and "
            "run the command again."
        ) from None
    return folder


def build(
    session: Session,
    arguments: Sequence[str] = (),
    how: Linkage | None = None,
    *,
    with_unit_tests: bool = False,
) -> dbt.BuildResult:
    """Build and test the migration's models; raises ``CheckFailed`` when one fails.

    Chats are linked as ``how`` says, else as ``dbt_project.yml`` does; ``arguments``
    select other nodes for dbt. Raises ``Refused`` when the landed tables are not those
    that the models read.
    """
    connection = session.connection
    run = ledger.current_run(connection)
    require_landed(connection)
    connection.rollback()
    how = how or linkage.parse(None)
    chosen = ["--vars", json.dumps(how.variables)] if how != linkage.parse(None) else []
    return build_models(
        session,
        run,
        [*(arguments or ("--selector", "migration")), *chosen],
        detail=how.variables,
        with_unit_tests=with_unit_tests,
    )


def build_models(
    session: Session,
    run: ledger.Run,
    arguments: Sequence[str],
    *,
    detail: Mapping[str, Any] | None = None,
    with_unit_tests: bool = False,
    command: str = "./inv build",
) -> dbt.BuildResult:
    """Build and test the nodes that ``arguments`` select, as a step of the run.

    ``detail`` goes into the step; ``command`` is what to run once the cause of a
    failure is mended. Raises ``CheckFailed`` when one fails.
    """
    connection = session.connection
    started = datetime.now(timezone.utc)
    with session.console.step("building and testing the models") as step:
        result = dbt.build(
            session.target,
            arguments,
            step.progress,
            with_unit_tests=with_unit_tests,
            server=database.server_identity(connection),
        )
        result = dbt.explained(connection, result)
        _enter_build(connection, run, result, detail or {}, started)
        step.detail = f"{result.models} models, {result.tests} tests"
        if result.warnings:
            step.detail += f", {counted(len(result.warnings), 'warning')}"
    for warning in result.warnings:
        session.console.warn(f"{warning.name}: {warning.said}")
    for note in result.notes:
        session.console.warn(note)
    dbt.require_built(result, command)
    return result


def _enter_build(
    connection: Connection,
    run: ledger.Run,
    result: dbt.BuildResult,
    detail: Mapping[str, Any],
    started: datetime,
) -> None:
    record = ledger.StepRecord(
        detail={
            "models": result.models,
            "tests": result.tests,
            **detail,
            "warnings": [[each.name, each.said] for each in result.warnings],
            "failures": [[each.name, each.said] for each in result.failures],
        },
        status="failed" if result.failures else "done",
    )
    with database.committed(connection):
        ledger.ensure(connection)
        ledger.add_step(connection, run.run_id, "build", started, record)
        if run.status == "loaded" and not result.failures:
            ledger.set_status(connection, run.run_id, "built")


def plan_publish(session: Session) -> publish.Plan:
    """Work out what publishing would do, and change nothing."""
    with session.console.step("planning the publish") as step:
        plan = publish.preview(session.connection)
        step.detail = _planned(plan)
    return plan


def preflight(session: Session, *, needs_backup: bool) -> None:
    """Look at everything that could be in the way of a publish, before its first write.

    ``needs_backup`` is false when one will be taken. Raises ``Refused`` when something
    is in the way, and ``CheckFailed`` when it is only that too many rows would be lost.
    """
    started = datetime.now(timezone.utc)
    with session.console.step("checking the target") as step:
        found = checks.run(
            session.connection, session.target, needs_backup=needs_backup
        )
        _enter_preflight(session.connection, found, started)
        warnings = [check for check in found.checks if check.status == "warn"]
        step.detail = counted(len(found.checks), "check")
        if warnings:
            step.detail += f", {counted(len(warnings), 'warning')}"
    look = pipelines.current().command("preflight")
    for check in warnings:
        session.console.warn(f"{check.name}: {check.said}; see {look}")
    try:
        checks.require(found)
    except CheckFailed as failed:
        if {check.name for check in found.failures} == {"error_rate"}:
            raise
        raise Refused(str(failed)) from None


def _enter_preflight(
    connection: Connection, found: checks.Preflight, started: datetime
) -> None:
    """Enter what was looked at in the ledger, with the landed run."""
    record = ledger.StepRecord(
        detail=found.as_dict(), status="done" if found.passed else "failed"
    )
    with database.committed(connection):
        ledger.ensure(connection)
        run = ledger.current_run(connection)
        ledger.add_step(connection, run.run_id, "preflight", started, record)


def back_up(session: Session) -> None:
    """Back up the live tables, unless a backup counts or nothing will be written."""
    connection = session.connection
    if not publish.preview(connection).writes:
        return
    try:
        backup.require_verified(connection)
    except Refused:
        connection.rollback()
        with session.console.step("backing up the live tables") as step:
            taken = backup.take(session.target, connection)
            step.detail = (
                f"{counted(taken.rows, 'row')}, verified by a trial restore:"
                f" {taken.backup_id}"
            )
        if said := left_out():
            session.console.warn(said)
    connection.rollback()


def run_publish(session: Session) -> publish.Plan:
    """Publish the marts into the live tables."""
    with session.console.step("publishing") as step:
        plan = publish.publish(session.connection, session.console.warn)
        step.detail = _planned(plan)
    if any(table.left for table in plan.tables):
        left = sum(table.left for table in plan.tables)
        session.console.warn(
            f"{counted(left, 'row')} of earlier runs are left as they are, changed by "
            f"users or gone at the source; see {settings.ledger_schema()}.left_rows"
        )
    if plan.failed:
        session.console.warn(
            f"{plan.failed:,} rows could not be published;"
            " see failed-chats-creation.json"
        )
    return plan


def run_validate(
    session: Session,
    *,
    in_use: bool = False,
    verify_dump: bool = False,
    dumps: Sequence[str] = (),
) -> validate.Validation:
    """Compare every live row with the source; what to do of a fault is the caller's.

    What is landed is held against the dump before, with ``verify_dump`` every row.
    """
    ledger.current_run(session.connection)
    if pipelines.current() is pipelines.MIGRATION:
        require_landed(session.connection)
    with session.console.step("validating every row") as step:
        validation = validate.validate(
            session.connection, in_use=in_use, verify_dump=verify_dump, dumps=dumps
        )
        step.detail = _validated(validation)
    if validation.verified:
        session.console.note(validation.verified.sentence)
    for note in validation.notes:
        session.console.warn(note)
    return validation


def plan_rollback(
    session: Session, run_id: str | None, *, force: bool = False
) -> rollback.Rollback:
    """Work out what a rollback would do, and change nothing."""
    with session.console.step("planning the rollback") as step:
        plan = rollback.preview(session.connection, run_id, force=force)
        step.detail = _taken_back(plan)
    return plan


def run_rollback(
    session: Session, run_id: str | None, *, force: bool = False
) -> rollback.Rollback:
    """Take back what a run published."""
    with session.console.step("rolling back") as step:
        done = rollback.rollback(
            session.connection, run_id, force=force, on_wait=session.console.warn
        )
        step.detail = _taken_back(done)
    return done


def docs(session: Session) -> Path:
    """Write the dbt docs as one static page, and return its path."""
    with session.console.step("writing the dbt docs"):
        dbt.docs(session.target)
    return dbt.target_folder() / "static_index.html"


def landed_run(session: Session) -> str:
    """The id of the run that is landed; raises ``Refused`` when none is."""
    run = ledger.current_run(session.connection)
    session.connection.rollback()
    return run.run_id


def _land(
    session: Session, inputs: Inputs, selection: Selection, on_progress: Progress
) -> tuple[LoadResult, dict[str, int]]:
    """Land the files, enter the load and fill a rehearsal, all in one transaction."""
    started = datetime.now(timezone.utc)
    run_id = ledger.new_run_id()
    connection = session.connection
    with database.committed(connection):
        result = landing.load(
            connection,
            run_id=run_id,
            dumps=inputs.dumps,
            bookings=inputs.bookings,
            users=inputs.users,
            live_schema=settings.live_schema(),
            selection=selection,
            on_progress=on_progress,
            verify_dump=inputs.verify_dump,
        )
        _enter_load(session, run_id, result, started)
        return result, target.fill(connection)


def _enter_load(
    session: Session, run_id: str, result: LoadResult, started: datetime
) -> None:
    """Enter the run, its inputs and the load in the ledger, with the landing tables."""
    connection = session.connection
    ledger.ensure(connection)
    ledger.begin_run(connection, run_id, target=str(session.target))
    for item in result.inputs:
        ledger.add_input(
            connection,
            run_id,
            kind=item.kind,
            name=item.name,
            size=item.bytes,
            sha256=item.sha256,
            rows=item.rows,
        )
    tables = {
        table.name: {
            "statements": table.statements,
            "read": table.rows_read,
            "loaded": table.rows_loaded,
            "rejected": table.rows_rejected,
            "coerced": table.values_coerced,
            "bytes": table.bytes,
            "seconds": round(table.seconds, 3),
        }
        for table in result.tables
    }
    record = ledger.StepRecord(
        rows=sum(table.rows_loaded for table in result.tables),
        detail={
            "tables": tables,
            "rejected": dict(result.rejected_reasons),
            "producer": result.producer,
            "warnings": list(result.warnings),
            "dump_verified": str(result.verified),
            "checksums": {
                name: {"rows": rows, "high": str(high), "low": str(low)}
                for name, (rows, high, low) in result.checksums.items()
            },
            "parser_peak_memory_bytes": result.parser_peak_memory_bytes,
        },
    )
    ledger.add_step(connection, run_id, "load", started, record)


def _named(dumps: Sequence[str]) -> str:
    """The dumps' base names, as a step is called."""
    names = [
        path_text(Path(dump).name) if dump != "-" else "standard input"
        for dump in dumps
    ]
    return ", ".join(names) if len(names) <= _NAMED else f"{len(names)} dumps"


def _loaded(result: LoadResult) -> str:
    """How many rows were loaded, by table when they are few."""
    if len(result.tables) > _NAMED_TABLES:
        rows = sum(table.rows_loaded for table in result.tables)
        return f"{rows:,} rows of {len(result.tables)} tables"
    return ", ".join(f"{t.rows_loaded:,} {t.name}" for t in result.tables) + " rows"


def _filled(filled: dict[str, int]) -> str:
    added = [f"{count:,} {name}" for name, count in filled.items() if count]
    return f"; rehearsal target given {' and '.join(added)}" if added else ""


def _planned(plan: publish.Plan) -> str:
    extending = {t.name for t in pipelines.current().tables if t.extends}
    rows = ", ".join(
        f"{table.insert:,} {table.name}"
        for table in plan.tables
        if table.name not in extending
    )
    forward = sum(table.update for table in plan.tables if table.name in extending)
    kinds = Counter(change.kind for change in plan.changes)
    keys, indexes = kinds["constraint"], kinds["index"]
    changed = plan.updated - forward
    updated = f"; {changed:,} changed at the source" if changed else ""
    updated += f"; {forward:,} that stood brought forward" if forward else ""
    others = kinds.total() - keys - indexes
    further = f", {others} policies, triggers and the like" if others else ""
    return f"{rows} new{updated}; {keys} constraints, {indexes} indexes{further}"


def _validated(validation: validate.Validation) -> str:
    """How many rows were expected, and what is not as the source has it."""
    expected = sum(validation.result["expected_rows"].values())
    said = f"{expected:,} rows expected, "
    if not validation.is_valid:
        return f"{said}NOT valid"
    excepted = Counter[str]()
    for kinds in validation.findings.values():
        excepted.update(kinds)
    exceptions = [
        f"{count:,} {what}"
        for count, what in (
            (validation.failed, "failed to publish"),
            (excepted["left"], "left as users had them"),
            (excepted["changed"], "changed by users since"),
        )
        if count
    ]
    if not expected and not exceptions:
        return "no row of this source has to be live"
    if not exceptions:
        return f"{said}all as the source has them"
    return f"{said}{', '.join(exceptions)}, all others as the source has them"


def _taken_back(plan: rollback.Rollback) -> str:
    rows = ", ".join(f"{table.delete:,} {table.name}" for table in plan.tables)
    restored = f"; {plan.restored:,} rows given back" if plan.restored else ""
    left = f"; {plan.left:,} rows changed since are left" if plan.left else ""
    return f"{rows}{restored}; {len(plan.dropped)} changes of the schema{left}"
