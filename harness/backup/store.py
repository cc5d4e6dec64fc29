"""The backups that the ledger knows, and whether one counts for publishing now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from psycopg import sql

from harness import cutover, ledger, pipelines, settings, structure
from harness.database import Connection, committed
from harness.errors import Refused, UsageError
from harness.pipelines import Pipeline
from harness.queries import query
from harness.structure import LiveObject


@dataclass(frozen=True)
class BackupTable:
    """A table of a backup: ``copy`` is its copy's name, ``bytes`` that one's size."""

    name: str
    copy: str
    rows: int
    bytes: int
    content_hash: str

    @property
    def relation(self) -> sql.Identifier:
        """The copy, as SQL names it."""
        return sql.Identifier(settings.backup_schema(), self.copy)


@dataclass(frozen=True)
class Backup:
    """A backup as the ledger has it; ``seconds`` is how long it took."""

    backup_id: str
    taken_at: datetime
    operator: str
    live_schema: str
    status: str
    seconds: float
    verification: dict[str, Any]
    archive: str | None
    archive_bytes: int | None
    archive_sha256: str | None
    tables: tuple[BackupTable, ...] = field(default=())

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline that it was taken for; at first there was one."""
        name = self.verification.get("pipeline", pipelines.MIGRATION.name)
        return pipelines.PIPELINES[name]

    @property
    def names(self) -> list[str]:
        """What its tables are called."""
        return [table.name for table in self.tables]

    @property
    def rows(self) -> int:
        """The rows of all its tables."""
        return sum(table.rows for table in self.tables)

    @property
    def bytes(self) -> int:
        """The size of its copies in bytes."""
        return sum(table.bytes for table in self.tables)

    def table(self, name: str) -> BackupTable:
        """Find one of its tables; raises ``Refused`` when it does not hold that."""
        for table in self.tables:
            if table.name == name:
                return table
        raise Refused(
            f"the backup {self.backup_id} has no table {name}. Nothing was changed. "
            "Run: ./inv backup --execute"
        )


def table_names(connection: Connection) -> list[str]:
    """List the live tables that a backup for the pipeline at work holds.

    All that publishing writes; of those that it only reads the ones in the live schema,
    whatever their kind: ``require_whole_tables`` says which cannot be held. Since the
    cutover, views of ours are in their place, and they are left out.
    """
    at_work = pipelines.current()
    others = [name for name in at_work.backed_up if name not in at_work.written]
    if settings.legacy_schema() != settings.live_schema():
        others = []
    rows = connection.execute(
        "select relname from pg_class"
        " where relnamespace = to_regnamespace(quote_ident(%s))"
        " and relname = any(%s) and relkind = any(%s)",
        [settings.live_schema(), others, _kinds_held(connection)],
    ).fetchall()
    present = {row[0] for row in rows}
    return [*at_work.written, *(name for name in others if name in present)]


def left_out() -> str | None:
    """Say which tables of the pipeline at work are in no backup; None when all are."""
    at_work = pipelines.current()
    others = [name for name in at_work.backed_up if name not in at_work.written]
    legacy = settings.legacy_schema()
    if not others or legacy == settings.live_schema():
        return None
    names = " and ".join(f"{legacy}.{name}" for name in others)
    return (
        f"{names} are not in the backup: they are not in the live schema. No publish "
        "or rollback writes them; copy them with pg_dump before a cutover moves them"
    )


def _kinds_held(connection: Connection) -> list[str]:
    """The kinds of relation that hold rows, as ``pg_class`` has them."""
    kinds = ["r", "p", "f", "m"]
    return kinds if cutover.stands(connection) else [*kinds, "v"]


def list_backups(connection: Connection) -> list[Backup]:
    """List all backups that the ledger knows, the newest first."""
    if not _has_backups(connection):
        return []
    tables: dict[str, list[BackupTable]] = {}
    for backup_id, *values in connection.execute(
        sql.SQL(
            "select backup_id, table_name, copy_name, rows, bytes, content_hash"
            " from {} order by table_name"
        ).format(_table("backup_tables"))
    ).fetchall():
        tables.setdefault(backup_id, []).append(BackupTable(*values))
    rows = connection.execute(
        sql.SQL(
            "select backup_id, taken_at, operator, live_schema, status, seconds::float,"
            " verification, archive, archive_bytes, archive_sha256"
            " from {} order by taken_at desc, backup_id desc"
        ).format(_table("backups"))
    ).fetchall()
    return [replace(Backup(*row), tables=tuple(tables.get(row[0], ()))) for row in rows]


