"""Carryover's tasks: parse, call the harness, print. No SQL and no decisions here."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit

from harness import (
    comparing,
    consolidation,
    database,
    delivery,
    embedded,
    metrics,
    migration,
    pipelines,
    references,
    settings,
    stages,
    status,
)
from harness import demo as demos
from harness import preflight as preflights
from harness.assess import as_dict, print_assessment
from harness.backup import commands as backups_
from harness.bench import load as bench
from harness.bench import policies as policies_bench
from harness.bench import storage as storage_bench
from harness.cli import file_argument, task
from harness.console import Console, json_text
from harness.cutover import commands as cutovers
from harness.database import for_program
from harness.errors import UsageError, after_other_stages
from harness.linkage import parse as parse_linkage
from harness.load.dumps import require_dumps
from harness.load.selection import parse_tables
from harness.pipelines import CONSOLIDATION
from harness.references import printing as references_printing
from harness.rollback import choose as choose_rollback
from harness.security import check as security_check_
from harness.stages import Inputs
from harness.storage import commands as storage
from harness.validate import require_valid

DUMP_HELP = {
    "dump": "a MySQL or MariaDB dump, compressed or not, or a mydumper directory; "
    "- is standard input; give it again for more files",
    "bookings": "bookings-created.json of phase 4; else the live bookings are taken",
    "users": "user-id-mapping.json of phase 1; else user ids stay as they are",
}
EXECUTE_HELP = "change the live tables; without it the plan is printed"
IN_USE_HELP = "the application is in use: what it did since the publish is no fault"
LINKAGE_HELP = {
    "linkage": "how a chat finds its booking: strict, infer or participants; else as "
    "dbt_project.yml says",
    "linkage-merge": "with infer: a chat that gets no booking goes into another",
}
DATABASE_HELP = "another database of the embedded server, such as a demo's"
VERIFY_HELP = "hold every row against a second reading of the dump, else a sample"
TABLES_HELP = "land these tables, chat,message, or '*' for all; else the models'"


def _dumps(paths: list[str]) -> list[str]:
    return [file_argument(path) or path for path in paths]


def _inputs(
    dump: list[str],
    bookings: str | None,
    users: str | None,
    *,
    verify_dump: bool = False,
) -> Inputs:
    return Inputs(
        _dumps(dump), file_argument(bookings), file_argument(users), verify_dump
    )


@task(
    help={
        **DUMP_HELP,
        "tables": TABLES_HELP,
        "verify-dump": VERIFY_HELP,
        "json": "print what was loaded as JSON",
    },
    iterable=["dump"],
)
def load(
    _: Context,
    dump: list[str],
    bookings: str | None = None,
    users: str | None = None,
    tables: str | None = None,
    verify_dump: bool = False,
    json: bool = False,
) -> None:
    """Land a dump's tables in staging, every row or its reason."""
    inputs = _inputs(require_dumps(dump), bookings, users, verify_dump=verify_dump)
    selection = parse_tables(tables)
    console = Console(quiet=json)
    session = stages.open_session(console, "load", names_run=False, exclusive=True)
    result = stages.load(session, inputs, selection)
    if json:
        console.result(json_text(status.load_report(result)))
        return
    console.table(
        ("table", "statements", "read", "loaded", "rejected", "coerced"),
        [
            (
                t.name,
                t.statements,
                t.rows_read,
                t.rows_loaded,
                t.rows_rejected,
                t.values_coerced,
            )
            for t in result.tables
        ],
    )
    if selection.is_for_models:
        console.note("next: ./inv audit.landing, then ./inv build (or dbt build)")
    else:
        console.note("next: ./inv db.psql")


