"""Keeps the application's triggers out of what must come out as it is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import sql

from harness import settings
from harness.database import Connection
from harness.queries import query


@contextmanager
def off(connection: Connection, table: str) -> Iterator[None]:
    """Keep the application's triggers on a live table from firing, then as before.

    One that stamps the time of a change would leave the row unlike what it was.
    """
    name = sql.Identifier(settings.live_schema(), table)
    # A table with pending checks cannot be altered.
    connection.execute("set constraints all immediate")
    triggers = connection.execute(
        query("live_triggers"), {"table": f'"{settings.live_schema()}"."{table}"'}
    ).fetchall()
    for trigger, _ in triggers:
        connection.execute(
            sql.SQL("alter table {} disable trigger {}").format(
                name, sql.Identifier(trigger)
            )
        )
    yield
    for trigger, enabled in triggers:
        connection.execute(
            sql.SQL("alter table {} enable {} trigger {}").format(
                name, sql.SQL(enabled), sql.Identifier(trigger)
            )
        )