def find(connection: Connection, backup_id: str | None = None) -> Backup:
    """Find a backup with its copies, the newest of this live schema without an id.

    Raises ``UsageError`` for an unknown one and ``Refused`` when there is none, or when
    its copies are gone.
    """
    backups = list_backups(connection)
    if backup_id is None:
        for each in backups:
            if each.status == "verified" and each.live_schema == settings.live_schema():
                return each
        raise Refused(
            f"there is no verified backup of the schema {settings.live_schema()}. "
            "Nothing was changed. Run: ./inv backup --execute"
        )
    for each in backups:
        if each.backup_id == backup_id:
            if each.status != "verified":
                raise Refused(
                    f"the copy of backup {backup_id} is no more: it is {each.status}. "
                    "Nothing was changed. Run: ./inv backups"
                )
            return each
    raise UsageError(
        f"there is no backup {backup_id}. Nothing was changed. Run: ./inv backups"
    )


def objects_of(connection: Connection, backup: Backup) -> list[LiveObject]:
    """Read what the tables were at a backup, in the order of their statements."""
    rows = connection.execute(
        sql.SQL(
            "select table_name, kind, name, ddl, drop_ddl from {}"
            " where backup_id = %s order by position"
        ).format(_table("backup_objects")),
        [backup.backup_id],
    ).fetchall()
    return [LiveObject(*row) for row in rows]


def require_verified(connection: Connection) -> Backup:
    """Return the newest backup that counts for publishing now.

    Raises ``Refused`` naming why none does.
    """
    backups = list_backups(connection)
    live = structure.read(connection, table_names(connection))
    reasons = []
    for each in backups:
        reason = why_not(connection, each, live)
        if reason is None:
            return each
        reasons.append(f"backup {each.backup_id} {reason}")
    why = reasons[0] if reasons else "none was taken"
    raise Refused(
        f"there is no verified backup of the live tables as they are: {why}. Nothing "
        f"was changed. Run: {pipelines.current().command('backup')} --execute"
    )


def why_not(
    connection: Connection,
    backup: Backup,
    live: Sequence[LiveObject] | None = None,
) -> str | None:
    """Say why a backup does not count for publishing now; None when it does.

    That is asked for the pipeline at work. ``live`` is what ``structure.read`` says of
    the live tables, when that was asked.
    """
    if backup.status != "verified":
        return f"is {backup.status}"
    if backup.live_schema != settings.live_schema():
        return f"is of the schema {backup.live_schema}, not of {settings.live_schema()}"
    names = table_names(connection)
    missing = set(names) - set(backup.names)
    if missing:
        return f"does not hold {', '.join(sorted(missing))}"
    if not _copies_stand(connection, backup):
        return "has lost a copy"
    since = _changed_since(connection, backup)
    if since:
        return f"was taken before {since}"
    if live is None:
        live = structure.read(connection, names)
    wanted = filter(structure.is_structure, objects_of(connection, backup))
    differing = structure.differences(wanted, filter(structure.is_structure, live))
    if differing:
        more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
        return f"is of other tables: {', '.join(differing[:3])}{more}"
    return None


def drop(connection: Connection, backup_id: str) -> Backup:
    """Remove a backup's copies, keep its row in the ledger as dropped, and commit."""
    with committed(connection):
        ledger.take_lock(connection)
        backup = find(connection, backup_id)
        for table in backup.tables:
            connection.execute(
                sql.SQL("drop table if exists {}").format(table.relation)
            )
        connection.execute(
            sql.SQL("update {} set status = 'dropped' where backup_id = %s").format(
                _table("backups")
            ),
            [backup_id],
        )
        return backup


def require_whole_tables(
    connection: Connection, names: Sequence[str], *, with_id: bool = True
) -> None:
    """Raise ``Refused`` for a live table that is no plain one, or ``with_id`` has none.

    Partitions and inheritance spread a table's rows over others.
    """
    rows = connection.execute(
        query(
            "backup_unfit_tables",
            table_names=sql.Literal(list(names)),
            needs_id=sql.Literal(with_id),
        )
    ).fetchall()
    if rows:
        raise Refused(
            f"the live table {settings.live_schema()}.{rows[0][0]} {rows[0][1]}, which "
            "a backup of ours cannot hold. Nothing was changed. Make it a plain table "
            "again, or back it up and restore it with pg_dump."
        )


def _changed_since(connection: Connection, backup: Backup) -> str | None:
    """Name the newest publish, rollback or restore that changed the tables since."""
    row = connection.execute(
        query("backup_changed_since"),
        {
            "step_id": backup.verification.get("last_step_id", 0),
            "restore_id": backup.verification.get("last_restore_id", 0),
        },
    ).fetchone()
    return str(row[0]) if row else None


def _copies_stand(connection: Connection, backup: Backup) -> bool:
    row = connection.execute(
        "select count(*) from pg_class"
        " where relnamespace = to_regnamespace(quote_ident(%s))"
        " and relkind = 'r' and relname = any(%s)",
        [settings.backup_schema(), [table.copy for table in backup.tables]],
    ).fetchone()
    return bool(row and row[0] == len(backup.tables))


def _has_backups(connection: Connection) -> bool:
    row = connection.execute(
        "select to_regclass(%s) is not null", [f'"{settings.ledger_schema()}".backups']
    ).fetchone()
    return bool(row and row[0])


def _table(name: str) -> sql.Identifier:
    return sql.Identifier(settings.ledger_schema(), name)