@task(
    help={
        "dump": DUMP_HELP["dump"],
        "tables": "judge a load of these tables, chat,message, or '*' for all",
        "json": "print the assessment as JSON",
    },
    iterable=["dump"],
)
def assess(
    _: Context, dump: list[str], tables: str | None = None, json: bool = False
) -> None:
    """Say what a dump is and whether it can be loaded; exit 3 when not."""
    paths, selection = _dumps(require_dumps(dump)), parse_tables(tables)
    console = Console(quiet=json)
    found = stages.assess(console, paths, selection)
    if json:
        console.result(json_text(as_dict(found)))
    else:
        print_assessment(console, found)
    stages.require_loadable(found)
    console.note("next: ./inv load with the same --dump")


@task(
    help={
        "select": "build only these nodes, in dbt's selection syntax",
        "unit-tests": "run the models' unit tests as well, as plain dbt build does",
        **LINKAGE_HELP,
    }
)
def build(
    _: Context,
    select: str | None = None,
    unit_tests: bool = False,
    linkage: str | None = None,
    linkage_merge: bool = False,
) -> None:
    """Build and test the dbt models on what is landed."""
    how = parse_linkage(linkage, merges=linkage_merge)
    session = stages.open_session(Console(), "build", exclusive=True)
    arguments = ["--select", *select.split()] if select else []
    built = stages.build(session, arguments, how, with_unit_tests=unit_tests)
    if not built.notes:
        session.console.note("next: ./inv publish")


@task(
    name="linkage",
    help={**DUMP_HELP, "json": "print the comparison as JSON"},
    iterable=["dump"],
)
def linkage_(
    _: Context,
    dump: list[str],
    bookings: str | None = None,
    users: str | None = None,
    json: bool = False,
) -> None:
    """Compare what each linkage would carry, on a dump or on what is built."""
    console = Console(quiet=json)
    session = stages.open_session(console, "linkage", names_run=not dump)
    found = (
        comparing.of_dump(session, _inputs(dump, bookings, users))
        if dump
        else comparing.of_marts(session)
    )
    if json:
        console.result(json_text(found.as_dict()))
        return
    comparing.print_comparison(console, found)


@task()
def audit_landing(_: Context) -> None:
    """Check the landing tables with Great Expectations, before dbt."""
    session = stages.open_session(Console(), "audit.landing")
    stages.audit(session, "landing")
    session.console.note("next: ./inv build")


@task()
def audit_live(_: Context) -> None:
    """Check the live tables with Great Expectations, after a publish."""
    session = stages.open_session(Console(), "audit.live")
    stages.audit(session, "live")
    session.console.note("next: ./inv validate")


@task(help={"json": "print the checks as JSON"})
def preflight(_: Context, json: bool = False) -> None:
    """Look for all that could stop a publish, and change nothing; exit 3 when found."""
    _preflight("preflight", as_json=json)


@task(name="publish", help={"execute": EXECUTE_HELP})
def publish_(_: Context, execute: bool = False) -> None:
    """Publish the marts into the live tables, in one transaction."""
    session = stages.open_session(Console(), "publish", exclusive=execute)
    if not execute:
        delivery.print_plan(session, stages.plan_publish(session))
        session.console.note("next: ./inv publish --execute")
        return
    stages.preflight(session, needs_backup=True)
    with after_other_stages():
        plan = stages.run_publish(session)
    migration.finish(session, plan.run_id, next_command="./inv validate")


@task(
    help={
        "in-use": IN_USE_HELP,
        "verify-dump": "hold every landed row against the dump before",
        "dump": "with --verify-dump: the file that was loaded, to be read again; give "
        "it again for more files",
        "json": "print chat-validation-results.json",
    },
    iterable=["dump"],
)
def validate(
    _: Context,
    dump: list[str],
    in_use: bool = False,
    verify_dump: bool = False,
    json: bool = False,
) -> None:
    """Compare every live row with the source; exit 3 when not valid."""
    if dump and not verify_dump:
        raise UsageError("--dump is read with --verify-dump only. Nothing was done.")
    _validate(
        "validate",
        in_use=in_use,
        as_json=json,
        verify_dump=verify_dump,
        dumps=_dumps(dump),
    )


