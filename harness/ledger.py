"""The ledger: what was done here, by whom, from which input, and how to undo it.

Owns the schema ``carryover`` and writes nowhere else. Its tables are made and changed
by numbered migrations, each applied once. A step and its ledger row commit together:
every function here works in the caller's transaction and never commits.
"""

from __future__ import annotations

import getpass
import os
import secrets
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from harness import __version__, pipelines, settings, variables
from harness.database import Connection
from harness.errors import Refused
from harness.memory import peak_memory_bytes
from harness.queries import query

#: Two keys make one advisory lock; the first spells "carr", the second names its use.
LOCK_NAMESPACE = 0x63617272
MIGRATION_LOCK = 1
LEDGER_LOCK = 2

#: The ledger's migrations in their order: files of ``harness/sql``, each applied once.
_MIGRATIONS = ("ledger_1", "ledger_2", "ledger_3", "ledger_4")


@dataclass(frozen=True)
class Run:
    """A run as the ledger has it. Times are UTC."""

    run_id: str
    pipeline: str
    status: str
    started_at: datetime
    operator: str
    target: str


@dataclass
class StepRecord:
    """What a step leaves in the ledger."""

    rows: int | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    status: str = "done"


def new_run_id() -> str:
    """Make a run's id: its start in UTC and four random hexadecimal digits."""
    now = datetime.now(timezone.utc)
    return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


def ensure(connection: Connection) -> None:
    """Bring the ledger's schema to this version; nobody else may read it.

    Takes a lock only when there is something to do. Raises ``Refused`` when the ledger
    is newer than this Carryover.
    """
    if _version(connection) == len(_MIGRATIONS):
        return
    connection.execute(
        "select pg_advisory_xact_lock(%s, %s)", [LOCK_NAMESPACE, LEDGER_LOCK]
    )
    connection.execute(
        sql.SQL(
            "create schema if not exists {ledger};"
            "revoke all on schema {ledger} from public;"
            "create table if not exists {ledger}.schema_version ("
            "version int primary key, applied_at timestamptz not null default now())"
        ).format(ledger=sql.Identifier(settings.ledger_schema()))
    )
    # Somebody may have done it while this one waited for the lock.
    applied = require_known(connection)
    for version, name in enumerate(_MIGRATIONS[applied:], start=applied + 1):
        connection.execute(query(name))
        connection.execute(
            sql.SQL("insert into {} (version) values (%s)").format(
                _table("schema_version")
            ),
            [version],
        )


def require_known(connection: Connection) -> int:
    """The ledger's version, 0 without one; raises ``Refused`` when it is newer."""
    applied = _version(connection)
    if applied > len(_MIGRATIONS):
        raise Refused(
            f"the ledger {settings.ledger_schema()} is at version {applied}, this "
            f"Carryover knows {len(_MIGRATIONS)}. Nothing was changed. Use the newer "
            "Carryover."
        )
    return applied


def _version(connection: Connection) -> int:
    """The version of the ledger that stands, 0 when there is none."""
    name = _table("schema_version")
    row = connection.execute(
        "select to_regclass(%s) is not null", [name.as_string(connection)]
    ).fetchone()
    if not (row and row[0]):
        return 0
    found = connection.execute(
        sql.SQL("select coalesce(max(version), 0) from {}").format(name)
    ).fetchone()
    return int(found[0]) if found else 0


def exists(connection: Connection) -> bool:
    """Whether this database has a ledger."""
    row = connection.execute(
        "select to_regclass(%s) is not null", [f'"{settings.ledger_schema()}".runs']
    ).fetchone()
    return bool(row and row[0])


def is_current(connection: Connection) -> bool:
    """Whether the ledger stands at this version; commands that only read ask this."""
    return _version(connection) == len(_MIGRATIONS)


def begin_run(connection: Connection, run_id: str, *, target: str) -> None:
    """Enter a run of the pipeline at work that has just loaded its input.

    ``target`` is the database as it may be printed, without a password.
    """
    connection.execute(
        sql.SQL(
            "insert into {} (run_id, pipeline, started_at, status, operator,"
            " code_version, target, vars)"
            " values (%s, %s, now(), 'loaded', %s, %s, %s, %s)"
        ).format(_table("runs")),
        [
            run_id,
            pipelines.current().name,
            operator(),
            code_version(),
            target,
            Jsonb(_configuration()),
        ],
    )


def set_status(connection: Connection, run_id: str, status: str) -> None:
    """Say how far a run has come."""
    connection.execute(
        sql.SQL(
            "update {} set status = %s, finished_at = now() where run_id = %s"
        ).format(_table("runs")),
        [status, run_id],
    )


