"""What is landed, and whether it is what the models read.

Reads the landing tables' own record and writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from harness import settings
from harness.database import Connection
from harness.errors import Refused
from harness.load.staging import has_live_bookings


@dataclass(frozen=True)
class Landed:
    """The landed tables, and what is missing for the models: tables, and columns."""

    tables: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Whether the models can read what is landed."""
        return bool(self.tables) and not self.missing


def find_landed(connection: Connection) -> Landed:
    """Read which tables are landed; none when there was no load yet."""
    record = sql.Identifier(settings.staging_schema(), "loaded_columns")
    row = connection.execute(
        "select to_regclass(%s) is not null", [record.as_string(connection)]
    ).fetchone()
    columns: dict[str, set[str]] = {}
    if row and row[0]:
        for table, column in connection.execute(
            sql.SQL("select table_name, column_name from {}").format(record)
        ):
            columns.setdefault(table, set()).add(column)
    missing = []
    for table, required in settings.REQUIRED_COLUMNS.items():
        if table not in columns:
            missing.append(f"the table {table}")
        elif lacking := [name for name in required if name not in columns[table]]:
            missing.append(f"the columns {', '.join(lacking)} of {table}")
    return Landed(tuple(sorted(columns)), tuple(missing))


def require_landed(connection: Connection) -> None:
    """Raise ``Refused`` unless what the models read is landed."""
    landed = find_landed(connection)
    if landed.missing:
        there = ", ".join(landed.tables) or "none"
        raise Refused(
            f"what is landed lacks {', '.join(landed.missing)}, which the models read; "
            f"landed tables: {there}. Nothing was changed. Load a dump of the chat "
            "system without --tables: ./inv load --dump FILE"
        )
    if not _knows_bookings(connection):
        raise Refused(
            "the load names no bookings that were migrated, and there is no table "
            f"{settings.live_schema()}.bookings. Nothing was changed. Load again with "
            "their file: ./inv load --dump FILE --bookings bookings-created.json"
        )


def _knows_bookings(connection: Connection) -> bool:
    loads = sql.Identifier(settings.staging_schema(), "loads")
    row = connection.execute(
        sql.SQL("select bool_or(has_bookings_file) from {}").format(loads)
    ).fetchone()
    return bool(row and row[0]) or has_live_bookings(connection, settings.live_schema())