@task(
    help={
        "execute": EXECUTE_HELP,
        "run": "the run to roll back, of either pipeline; else the newest published",
        "force": "also remove rows that users changed since; the plan counts them",
    }
)
def rollback(
    _: Context, execute: bool = False, run: str | None = None, force: bool = False
) -> None:
    """Take back exactly what a run published: rows, constraints, indexes."""
    session = stages.open_session(
        Console(),
        "rollback",
        exclusive=execute,
        of_run=lambda connection: choose_rollback(connection, run, force=force),
    )
    work = stages.run_rollback if execute else stages.plan_rollback
    done = work(session, run, force=force)
    delivery.print_rollback(session, done)
    if execute:
        migration.write(session, done.run_id)
    else:
        forced = " --force" if force else ""
        session.console.note(f"next: ./inv rollback{forced} --execute")


@task(
    help={
        "execute": "take the backup; without it the plan is printed",
        "file": "write an archive of pg_dump into this file as well",
    }
)
def backup(_: Context, execute: bool = False, file: str | None = None) -> None:
    """Copy the live tables into a private schema, verified by a trial restore."""
    session = stages.open_session(
        Console(), "backup", exclusive=execute, of_newest=True
    )
    if execute:
        backups_.run_backup(session, file_argument(file))
        session.console.note(f"next: {pipelines.current().command('publish')}")
    else:
        backups_.plan_backup(session)
        archive = f" --file {shlex.quote(file)}" if file else ""
        session.console.note(f"next: ./inv backup{archive} --execute")


@task(
    help={
        "json": "print them as JSON",
        "drop": "remove the copies of this backup",
        "execute": "remove them; without it the plan is printed",
    }
)
def backups(
    _: Context, json: bool = False, drop: str | None = None, execute: bool = False
) -> None:
    """List the backups, and whether each counts for publishing now."""
    session = stages.open_session(
        Console(quiet=json), "backups", exclusive=execute, of_newest=True
    )
    if drop:
        backups_.drop_backup(session, drop, execute=execute)
    elif json:
        session.console.result(json_text(backups_.backups_as_json(session)))
    else:
        backups_.print_backups(session)


@task(
    name="restore",
    help={
        "backup": "the backup to go back to; the newest without it",
        "execute": EXECUTE_HELP,
        "force": "lose rows that users wrote since the backup; the plan counts them",
    },
)
def restore_(
    _: Context, backup: str | None = None, execute: bool = False, force: bool = False
) -> None:
    """Bring the live tables back to a backup: rows, keys, policies, grants."""
    session = stages.open_session(
        Console(), "restore", exclusive=execute, of_newest=True
    )
    if execute:
        backups_.run_restore(session, backup, force=force)
    else:
        backups_.plan_restore(session, backup)


@task(help={"run": "the run to write them of; the landed one without it"})
def artifacts(_: Context, run: str | None = None) -> None:
    """Write the landed run's artifacts again: JSON files, log, report."""
    session = stages.open_session(Console(), "artifacts", of_newest=True)
    if run:
        folder = migration.write(session, run)
        session.console.note(f"report: {folder / 'report.html'}")
        return
    run_id = stages.landed_run(session)
    if pipelines.current() is CONSOLIDATION:
        consolidation.finish(session, run_id, next_command=None)
    else:
        migration.finish(session, run_id, next_command=None)


@task(
    name="metrics",
    help={
        "run": "the run to measure; the landed one without it",
        "json": "print metrics.json",
    },
)
def metrics_(_: Context, run: str | None = None, json: bool = False) -> None:
    """Say how fast, how clean and how safe a run is, and which alerts it raises."""
    console = Console(quiet=json)
    session = stages.open_session(console, "metrics", names_run=False, of_newest=True)
    found = metrics.read_metrics(session.connection, run)
    console.result(json_text(found) if json else metrics.as_text(found))


