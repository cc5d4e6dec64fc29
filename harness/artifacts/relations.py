"""Names the project's relations in SQL, and says which of them stand.

A run's artifacts are written at any stage, so any table but the ledger's may be
missing. Reads only.
"""

from __future__ import annotations

from typing import Any

from psycopg import sql

from harness.database import Connection
from harness.queries import schemas


def compose(text: str, **parts: sql.Composable) -> sql.Composed:
    """Compose SQL whose names in braces stand for identifiers or other SQL.

    ``{staging}``, ``{marts}``, ``{ledger}`` and ``{live}`` are the schemas; ``parts``
    adds others.
    """
    return sql.SQL(text).format(**schemas(), **parts)


def fetch(connection: Connection, text: str, **parameters: object) -> list[Any]:
    """Fetch the few rows of a query whose ``%(name)s`` stand for ``parameters``."""
    return connection.execute(compose(text), parameters).fetchall()


def stands(connection: Connection, schema: str, *tables: str) -> bool:
    """Whether all of these tables or views stand in a schema."""
    row = connection.execute(
        "select count(*) from pg_class"
        " where relnamespace = to_regnamespace(quote_ident(%s))"
        " and relkind in ('r', 'p', 'v', 'm', 'f') and relname = any(%s)",
        [schema, list(tables)],
    ).fetchone()
    return row is not None and row[0] == len(tables)


def has_column(connection: Connection, schema: str, table: str, column: str) -> bool:
    """Whether a table has a column of this name."""
    row = connection.execute(
        "select exists (select 1 from information_schema.columns"
        " where table_schema = %s and table_name = %s and column_name = %s)",
        [schema, table, column],
    ).fetchone()
    return bool(row and row[0])
