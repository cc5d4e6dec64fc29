"""How a row's content is hashed, so that the ledger can tell whether it changed.

The hash is the MD5 of the row's text with its columns in a stated order, under session
settings that fix how times and numbers are written. It finds a change; it is no
protection against somebody who forges one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from harness.database import Connection
from harness.queries import query


@dataclass(frozen=True)
class TableState:
    """How many rows a table has, and a hash of their content in whatever order."""

    rows: int
    content_hash: str


def fix_session(connection: Connection) -> None:
    """Fix, until the transaction ends, what decides how a value is written as text."""
    connection.execute(
        "set local time zone 'UTC'; set local datestyle to 'ISO, YMD';"
        " set local intervalstyle to 'iso_8601'; set local extra_float_digits to 1;"
        " set local bytea_output to 'hex'"
    )


def content_hash(alias: str, columns: Sequence[str]) -> sql.Composed:
    """Compose the hash of a row's columns, in alphabetical order."""
    named = [sql.Identifier(alias, column) for column in sorted(columns)]
    return sql.SQL("md5(row({})::text)").format(sql.SQL(", ").join(named))


def table_state(
    connection: Connection, relation: sql.Composable, columns: Sequence[str]
) -> TableState:
    """Count and hash all rows of a table, by these columns, whatever their order.

    Equal states mean equal rows; ``fix_session`` must have been called.
    """
    row = connection.execute(
        query(
            "table_state",
            relation=relation,
            content_hash=content_hash("counted", columns),
        )
    ).fetchone()
    return TableState(*row) if row else TableState(0, "")