@task(help={"json": "print it as JSON"}, name="status")
def status_(_: Context, json: bool = False) -> None:
    """Say what is landed, built, published and validated, and what comes next."""
    console = Console(quiet=json)
    session = stages.open_session(console, "status", of_newest=True)
    found = status.read_status(session.connection)
    console.result(json_text(found.as_dict()) if json else found.as_text())


@task(
    help={
        **DUMP_HELP,
        "execute": EXECUTE_HELP,
        "in-use": IN_USE_HELP,
        "verify-dump": VERIFY_HELP,
        **LINKAGE_HELP,
    },
    iterable=["dump"],
)
def migrate(
    _: Context,
    dump: list[str],
    bookings: str | None = None,
    users: str | None = None,
    execute: bool = False,
    in_use: bool = False,
    linkage: str | None = None,
    linkage_merge: bool = False,
    verify_dump: bool = False,
) -> None:
    """Carry a dump all the way: load to validate; a bad publish is rolled back."""
    inputs = _inputs(require_dumps(dump), bookings, users, verify_dump=verify_dump)
    how = parse_linkage(linkage, merges=linkage_merge)
    session = stages.open_session(Console(), "migrate", names_run=False, exclusive=True)
    migration.prepare_target(session, how)
    migration.migrate(session, inputs, how, execute=execute, in_use=in_use)


@task(
    help={
        "sample": "the sample to carry: marketplace (default) or bookingless",
        "verify-dump": VERIFY_HELP,
        **LINKAGE_HELP,
    }
)
def demo(
    _: Context,
    sample: str = "marketplace",
    linkage: str | None = None,
    linkage_merge: bool = False,
    verify_dump: bool = False,
) -> None:
    """Run the whole migration on a sample, in a rehearsal database."""
    how = parse_linkage(linkage, merges=linkage_merge)
    folder = settings.SAMPLES / sample
    dumps = sorted(folder.glob("*.sql"))
    if not dumps:
        known = ", ".join(sorted(path.name for path in settings.SAMPLES.iterdir()))
        raise UsageError(f"there is no sample {sample}; there are {known}.")
    to = demos.target_of(sample)
    session = stages.open_session(Console(), "demo", names_run=False, exclusive=True)
    stages.require_rehearsal(session)
    stages.create_target(session, how)
    inputs = Inputs(
        [str(dumps[0])],
        str(folder / "bookings-created.json"),
        str(folder / "user-id-mapping.json"),
        verify_dump,
    )
    migration.migrate(session, inputs, how, execute=True)
    demos.say_where(session.console, to, "./inv status, ./inv db.psql, ./inv rollback")


PIPELINE_HELP = "whose files: consolidation (default) or migration"


@task(
    help={
        "source": "a folder, file:///path or s3://bucket/prefix; give it again for "
        "more; else chat-attachments and voice-notes",
        "target": "where the files go; else the bucket chat-files",
        "pipeline": PIPELINE_HELP,
        "json": "print what was found as JSON",
    },
    iterable=["source"],
)
def storage_plan(
    _: Context,
    source: list[str],
    target: str | None = None,
    pipeline: str | None = None,
    json: bool = False,
) -> None:
    """List every file of the old buckets, match it with its message, and map it."""
    storage.plan(source, target, pipeline, as_json=json)


STORAGE_HELP = {"pipeline": PIPELINE_HELP, "json": "print what was done as JSON"}


@task(help={"execute": "copy; without it the plan is printed", **STORAGE_HELP})
def storage_copy(
    _: Context,
    execute: bool = False,
    pipeline: str | None = None,
    json: bool = False,
) -> None:
    """Copy every mapped file to its place, once; exit 3 when one failed."""
    storage.copy(pipeline, execute=execute, as_json=json)


@task(help=STORAGE_HELP)
def storage_verify(_: Context, pipeline: str | None = None, json: bool = False) -> None:
    """Compare every copy with its source, and try who may read it; exit 3 when not."""
    storage.verify(pipeline, as_json=json)


