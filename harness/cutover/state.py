"""Whether a cutover stands, as the ledger has it, and where the legacy tables are then.

Owns the ledger's table ``cutovers``; works in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from harness import ledger, settings
from harness.database import Connection


@dataclass(frozen=True)
class Cutover:
    """A cutover that stands. Times are UTC.

    ``detail`` holds the schema that the tables come from, what was done and how each
    step is undone, and what the archive's tables and the views were made of.
    """

    cutover_id: int
    run_id: str
    executed_at: datetime
    operator: str
    archive_schema: str
    detail: Mapping[str, Any]

    @property
    def legacy_schema(self) -> str:
        """Where the views are and the tables were."""
        return str(self.detail["legacy_schema"])


def find(connection: Connection) -> Cutover | None:
    """Find the cutover that stands in this database, if there is one."""
    row = connection.execute(
        "select to_regclass(%s) is not null", [_table().as_string(connection)]
    ).fetchone()
    if not (row and row[0]):
        return None
    found = connection.execute(
        sql.SQL(
            "select cutover_id, run_id, executed_at, operator, archive_schema, detail"
            " from {} where undone_at is null order by cutover_id desc limit 1"
        ).format(_table())
    ).fetchone()
    return Cutover(*found) if found else None


def stands(connection: Connection) -> bool:
    """Whether views are in the place of the legacy tables now."""
    return find(connection) is not None


def legacy_schema(connection: Connection) -> str:
    """The schema in which ``messages`` and ``voice_notes`` are tables now.

    That of the settings, or the archive's while a cutover of that schema stands.
    """
    standing = find(connection)
    if standing and standing.legacy_schema == settings.legacy_schema():
        return standing.archive_schema
    return settings.legacy_schema()


def enter(
    connection: Connection, run_id: str, archive_schema: str, detail: Mapping[str, Any]
) -> None:
    """Enter a cutover that was just done."""
    connection.execute(
        sql.SQL(
            "insert into {} (run_id, executed_at, operator, live_schema,"
            " archive_schema, detail) values (%s, now(), %s, %s, %s, %s)"
        ).format(_table()),
        [
            run_id,
            ledger.operator(),
            settings.live_schema(),
            archive_schema,
            Jsonb(dict(detail)),
        ],
    )


def end(connection: Connection, cutover_id: int) -> None:
    """Enter that a cutover was undone."""
    connection.execute(
        sql.SQL(
            "update {} set undone_at = now(), undone_by = %s where cutover_id = %s"
        ).format(_table()),
        [ledger.operator(), cutover_id],
    )


def _table() -> sql.Identifier:
    return sql.Identifier(settings.ledger_schema(), "cutovers")
