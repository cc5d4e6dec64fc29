"""Writes the rows of a query into a CSV file that a spreadsheet may open.

Owns how rows leave the database as CSV: in its order, with a header, and with no cell
that a spreadsheet would take for a formula.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from psycopg import sql

from harness.artifacts.folder import whole_file
from harness.database import Connection
from harness.escaping import csv_text

_COLUMNS = sql.SQL("select * from ({}) as line limit 0")
_ROWS = sql.SQL("copy (select {} from ({}) as line) to stdout (format csv, header)")


def write_csv(
    connection: Connection,
    path: Path,
    query: sql.Composable,
    parameters: Mapping[str, Any] | None = None,
) -> None:
    """Write the query's rows into the file, whole or not at all.

    The rows come through ``COPY``, in blocks, so that any number of them can.
    """
    described = connection.execute(_COLUMNS.format(query), parameters).description
    cells = [
        sql.SQL("{} as {}").format(csv_text(sql.SQL("{}::text").format(name)), name)
        for name in (sql.Identifier(column.name) for column in described or ())
    ]
    with (
        whole_file(path) as stream,
        connection.cursor() as cursor,
        cursor.copy(_ROWS.format(sql.SQL(", ").join(cells), query), parameters) as rows,
    ):
        for block in rows:
            stream.write(block)