@task(help={"execute": EXECUTE_HELP, **STORAGE_HELP})
def storage_switch(
    _: Context,
    execute: bool = False,
    pipeline: str | None = None,
    json: bool = False,
) -> None:
    """Let live rows name the verified copies, in one transaction."""
    storage.switch(pipeline, execute=execute, as_json=json)


@task(
    help={
        "execute": "restore and remove; without it the plan is printed",
        **STORAGE_HELP,
    }
)
def storage_rollback(
    _: Context,
    execute: bool = False,
    pipeline: str | None = None,
    json: bool = False,
) -> None:
    """Give live rows their references back, and remove the copies that were made."""
    storage.rollback(pipeline, execute=execute, as_json=json)


@task(
    help={
        "execute": "remove the old files for good; without it they are counted",
        **STORAGE_HELP,
    }
)
def storage_clean(
    _: Context,
    execute: bool = False,
    pipeline: str | None = None,
    json: bool = False,
) -> None:
    """Remove the old files, once all are verified and switched; cannot be undone."""
    storage.clean(pipeline, execute=execute, as_json=json)


@task(
    help={
        "rows": "how many messages the dump holds",
        "repetitions": "how often each is run; the medians are compared",
        "any-server": "measure on a server that is not the embedded one",
        "json": "print the report as JSON",
    }
)
def bench_load(
    _: Context,
    rows: int = 1_000_000,
    repetitions: int = 5,
    any_server: bool = False,
    json: bool = False,
) -> None:
    """Measure loading a dump against COPY of the same rows, in a scratch database."""
    console = Console(quiet=json)
    to = database.target()
    console.header("bench.load", str(to))
    report = bench.measure(
        to, console, rows=rows, repetitions=repetitions, any_server=any_server
    )
    if json:
        console.result(json_text(report.as_dict()))
        return
    console.table(("what", "median", "in COPYs", "peak memory"), report.as_rows())


@task(
    name="legacy-references",
    positional=["path"],
    iterable=["exclude"],
    help={
        "path": "a folder or file of the application's sources",
        "exclude": "pass over such paths, 'supabase/migrations/*'; may be given again",
        "all-files": "look at what git ignores and at build output as well",
        "json": "print the references as JSON",
    },
)
def legacy_references(
    _: Context,
    path: str,
    exclude: list[str],
    all_files: bool = False,
    json: bool = False,
) -> None:
    """List a source tree's uses of legacy tables, buckets and routes; exit 3 if any."""
    console = Console(quiet=json)
    root = Path(file_argument(path) or path)
    found = references.find(root, all_files=all_files, exclude=exclude)
    if json:
        console.result(json_text(references_printing.as_dict(found)))
    else:
        references_printing.print_references(console, found)
    references.require_none(found)


@task(
    help={
        "messages": "how many messages the tables hold",
        "repetitions": "how often each query is run; the medians are compared",
        "any-server": "measure on a server that is not the embedded one",
        "json": "print the report as JSON",
    }
)
def bench_policies(
    _: Context,
    messages: int = 1_000_000,
    repetitions: int = 15,
    any_server: bool = False,
    json: bool = False,
) -> None:
    """Measure reading one chat under the policies against reading it without any."""
    console = Console(quiet=json)
    to = database.target()
    console.header("bench.policies", str(to))
    report = policies_bench.measure(
        to, console, messages=messages, repetitions=repetitions, any_server=any_server
    )
    if json:
        console.result(json_text(report.as_dict()))
        return
    console.table(policies_bench.COLUMNS, report.as_rows())


@task(
    help={
        "files": "how many small files there are",
        "large": "the size of one large file, in MB",
        "repetitions": "how often each is run; the medians are compared",
        "json": "print the report as JSON",
    }
)
def bench_storage(
    _: Context,
    files: int = 5000,
    large: int = 200,
    repetitions: int = 3,
    json: bool = False,
) -> None:
    """Measure copying files against a plain concurrent copy of the same ones."""
    console = Console(quiet=json)
    to = database.target()
    console.header("bench.storage", str(to))
    report = storage_bench.measure(
        to, console, files=files, large_megabytes=large, repetitions=repetitions
    )
    if json:
        console.result(json_text(report.as_dict()))
        return
    console.table(("what", "of", "plain", "storage.copy", "ratio"), report.as_rows())
    if report.skipped:
        console.note(f"skipped {report.skipped}")


