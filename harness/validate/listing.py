"""Lists what was found, by ids: never the text of a message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import sql

from harness import pipelines, settings
from harness.database import Connection
from harness.queries import query
from harness.validate.outcome import LISTED, Relation

#: What the derivations call the rows of a mart, where that is not the mart's name.
_DERIVED = {("consolidation", "chat_messages"): "session_messages"}


def findings(table: str) -> sql.Identifier:
    """The temporary table of what was found of a mart's live table."""
    return sql.Identifier("pg_temp", f"findings_{table}")


def expected(table: str) -> sql.Identifier:
    """The temporary table of a mart's rows as the derivation has them."""
    name = _DERIVED.get((pipelines.current().name, table), table)
    return sql.Identifier("pg_temp", f"expected_{name}")


def listed(
    connection: Connection, finding: str, tables: Sequence[str]
) -> dict[str, list[str]]:
    """List the ids of a kind of fault under the names of the specification."""
    return {
        f"{finding}_{table.removeprefix('chat_')}": _ids(connection, table, finding)
        for table in tables
    }


def differences(connection: Connection, finding: str) -> list[dict[str, Any]]:
    """Name the rows and columns that are found so; never the text of a message."""
    parts = [
        sql.SQL(
            "select {} as table_name, id::text, columns from {} where finding = {}"
        ).format(table.name, findings(table.name), finding)
        for table in pipelines.current().tables
    ]
    rows = connection.execute(
        sql.SQL("{} order by 1, 2 limit {}").format(
            sql.SQL(" union all ").join(parts), LISTED
        )
    ).fetchall()
    return [
        {"table": name, "id": row_id, "columns": cols} for name, row_id, cols in rows
    ]


def mismatches(
    connection: Connection, column: str, relation: Relation
) -> list[dict[str, str]]:
    """List the messages whose parent in a column is another, with both parents."""
    rows = connection.execute(
        query(
            "message_mismatches",
            findings=findings("chat_messages"),
            expected=expected("chat_messages"),
            column=sql.Identifier(column),
            column_name=sql.Literal(column),
            listed=sql.Literal(LISTED),
            messages=relation("chat_messages"),
        )
    ).fetchall()
    what = column.removesuffix("_id")
    keys = ("message_id", f"expected_{what}", f"actual_{what}")
    return [dict(zip(keys, row, strict=True)) for row in rows]


def live_counts(connection: Connection) -> dict[str, int]:
    """Count the rows of the live tables that the pipeline writes."""
    return {
        name: count(connection, sql.Identifier(settings.live_schema(), name))
        for name in pipelines.current().written
    }


def expected_counts(connection: Connection) -> dict[str, int]:
    """Count the rows that must be live, by mart."""
    return {
        table.name: count(connection, expected(table.name))
        for table in pipelines.current().tables
    }


def count(connection: Connection, table: sql.Identifier) -> int:
    """Count the rows of a table."""
    row = connection.execute(
        sql.SQL("select count(*) from {}").format(table)
    ).fetchone()
    return int(row[0]) if row else 0


def _ids(connection: Connection, table: str, finding: str) -> list[str]:
    rows = connection.execute(
        sql.SQL(
            "select distinct id::text from {} where finding = %s order by 1 limit %s"
        ).format(findings(table)),
        [finding, LISTED],
    ).fetchall()
    return [row[0] for row in rows]