def add_input(
    connection: Connection,
    run_id: str,
    *,
    kind: str,
    name: str,
    size: int,
    sha256: str,
    rows: int,
) -> None:
    """Enter a file that the run read; ``size`` is in bytes."""
    connection.execute(
        sql.SQL(
            "insert into {} (run_id, kind, name, bytes, sha256, rows)"
            " values (%s, %s, %s, %s, %s, %s)"
        ).format(_table("inputs")),
        [run_id, kind, name, size, sha256, rows],
    )


def add_step(
    connection: Connection,
    run_id: str,
    name: str,
    started: datetime,
    record: StepRecord,
) -> None:
    """Enter a step that began at ``started`` and ends now."""
    finished = datetime.now(timezone.utc)
    connection.execute(
        sql.SQL(
            "insert into {} (run_id, step, started_at, finished_at, seconds, rows,"
            " peak_memory_bytes, status, detail)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
        ).format(_table("steps")),
        [
            run_id,
            name,
            started,
            finished,
            round((finished - started).total_seconds(), 3),
            record.rows,
            peak_memory_bytes(),
            record.status,
            Jsonb(record.detail),
        ],
    )


def add_validation(
    connection: Connection,
    run_id: str,
    validated_at: datetime,
    is_valid: bool,
    result: Mapping[str, Any],
) -> None:
    """Enter the results of a validation."""
    connection.execute(
        sql.SQL(
            "insert into {} (run_id, validated_at, is_valid, result)"
            " values (%s, %s, %s, %s)"
        ).format(_table("validations")),
        [run_id, validated_at, is_valid, Jsonb(dict(result))],
    )


def current_run(connection: Connection) -> Run:
    """Find the run of the pipeline at work whose input is landed now.

    Raises ``Refused`` when nothing has been loaded, or the server has lost it.
    """
    run = find_current_run(connection)
    if run is not None:
        return run
    command = pipelines.current().command("load")
    if _landing_is_lost(connection):
        raise Refused(
            "the landing tables are empty: the server ended abnormally since the load, "
            "and they are unlogged. Nothing was changed. Load again, and build: "
            f"{command}"
        )
    raise Refused(
        f"nothing is loaded in this database. Nothing was changed. Run: {command}"
    )


def _landing_is_lost(connection: Connection) -> bool:
    """Whether a load stands without its row, as after a crash of the server."""
    loads = sql.Identifier(settings.staging_schema(), pipelines.current().loads)
    row = connection.execute(
        "select to_regclass(%s) is not null", [loads.as_string(connection)]
    ).fetchone()
    if not (row and row[0]) or not exists(connection):
        return False
    # dbt makes empty landing tables, too, where the pipeline never had a run.
    found = connection.execute(
        sql.SQL(
            "select exists (select from {} where pipeline = %s)"
            " and not exists (select from {})"
        ).format(_table("runs"), loads),
        [pipelines.current().name],
    ).fetchone()
    return bool(found and found[0])


def find_current_run(connection: Connection) -> Run | None:
    """Find the run of the pipeline at work whose input is landed now, if any is."""
    landing = sql.Identifier(settings.staging_schema(), pipelines.current().loads)
    row = connection.execute(
        "select to_regclass(%s) is not null", [landing.as_string(connection)]
    ).fetchone()
    if not (row and row[0]) or not exists(connection):
        return None
    found = connection.execute(
        sql.SQL(
            "select run_id, pipeline, status, started_at, operator, target"
            " from {} inner join {} using (run_id)"
        ).format(_table("runs"), landing)
    ).fetchone()
    return Run(*found) if found else None


def newest_pipeline(connection: Connection) -> pipelines.Pipeline:
    """The pipeline of the newest run in this database; the migration without one."""
    runs = recent_runs(connection, 1)
    return pipelines.PIPELINES[runs[0].pipeline] if runs else pipelines.MIGRATION


def pipeline_of(connection: Connection, run_id: str) -> pipelines.Pipeline:
    """The pipeline of a run that the ledger has."""
    row = connection.execute(
        sql.SQL("select pipeline from {} where run_id = %s").format(_table("runs")),
        [run_id],
    ).fetchone()
    if row is None:
        raise KeyError(run_id)
    return pipelines.PIPELINES[row[0]]


def recent_runs(connection: Connection, count: int = 10) -> Sequence[Run]:
    """List the newest runs first."""
    if not exists(connection):
        return []
    rows = connection.execute(
        sql.SQL(
            "select run_id, pipeline, status, started_at, operator, target"
            " from {} order by started_at desc limit %s"
        ).format(_table("runs")),
        [count],
    ).fetchall()
    return [Run(*row) for row in rows]


