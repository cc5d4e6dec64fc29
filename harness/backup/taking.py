"""Takes a backup of the live tables and verifies it before it is committed.

One transaction reads every table in one snapshot, copies it into a private schema,
compares the copy, makes the tables anew from the backup in a scratch schema that is
never committed, and enters all of it in the ledger. Live tables are only read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from harness import (
    hashing,
    ledger,
    locks,
    pipelines,
    settings,
    structure,
    target,
)
from harness.backup import archive, trial
from harness.backup.rows import CopiedColumn, columns_of
from harness.backup.store import (
    Backup,
    BackupTable,
    find,
    list_backups,
    require_whole_tables,
    table_names,
)
from harness.database import Connection, Target, committed, said_by
from harness.errors import CheckFailed, HarnessError
from harness.queries import query
from harness.structure import LiveObject

OnTable = Callable[[str], None]

#: What ``backup_newest`` says of the ledger at a backup, as its verification keeps it.
_STAND = ("last_step_id", "last_restore_id", "standing_runs", "standing_changes")


class BackupFailed(HarnessError):
    """The database refused the backup; nothing was changed."""


@dataclass(frozen=True)
class PlannedTable:
    """A table that a backup would copy; ``bytes`` is its size with its indexes."""

    name: str
    rows: int
    bytes: int


@dataclass(frozen=True)
class Plan:
    """What a backup would copy, into which schema, and the backups that stand."""

    tables: tuple[PlannedTable, ...]
    schema: str
    backups: tuple[Backup, ...]


def preview(connection: Connection) -> Plan:
    """Say what a backup would copy, and change nothing."""
    try:
        target.require_tables(connection)
        names = table_names(connection)
        require_whole_tables(connection, names)
        tables = []
        for name in names:
            row = connection.execute(
                sql.SQL(
                    "select count(*), pg_total_relation_size({}::regclass) from {}"
                ).format(sql.Literal(_live(name).as_string()), _live(name))
            ).fetchone()
            tables.append(PlannedTable(name, *(row or (0, 0))))
        backups = [b for b in list_backups(connection) if b.status == "verified"]
        return Plan(tuple(tables), settings.backup_schema(), tuple(backups))
    except psycopg.Error as error:
        raise _failed(error) from error
    finally:
        connection.rollback()


def take(
    to: Target,
    connection: Connection,
    *,
    file: Path | None = None,
    on_table: OnTable | None = None,
) -> Backup:
    """Copy every table that a publish touches, verify the copy, and commit.

    ``file`` names an archive to be written by ``pg_dump`` as well. ``on_table`` is told
    what is worked on. Raises ``Refused`` while another run holds the lock,
    ``CheckFailed`` when the verification fails, ``BackupFailed`` when the database
    refuses. Then nothing is left.
    """
    started = datetime.now(timezone.utc)
    written = archive.prepare(to, file) if file else None
    connection.rollback()

    def work() -> str:
        with committed(connection):
            return _take(connection, to, started, written, on_table or _silent)

    try:
        backup_id = locks.retried(
            connection,
            work,
            tables=pipelines.current().backed_up,
            on_wait=on_table,
        )
    except psycopg.Error as error:
        archive.discard(written)
        raise _failed(error) from error
    except BaseException:
        archive.discard(written)
        raise
    backup = find(connection, backup_id)
    connection.rollback()
    return backup


def _take(
    connection: Connection,
    to: Target,
    started: datetime,
    written: archive.Archive | None,
    on_table: OnTable,
) -> str:
    names = _begin(connection)
    newest = connection.execute(query("backup_newest")).fetchone()
    taken_at, *stand = newest or (None, 0, 0, [], [])
    backup_id = ledger.new_run_id()
    objects = structure.read(connection, names)
    _make_schema(connection)
    tables = []
    for name in names:
        on_table(f"copying {name}")
        tables.append(_copy(connection, backup_id, name))
    on_table("restoring on trial")
    verification = {
        "checks": trial.restore(connection, backup_id, objects, tables),
        "objects": len(objects),
        "structure": structure.fingerprint(objects),
        "pipeline": pipelines.current().name,
        **dict(zip(_STAND, stand, strict=True)),
    }
    if written:
        on_table("writing the archive")
        archive.write(connection, to, written, names)
    seconds = round((datetime.now(timezone.utc) - started).total_seconds(), 3)
    _enter(connection, backup_id, taken_at, seconds, to, verification, written)
    _enter_contents(connection, backup_id, tables, objects)
    if written:
        archive.finish(written)
    return backup_id


def _begin(connection: Connection) -> list[str]:
    """Begin the transaction: one snapshot, and tables whose structure stays.

    Returns the tables' names.
    """
    target.require_tables(connection)
    names = table_names(connection)
    # Both come before the locks: only tables can be locked, and no writer should wait
    # for a backup that another run keeps from beginning.
    require_whole_tables(connection, names)
    ledger.take_lock(connection)
    connection.rollback()
    connection.execute("set transaction isolation level repeatable read")
    locks.limit_waiting(connection)
    # Before the snapshot, which the first query takes.
    connection.execute(
        sql.SQL("lock table {} in share update exclusive mode").format(
            sql.SQL(", ").join(_live(name) for name in names)
        )
    )
    ledger.take_lock(connection)
    hashing.fix_session(connection)
    connection.execute("set local synchronize_seqscans to off")
    ledger.ensure(connection)
    require_whole_tables(connection, names)
    return names


def _make_schema(connection: Connection) -> None:
    """Make the schema of the copies, where it is not; nobody else may look into it."""
    schema = settings.backup_schema()
    connection.execute(
        sql.SQL(
            "create schema if not exists {0}; revoke all on schema {0} from public"
        ).format(sql.Identifier(schema))
    )
    _revoke(connection, "schema", sql.Identifier(schema), schema)


def _copy(connection: Connection, backup_id: str, name: str) -> BackupTable:
    """Copy one table and compare the copy with it, in the same snapshot."""
    columns = columns_of(connection, name)
    copy = f"{backup_id}_{name}"
    relation = sql.Identifier(settings.backup_schema(), copy)
    connection.execute(
        sql.SQL("create table {} as select {} from {} as live").format(
            relation, _copied(columns), _live(name)
        )
    )
    connection.execute(sql.SQL("analyze {}").format(relation))
    _revoke(connection, "table", relation, copy)
    names = [column.name for column in columns]
    live = hashing.table_state(connection, _live(name), names)
    kept = hashing.table_state(connection, relation, names)
    if live != kept:
        raise CheckFailed(
            f"the copy of {settings.live_schema()}.{name} is not what it was copied "
            f"from: {kept.rows:,} rows with hash {kept.content_hash}, not "
            f"{live.rows:,} with {live.content_hash}. No backup was left. Run again: "
            "./inv backup --execute"
        )
    row = connection.execute(
        "select pg_total_relation_size(%s::regclass)", [relation.as_string()]
    ).fetchone()
    return BackupTable(name, copy, kept.rows, row[0] if row else 0, kept.content_hash)


def _copied(columns: list[CopiedColumn]) -> sql.Composed:
    return sql.SQL(", ").join(
        sql.SQL("{} as {}").format(column.copied, sql.Identifier(column.name))
        for column in columns
    )


def _revoke(connection: Connection, kind: str, what: sql.Identifier, name: str) -> None:
    """Take away what default privileges gave others on something of ours."""
    grantees = connection.execute(
        query(f"backup_{kind}_grantees"),
        {"name": name, "schema": settings.backup_schema()},
    ).fetchall()
    for (grantee,) in grantees:
        connection.execute(
            sql.SQL("revoke all on {} {} from {}").format(
                sql.SQL(kind), what, sql.SQL(grantee)
            )
        )


def _enter(
    connection: Connection,
    backup_id: str,
    taken_at: datetime | None,
    seconds: float,
    to: Target,
    verification: dict[str, object],
    written: archive.Archive | None,
) -> None:
    connection.execute(
        sql.SQL(
            "insert into {} (backup_id, taken_at, operator, code_version, target,"
            " server_version, live_schema, seconds, status, verification, archive,"
            " archive_bytes, archive_sha256)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s, 'verified', %s, %s, %s, %s)"
        ).format(_ledger("backups")),
        [
            backup_id,
            taken_at,
            ledger.operator(),
            ledger.code_version(),
            str(to),
            connection.info.parameter_status("server_version"),
            settings.live_schema(),
            seconds,
            Jsonb(verification),
            str(written.path) if written else None,
            written.bytes if written else None,
            written.sha256 if written else None,
        ],
    )


def _enter_contents(
    connection: Connection,
    backup_id: str,
    tables: list[BackupTable],
    objects: list[LiveObject],
) -> None:
    cursor = connection.cursor()
    cursor.executemany(
        sql.SQL(
            "insert into {} (backup_id, table_name, copy_name, rows, bytes,"
            " content_hash) values (%s, %s, %s, %s, %s, %s)"
        ).format(_ledger("backup_tables")),
        [(backup_id, t.name, t.copy, t.rows, t.bytes, t.content_hash) for t in tables],
    )
    cursor.executemany(
        sql.SQL(
            "insert into {} (backup_id, position, table_name, kind, name, ddl,"
            " drop_ddl) values (%s, %s, %s, %s, %s, %s, %s)"
        ).format(_ledger("backup_objects")),
        [
            (backup_id, number, o.table, o.kind, o.name, o.ddl, o.drop_ddl)
            for number, o in enumerate(objects, start=1)
        ],
    )


def _failed(error: psycopg.Error) -> BackupFailed:
    return BackupFailed(
        f"the backup failed in the database: {said_by(error)}. The transaction was "
        "rolled back, no backup was left. Mend the cause and run: "
        f"{pipelines.current().command('backup')} --execute"
    )


def _live(name: str) -> sql.Identifier:
    return sql.Identifier(settings.live_schema(), name)


def _ledger(name: str) -> sql.Identifier:
    return sql.Identifier(settings.ledger_schema(), name)


def _silent(_: str) -> None:
    pass