@task()
def docs(_: Context) -> None:
    """Write the dbt docs as one static page."""
    session = stages.open_session(Console(), "docs")
    session.console.result(str(stages.docs(session)))


@task()
def lint(_: Context) -> None:
    """Check the style of Python, SQL and YAML, and the types."""
    _run_all(
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["sqlfluff", "lint", "--disable-progress-bar", "models", "tests", "macros"],
        ["yamllint", "--strict", "."],
    )


@task(name="test", help={"args": "further arguments for pytest, in one quoted text"})
def run_tests(_: Context, args: str = "") -> None:
    """Run the harness's tests, which build and test the dbt project as well."""
    # A process for each processor; an idle one takes over what waits for another.
    side_by_side = ["--numprocesses", "auto", "--dist", "worksteal"]
    _run_all(["pytest", *side_by_side, *shlex.split(args)])


@task()
def db_start(_: Context) -> None:
    """Start the embedded PostgreSQL, making it when there is none."""
    console = Console()
    with console.step("starting the embedded PostgreSQL") as step:
        parameters = embedded.start()
        step.detail = f"running on the socket in {parameters['host']}"
    console.note('next: eval "$(./inv db.env)"')


@task()
def db_stop(_: Context) -> None:
    """Stop the embedded PostgreSQL; its data stay."""
    console = Console()
    with console.step("stopping the embedded PostgreSQL") as step:
        step.detail = "stopped" if embedded.stop() else "it was not running"


@task(help={"database": DATABASE_HELP})
def db_env(_: Context, database: str | None = None) -> None:
    """Print the target's variables for eval, starting the embedded server if needed."""
    for name, value in _target(database).environment.items():
        print(f"export {name}={shlex.quote(value)}")


@task(help={"command": "run this SQL and exit", "database": DATABASE_HELP})
def db_psql(
    _: Context, command: str | None = None, database: str | None = None
) -> None:
    """Open psql on the target."""
    way, environment = for_program(_target(database))
    arguments = ["psql", way, *(["-c", command] if command else [])]
    sys.stdout.flush()
    program = str(embedded.binary("psql"))
    os.execve(program, arguments, environment)  # noqa: S606 - psql takes over


@task()
def db_reset(_: Context) -> None:
    """Stop the embedded PostgreSQL and remove its data."""
    console = Console()
    with console.step("removing the embedded PostgreSQL and its data"):
        embedded.reset()
    console.note("next: ./inv db.start")


@task(
    help={
        "linkage": "fit the tables to this linkage; else to that of the marts",
        "supabase": "and stand-ins for Supabase's roles, auth and storage",
    }
)
def target_create(
    _: Context, linkage: str | None = None, supabase: bool = False
) -> None:
    """Make the application's tables for a rehearsal, where there are none."""
    how = parse_linkage(linkage) if linkage else None
    session = stages.open_session(
        Console(), "target.create", names_run=False, exclusive=True
    )
    if supabase:
        consolidation.require_own_server(session)
    stages.create_target(session, how)
    if supabase:
        consolidation.make_standins(session)
    session.console.note("next: ./inv load --dump FILE")


@task(
    pipeline=CONSOLIDATION,
    help={"execute": EXECUTE_HELP, "in-use": IN_USE_HELP},
)
def consolidate(_: Context, execute: bool = False, in_use: bool = False) -> None:
    """Carry legacy messages and voice notes over: land to validate, as one command."""
    session = stages.open_session(
        Console(), "consolidate", names_run=False, exclusive=True
    )
    consolidation.consolidate(session, execute=execute, in_use=in_use)


