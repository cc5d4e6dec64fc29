"""Brings the live tables back to what they were at a backup, in one transaction.

Where a table stands with its columns, its objects and rows are reconciled in place, so
that views and functions on it stay. Where columns differ or the table is gone, it is
made anew, and so are the views and functions on it. Ends with a comparison of
everything with the backup: nothing is committed that is not the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timezone

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from harness import hashing, ledger, locks, settings, structure
from harness.backup import afterwards, outside, reconciling, rewriting
from harness.backup.outside import OutsideChange
from harness.backup.rows import RowCounts, rows_unlike
from harness.backup.store import (
    Backup,
    find,
    objects_of,
    require_whole_tables,
)
from harness.console import counted
from harness.database import Connection, committed, said_by
from harness.errors import CheckFailed, HarnessError, Refused
from harness.structure import LiveObject

OnStep = Callable[[str], None]
_NEXT = "Nothing was changed."


class RestoreFailed(HarnessError):
    """The database refused the restore; nothing was changed."""


@dataclass(frozen=True)
class TableRestore:
    """What a restore does with a table: its rows, and whether it is made anew."""

    name: str
    rows: RowCounts
    is_made_anew: bool


@dataclass(frozen=True)
class Restore:
    """What a restore does: by table, and by name what differs in structure.

    ``left`` names what a run made outside the tables and somebody has built on since:
    it stays.
    """

    backup: Backup
    tables: tuple[TableRestore, ...]
    differences: tuple[str, ...]
    is_done: bool = False
    left: tuple[str, ...] = ()

    @property
    def is_needed(self) -> bool:
        """Whether anything differs from the backup."""
        return bool(self.differences) or any(table.rows for table in self.tables)

    @property
    def unexplained(self) -> int:
        """Rows newer than the backup that are nobody's but the users'."""
        return sum(table.rows.unexplained for table in self.tables)


def preview_restore(connection: Connection, backup_id: str | None = None) -> Restore:
    """Say how the live tables differ from a backup, the newest without an id."""
    try:
        _prepare(connection)
        return _plan(connection, find(connection, backup_id)).restore
    except psycopg.Error as error:
        raise _failed(error) from error
    finally:
        connection.rollback()


def restore(
    connection: Connection,
    backup_id: str | None = None,
    *,
    force: bool = False,
    on_step: OnStep | None = None,
) -> Restore:
    """Bring the live tables back to a backup, the newest without an id, and commit.

    ``force`` lets rows go that users wrote since the backup; ``on_step`` is told what
    is worked on. Raises ``Refused`` for such rows without it, while another run holds
    the lock, or when rows of other tables refer to what would go; ``RestoreFailed``
    when the database refuses. Then nothing is changed.
    """

    def work() -> Restore:
        with committed(connection):
            return _restore(connection, backup_id, force, on_step or _silent)

    try:
        names = find(connection, backup_id).names
        connection.rollback()
        return locks.retried(connection, work, tables=names, on_wait=on_step)
    except psycopg.Error as error:
        raise _failed(error) from error


def _restore(
    connection: Connection, backup_id: str | None, force: bool, on_step: OnStep
) -> Restore:
    started = datetime.now(timezone.utc)
    _prepare(connection)
    ledger.take_lock(connection)
    ledger.ensure(connection)
    backup = find(connection, backup_id)
    on_step("locking the live tables")
    _lock(connection, backup)
    on_step("comparing with the backup")
    planned = _plan(connection, backup)
    plan = planned.restore
    if not plan.is_needed:
        return plan
    if plan.unexplained and not force:
        raise Refused(
            f"{counted(plan.unexplained, 'row')} newer than the backup "
            f"{backup.backup_id}, which no run published, would be lost. {_NEXT} "
            "See ./inv restore, and repeat it with --execute --force to lose them."
        )
    left = _change(connection, planned, on_step)
    on_step("comparing with the backup again")
    _require_restored(connection, backup, planned.wanted)
    afterwards.agree(connection, backup, left)
    _enter(connection, plan, started)
    named = tuple(f"{each.kind} {each.name}" for each in left)
    return replace(plan, is_done=True, left=named)


def _prepare(connection: Connection) -> None:
    connection.rollback()
    locks.limit_waiting(connection)
    hashing.fix_session(connection)


@dataclass(frozen=True)
class _Planned:
    """A restore, and what the tables were, are, and what differs outside of them."""

    restore: Restore
    wanted: list[LiveObject]
    found: list[LiveObject]
    outside: list[OutsideChange]


def _plan(connection: Connection, backup: Backup) -> _Planned:
    if backup.live_schema != settings.live_schema():
        raise Refused(
            f"the backup {backup.backup_id} is of the schema {backup.live_schema}, and "
            f"{settings.live_schema()} is the live schema now. {_NEXT} Set "
            f"CARRYOVER_LIVE_SCHEMA={backup.live_schema}."
        )
    rewriting.require_whole_copies(connection, backup)
    _require_no_cutover(connection, backup)
    names = backup.names
    require_whole_tables(connection, names, with_id=False)
    wanted = objects_of(connection, backup)
    found = structure.read(connection, names)
    rewriting.see_all_rows(connection, names)
    anew = reconciling.made_anew(wanted, found)
    tables = tuple(
        TableRestore(name, rows_unlike(connection, backup, name), name in anew)
        for name in names
    )
    others = outside.find(connection, backup)
    differing = (*structure.differences(wanted, found), *map(str, others))
    return _Planned(Restore(backup, tables, differing), wanted, found, others)


def _require_no_cutover(connection: Connection, backup: Backup) -> None:
    """Raise ``Refused`` when views took the legacy tables' place since the backup."""
    cutovers = sql.Identifier(settings.ledger_schema(), "cutovers")
    row = connection.execute(
        "select to_regclass(%s) is not null", [cutovers.as_string(connection)]
    ).fetchone()
    standing = (
        row
        and row[0]
        and connection.execute(
            sql.SQL(
                "select executed_at from {} where undone_at is null"
                " and live_schema = %s and executed_at > %s"
            ).format(cutovers),
            [backup.live_schema, backup.taken_at],
        ).fetchone()
    )
    if standing:
        raise Refused(
            f"the cutover of {standing[0]:%Y-%m-%d %H:%M:%S} UTC came after the backup "
            f"{backup.backup_id}: clients now read what it would take away. {_NEXT} "
            "Take the cutover back first: ./inv cutover --undo --execute"
        )