@dataclass(frozen=True)
class PublishRecord:
    """What a run's newest publish entered of one live table.

    ``hashed`` are the live columns that its rows are hashed by, ``published`` those
    that it wrote; ``types`` are the forms in which they were hashed, by column. The
    ledger's first version kept no ``published``, versions before 1.1 no ``types``.
    """

    hashed: Sequence[str]
    published: Sequence[str]
    types: Mapping[str, str]


def publish_records(connection: Connection, table: str) -> dict[str, PublishRecord]:
    """Read what each run with published rows entered of a live table, by its id."""
    rows = connection.execute(query("publish_records"), {"table": table}).fetchall()
    return {
        run_id: PublishRecord(hashed or (), published or (), types or {})
        for run_id, hashed, published, types in rows
    }


def rows_stand(connection: Connection) -> bool:
    """Whether any row that a run of ours published still stands."""
    return bool(connection.execute(query("standing_rows")).fetchall())


def failed_rows(connection: Connection, run_id: str) -> int:
    """Count the rows that a run could not publish."""
    row = connection.execute(
        sql.SQL("select count(*) from {} where run_id = %s").format(
            _table("failed_rows")
        ),
        [run_id],
    ).fetchone()
    return int(row[0]) if row else 0


def step_detail(
    connection: Connection, run_id: str, name: str
) -> Mapping[str, Any] | None:
    """Return what the newest step of this name left, or None when there is none."""
    newest = _newest_step(connection, run_id, name)
    return newest[1] if newest else None


def step_status(connection: Connection, run_id: str, name: str) -> str | None:
    """Return how the newest step of this name ended, or None when there is none."""
    newest = _newest_step(connection, run_id, name)
    return newest[0] if newest else None


def take_lock(connection: Connection, *, for_session: bool = False) -> None:
    """Take the lock that lets one run at a time change anything of ours or live.

    It is held until the transaction ends, or ``for_session`` until the connection does.
    Raises ``Refused`` naming who holds it since when.
    """
    kind = "" if for_session else "xact_"
    row = connection.execute(
        f"select pg_try_advisory_{kind}lock(%s, %s)", [LOCK_NAMESPACE, MIGRATION_LOCK]
    ).fetchone()
    if row and row[0]:
        return
    holder = connection.execute(
        query("lock_holder"), {"namespace": LOCK_NAMESPACE, "key": MIGRATION_LOCK}
    ).fetchone()
    who = (
        f"{holder[1]} of {holder[2]} (process {holder[0]}, since {holder[3]:%H:%M:%S}"
        " UTC)"
        if holder
        else "another session"
    )
    raise Refused(
        f"another run is at work on this database: {who} holds the lock. "
        "Nothing was changed. Wait for it to end, then run the command again."
    )


def require_live_schema(connection: Connection) -> None:
    """Raise ``Refused`` when what was published stands in another live schema.

    The ledger names rows by table and id: looked for in the wrong schema, all of them
    would pass for deleted.
    """
    row = connection.execute(query("published_schema")).fetchone()
    if row is None or row[0] == settings.live_schema():
        return
    raise Refused(
        f"the rows of run {row[1]} were published into the schema {row[0]}, and "
        f"{settings.live_schema()} is the live schema now. Nothing was changed. "
        f"Set CARRYOVER_LIVE_SCHEMA={row[0]}, or take them back there first."
    )


def operator() -> str:
    """Who runs this: ``CARRYOVER_OPERATOR``, or the user of this process."""
    named = os.environ.get("CARRYOVER_OPERATOR")
    if named:
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def code_version() -> str:
    """This Carryover's version, with the commit when it runs from a checkout."""
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            cwd=settings.PROJECT_ROOT,
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip()
    except OSError:
        commit = ""
    return f"{__version__}+{commit}" if commit else __version__


def _newest_step(
    connection: Connection, run_id: str, name: str
) -> tuple[str, dict[str, Any]] | None:
    row = connection.execute(
        sql.SQL(
            "select status, detail from {} where run_id = %s and step = %s"
            " order by step_id desc limit 1"
        ).format(_table("steps")),
        [run_id, name],
    ).fetchone()
    return (row[0], row[1]) if row else None


def _configuration() -> dict[str, Any]:
    return {
        **variables.declared(),
        "live_schema": settings.live_schema(),
        "schema_prefix": settings.schema_prefix(),
    }


def _table(name: str) -> sql.Identifier:
    return sql.Identifier(settings.ledger_schema(), name)