@task(pipeline=CONSOLIDATION)
def consolidate_demo(_: Context) -> None:
    """Run the whole consolidation on a sample, in a database of its own."""
    to = demos.target_of(consolidation.SAMPLE.parent.name)
    session = stages.open_session(
        Console(), "consolidate.demo", names_run=False, exclusive=True
    )
    consolidation.load_sample(session)
    consolidation.consolidate(session, execute=True)
    demos.say_where(session.console, to, "./inv status, ./inv cutover, ./inv rollback")


@task(pipeline=CONSOLIDATION)
def consolidate_land(_: Context) -> None:
    """Land the legacy messages and voice notes of a live database, in one snapshot."""
    session = stages.open_session(
        Console(), "consolidate.land", names_run=False, exclusive=True
    )
    landed = consolidation.land(session)
    session.console.table(
        ("table", "rows"),
        [(name, state.rows) for name, state in landed.tables.items()],
    )
    session.console.note(
        "next: ./inv consolidate.audit-landing, then ./inv consolidate.build"
    )


@task(pipeline=CONSOLIDATION)
def consolidate_audit_landing(_: Context) -> None:
    """Check what is landed of the legacy tables with Great Expectations."""
    session = stages.open_session(Console(), "consolidate.audit-landing")
    stages.audit(session, "landing")
    session.console.note("next: ./inv consolidate.build")


@task(
    pipeline=CONSOLIDATION,
    help={
        "select": "build only these nodes, in dbt's selection syntax",
        "unit-tests": "run the models' unit tests as well, as plain dbt build does",
    },
)
def consolidate_build(
    _: Context, select: str | None = None, unit_tests: bool = False
) -> None:
    """Build and test the dbt models that consolidate what is landed."""
    session = stages.open_session(Console(), "consolidate.build", exclusive=True)
    arguments = ["--select", *select.split()] if select else []
    built = consolidation.build(session, arguments, with_unit_tests=unit_tests)
    if not select:
        consolidation.print_reconciliation(session)
    if not built.notes:
        session.console.note("next: ./inv consolidate.publish")


@task(pipeline=CONSOLIDATION, help={"json": "print the checks as JSON"})
def consolidate_preflight(_: Context, json: bool = False) -> None:
    """Look for all that could stop the consolidation's publish; exit 3 when found."""
    _preflight("consolidate.preflight", as_json=json)


@task(pipeline=CONSOLIDATION, help={"execute": EXECUTE_HELP})
def consolidate_publish(_: Context, execute: bool = False) -> None:
    """Publish the new chat system: rows, keys, policies, in one transaction."""
    session = stages.open_session(Console(), "consolidate.publish", exclusive=execute)
    if not execute:
        delivery.print_plan(session, stages.plan_publish(session))
        session.console.note("next: ./inv consolidate.publish --execute")
        return
    with consolidation.tables_made(session):
        stages.preflight(session, needs_backup=True)
        plan = stages.run_publish(session)
    consolidation.finish(
        session, plan.run_id, next_command="./inv consolidate.validate"
    )


@task(pipeline=CONSOLIDATION)
def consolidate_audit_live(_: Context) -> None:
    """Check the new chat system's tables with Great Expectations, after a publish."""
    session = stages.open_session(Console(), "consolidate.audit-live")
    stages.audit(session, "live")
    session.console.note("next: ./inv consolidate.validate")


@task(
    pipeline=CONSOLIDATION,
    help={
        "in-use": IN_USE_HELP,
        "json": "print consolidation-validation-results.json",
    },
)
def consolidate_validate(_: Context, in_use: bool = False, json: bool = False) -> None:
    """Compare every row of the new chat system with the legacy rows; exit 3 if not."""
    _validate("consolidate.validate", in_use=in_use, as_json=json)