def _lock(connection: Connection, backup: Backup) -> None:
    """Keep everybody away from the tables that stand."""
    standing = connection.execute(
        "select relname from pg_class"
        " where relnamespace = to_regnamespace(quote_ident(%s))"
        " and relkind = 'r' and relname = any(%s) order by relname",
        [settings.live_schema(), backup.names],
    ).fetchall()
    if standing:
        names = [sql.Identifier(settings.live_schema(), row[0]) for row in standing]
        connection.execute(
            sql.SQL("lock table {} in access exclusive mode").format(
                sql.SQL(", ").join(names)
            )
        )


def _change(
    connection: Connection, planned: _Planned, on_step: OnStep
) -> list[OutsideChange]:
    """Bring everything back; returns what stays outside the tables."""
    plan, wanted, found = planned.restore, planned.wanted, planned.found
    anew = {table.name for table in plan.tables if table.is_made_anew}
    kept = [t.name for t in plan.tables if t.rows and not t.is_made_anew]
    for name in kept:
        rewriting.find_unlike(connection, plan.backup, name)
    rewriting.require_unreferenced(connection, plan.backup, kept)
    connection.execute("set local check_function_bodies to off")
    with structure.search_path(connection, settings.live_schema()):
        outside.make_again(connection, planned.outside)
        on_step("taking away what was not there")
        dependents = reconciling.clear(
            connection, wanted, found, anew=anew, has_rows=bool(kept)
        )
        reconciling.make_tables(connection, wanted, anew)
        for table in plan.tables:
            if table.is_made_anew or table.rows:
                on_step(f"restoring {table.name}")
            if table.is_made_anew:
                rewriting.fill(connection, plan.backup, table.name)
            elif table.rows:
                incoming = [
                    o
                    for o in found
                    if o.kind == "incoming foreign key"
                    and o.table == table.name
                    and o not in dependents
                ]
                dependents += rewriting.rewrite(
                    connection, plan.backup, table.name, incoming
                )
        connection.execute("set constraints all immediate")
        on_step("restoring keys, policies and grants")
        reconciling.complete(connection, wanted, dependents)
        return outside.take_back(connection, planned.outside)


def _require_restored(
    connection: Connection, backup: Backup, wanted: list[LiveObject]
) -> None:
    """Raise ``CheckFailed`` unless structure and content are those of the backup."""
    names = backup.names
    differing = structure.differences(wanted, structure.read(connection, names))
    differing += [
        f"the rows of {name}" for name in names if rows_unlike(connection, backup, name)
    ]
    if differing:
        raise CheckFailed(
            f"the restore of {backup.backup_id} did not bring back "
            f"{', '.join(differing[:5])}. It was taken back, nothing was changed. "
            "Bring these back by hand, and run: ./inv restore"
        )


def _enter(connection: Connection, plan: Restore, started: datetime) -> None:
    detail = {
        "tables": {
            table.name: {
                "missing": table.rows.missing,
                "changed": table.rows.changed,
                "added": table.rows.added,
                "unexplained": table.rows.unexplained,
                "made_anew": table.is_made_anew,
            }
            for table in plan.tables
        },
        "differences": list(plan.differences),
    }
    seconds = (datetime.now(timezone.utc) - started).total_seconds()
    connection.execute(
        sql.SQL(
            "insert into {} (backup_id, restored_at, operator, seconds, detail)"
            " values (%s, clock_timestamp(), %s, %s, %s)"
        ).format(sql.Identifier(settings.ledger_schema(), "restores")),
        [plan.backup.backup_id, ledger.operator(), round(seconds, 3), Jsonb(detail)],
    )


def _failed(error: psycopg.Error) -> RestoreFailed:
    said = said_by(error)
    if isinstance(error, psycopg.errors.DependentObjectsStillExist):
        # This detail names objects; that of other errors may quote a row.
        said += f" ({' '.join((error.diag.message_detail or '').split())})"
    return RestoreFailed(
        f"the restore failed in the database: {said}. The transaction was rolled back, "
        "nothing was changed. Mend the cause and run: ./inv restore"
    )


def _silent(_: str) -> None:
    pass
