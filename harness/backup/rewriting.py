"""Brings the rows of a live table back to those of its copy.

Works in the caller's transaction. No trigger and no rule of the application sees it:
they are switched off first, and set as they were with the rest of the structure.
"""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg import sql

from harness import hashing, settings
from harness.backup.rows import CopiedColumn, columns_of, unlike
from harness.backup.store import Backup
from harness.console import counted
from harness.database import Connection
from harness.errors import CheckFailed, Refused
from harness.queries import query
from harness.structure import LiveObject


def require_whole_copies(connection: Connection, backup: Backup) -> None:
    """Raise ``CheckFailed`` unless the copies are what was verified."""
    for table in backup.tables:
        columns = columns_of(connection, table.copy, settings.backup_schema())
        names = [column.name for column in columns]
        state = (
            hashing.table_state(connection, table.relation, names) if names else None
        )
        if state is None or (state.rows, state.content_hash) != (
            table.rows,
            table.content_hash,
        ):
            raise CheckFailed(
                f"the copy of {table.name} in {settings.backup_schema()} is not what "
                f"was verified as backup {backup.backup_id}: somebody changed it. "
                "Nothing was changed. Choose another one: ./inv backups"
            )


def see_all_rows(connection: Connection, names: Sequence[str]) -> None:
    """Free the tables' owner from policies that somebody forced on it since.

    Until the structure is restored, or the transaction taken back.
    """
    rows = connection.execute(
        "select relname from pg_class"
        " where relnamespace = to_regnamespace(quote_ident(%s))"
        " and relkind = 'r' and relname = any(%s)"
        " and relforcerowsecurity and row_security_active(oid)",
        [settings.live_schema(), list(names)],
    ).fetchall()
    for (name,) in rows:
        connection.execute(
            sql.SQL("alter table {} no force row level security").format(
                sql.Identifier(settings.live_schema(), name)
            )
        )


def find_unlike(connection: Connection, backup: Backup, name: str) -> None:
    """Keep the rows that differ in a temporary table, until the transaction ends."""
    columns = columns_of(connection, name)
    copied = {
        column.name
        for column in columns_of(
            connection, backup.table(name).copy, settings.backup_schema()
        )
    }
    shared = [column for column in columns if column.name in copied]
    connection.execute(
        sql.SQL("create temporary table {} on commit drop as {}").format(
            sql.Identifier(f"unlike_{name}"),
            unlike(backup, backup.table(name), shared),
        )
    )


def require_unreferenced(
    connection: Connection, backup: Backup, names: Sequence[str]
) -> None:
    """Raise ``Refused`` when rows of other tables refer to rows that would go.

    To delete them would take those rows along, or empty what they refer to.
    """
    ours = [f'"{settings.live_schema()}"."{t.name}"' for t in backup.tables]
    for name in names:
        keys = connection.execute(
            query("backup_references"),
            {"table": f'"{settings.live_schema()}"."{name}"', "ours": ours},
        ).fetchall()
        for child, conditions in keys:
            row = connection.execute(
                query(
                    "backup_referenced",
                    child=sql.SQL(child),
                    conditions=sql.SQL(conditions),
                    table=sql.Identifier(name),
                    unlike=_unlike(name),
                )
            ).fetchone()
            if row and row[0]:
                raise Refused(
                    f"rows of {name} that are not in the backup would go, and "
                    f"{counted(row[0], 'row')} of {child} refer to them. Nothing was "
                    "changed. Remove these, or let them refer to others, and run: "
                    "./inv restore"
                )


def rewrite(
    connection: Connection,
    backup: Backup,
    name: str,
    incoming: Sequence[LiveObject],
) -> list[LiveObject]:
    """Delete the added rows, update the changed ones, insert the missing ones.

    ``incoming`` are the keys of other tables that refer to this one. Returns those that
    had to be dropped and are to be made again.
    """
    live = sql.Identifier(settings.live_schema(), name)
    columns = [c for c in columns_of(connection, name) if not c.is_generated]
    parts = {
        "table": sql.Identifier(name),
        "copy": backup.table(name).relation,
        "unlike": _unlike(name),
        **_listed(columns),
    }
    _switch_off(connection, name, live)
    connection.execute(query("backup_delete", **parts))
    dropped = _update(connection, columns, parts, incoming)
    connection.execute(query("backup_insert", **parts))
    return dropped


def _switch_off(connection: Connection, name: str, live: sql.Identifier) -> None:
    """Let no trigger and no rule of the application see what follows."""
    connection.execute(sql.SQL("alter table {} disable trigger user").format(live))
    rules = connection.execute(
        "select rulename from pg_rules where schemaname = %s and tablename = %s",
        [settings.live_schema(), name],
    ).fetchall()
    for (rule,) in rules:
        connection.execute(
            sql.SQL("alter table {} disable rule {}").format(live, sql.Identifier(rule))
        )


def fill(connection: Connection, backup: Backup, name: str) -> None:
    """Fill a table that was made anew, in the order of then."""
    columns = [c for c in columns_of(connection, name) if not c.is_generated]
    connection.execute(
        sql.SQL(
            "insert into {} ({}) overriding system value"
            " select {} from {} as kept order by kept.ctid"
        ).format(
            sql.Identifier(settings.live_schema(), name),
            _listed(columns)["columns"],
            _listed(columns)["values"],
            backup.table(name).relation,
        )
    )
    connection.execute(
        sql.SQL("analyze {}").format(sql.Identifier(settings.live_schema(), name))
    )


def _update(
    connection: Connection,
    columns: Sequence[CopiedColumn],
    parts: dict[str, sql.Composable],
    incoming: Sequence[LiveObject],
) -> list[LiveObject]:
    """Update in place; rows that exchanged a unique value go and come back instead.

    So do rows whose identity changed, which an update may not set. Keys that refer to
    such rows are dropped first, or they would take rows of other tables along.
    """
    always = [column for column in columns if column.is_always]
    settable = [column for column in columns if not column.is_always]
    parts = {
        **parts,
        "assigned": sql.SQL(", ").join(
            sql.SQL("{} = {}").format(sql.Identifier(c.name), c.restored)
            for c in settable
        ),
        "is_renumbered": sql.SQL(" or ").join(
            sql.SQL("live.{0} is distinct from kept.{0}").format(sql.Identifier(c.name))
            for c in always
        ),
    }
    row = always and connection.execute(query("backup_renumbered", **parts)).fetchone()
    if not (row and row[0]):
        connection.execute("savepoint updating")
        try:
            connection.execute(query("backup_update", **parts))
        except (psycopg.errors.UniqueViolation, psycopg.errors.ExclusionViolation):
            connection.execute("rollback to savepoint updating")
        else:
            connection.execute("release savepoint updating")
            return []
    for key in incoming:
        connection.execute(key.drop_ddl.encode())
    connection.execute(query("backup_replace", **parts))
    return list(incoming)


def _listed(columns: Sequence[CopiedColumn]) -> dict[str, sql.Composable]:
    return {
        "columns": sql.SQL(", ").join(sql.Identifier(c.name) for c in columns),
        "values": sql.SQL(", ").join(column.restored for column in columns),
    }


def _unlike(name: str) -> sql.Identifier:
    return sql.Identifier("pg_temp", f"unlike_{name}")