@task(
    pipeline=CONSOLIDATION,
    help={
        "execute": "do it; without it the plan is printed",
        "undo": "take the views away and the tables back, or print the plan of it",
    },
)
def cutover(_: Context, execute: bool = False, undo: bool = False) -> None:
    """Put views in the place of the legacy tables, which move to a private archive."""
    task = "cutover --undo" if undo else "cutover"
    session = stages.open_session(Console(), task, exclusive=execute)
    cutovers.run(session, undo=undo, execute=execute)


@task(pipeline=CONSOLIDATION, help={"json": "print the checks as JSON"})
def security_check(_: Context, json: bool = False) -> None:
    """Show, as each role, that nobody reaches another's chats; exit 3 if one does."""
    console = Console(quiet=json)
    session = stages.open_session(console, "security.check")
    found = consolidation.check_security(session, required=False)
    if json:
        console.result(json_text(found.as_dict()))
    else:
        security_check_.print_check(console, found)
    security_check_.require(found)


def _preflight(task_name: str, *, as_json: bool) -> None:
    console = Console(quiet=as_json)
    session = stages.open_session(console, task_name, names_run=False)
    found = preflights.run(session.connection, session.target)
    if as_json:
        console.result(json_text(found.as_dict()))
    else:
        preflights.print_preflight(console, found)
    preflights.require(found)
    console.note(f"next: {pipelines.current().command('publish')}")


def _validate(
    task_name: str,
    *,
    in_use: bool,
    as_json: bool,
    verify_dump: bool = False,
    dumps: Sequence[str] = (),
) -> None:
    console = Console(quiet=as_json)
    session = stages.open_session(console, task_name)
    validation = stages.run_validate(
        session, in_use=in_use, verify_dump=verify_dump, dumps=dumps
    )
    if as_json:
        console.result(json_text(validation.result))
    else:
        console.table(
            ("live table", *next(iter(validation.findings.values()))),
            [(name, *found.values()) for name, found in validation.findings.items()],
        )
        migration.write(session, validation.run_id)
    require_valid(validation)


def _target(name: str | None) -> database.Target:
    return database.of_embedded(name) if name else database.target()


def _run_all(*commands: list[str]) -> None:
    """Run every command from the project's folder; fail when any failed."""
    failed = []
    for command in commands:
        print(f"$ {shlex.join(command)}", flush=True)
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=settings.PROJECT_ROOT, check=False
        )
        if done.returncode:
            failed.append(command[0])
    if failed:
        raise Exit(f"error: {', '.join(failed)} failed", code=3)


def _collect() -> Collection:
    top = Collection(
        assess,
        linkage_,
        load,
        build,
        preflight,
        publish_,
        validate,
        rollback,
        backup,
        backups,
        restore_,
        artifacts,
        metrics_,
        status_,
        migrate,
        demo,
    )
    for body in (cutover, legacy_references, docs, lint, run_tests):
        top.add_task(body)
    groups = {
        "audit": {"landing": audit_landing, "live": audit_live},
        "db": {
            "start": db_start,
            "stop": db_stop,
            "env": db_env,
            "psql": db_psql,
            "reset": db_reset,
        },
        "target": {"create": target_create},
        "consolidate": {
            "demo": consolidate_demo,
            "land": consolidate_land,
            "audit-landing": consolidate_audit_landing,
            "build": consolidate_build,
            "preflight": consolidate_preflight,
            "publish": consolidate_publish,
            "audit-live": consolidate_audit_live,
            "validate": consolidate_validate,
        },
        "security": {"check": security_check},
        "storage": {
            "plan": storage_plan,
            "copy": storage_copy,
            "verify": storage_verify,
            "switch": storage_switch,
            "rollback": storage_rollback,
            "clean": storage_clean,
        },
        "bench": {
            "load": bench_load,
            "policies": bench_policies,
            "storage": bench_storage,
        },
    }
    for name, members in groups.items():
        group = Collection(name)
        for member, body in members.items():
            group.add_task(body, name=member)
        if name == "consolidate":
            # ./inv consolidate itself, as the group's own task.
            group.add_task(consolidate, name="run", default=True)
        top.add_collection(group)
    return top


namespace = _collect()
