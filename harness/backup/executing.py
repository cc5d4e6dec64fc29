"""Executes a list of statements whose order may not be quite right.

A function may need a table's row type and a constraint of the table that function: what
fails for want of something is tried again when the rest is made.
"""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from harness.database import Connection
from harness.structure import LiveObject


def execute_all(connection: Connection, objects: Sequence[LiveObject]) -> None:
    """Execute the ``ddl`` of all objects, in their order as far as that works.

    Raises what the database raised when nothing more can be made.
    """
    waiting = [each for each in objects if each.ddl]
    if not waiting or _try(connection, "; ".join(o.ddl for o in waiting)) is None:
        return
    while waiting:
        failed = []
        errors = []
        for each in waiting:
            error = _try(connection, each.ddl)
            if error:
                failed.append(each)
                errors.append(error)
        if len(failed) == len(waiting):
            raise errors[0]
        waiting = failed


def _try(connection: Connection, statements: str) -> psycopg.Error | None:
    """Execute statements, or take them back; connection trouble is raised."""
    connection.execute("savepoint attempted")
    try:
        connection.execute(statements.encode())
    except psycopg.errors.QueryCanceled:
        raise
    except (psycopg.OperationalError, psycopg.InterfaceError):
        raise
    except psycopg.Error as error:
        connection.execute("rollback to savepoint attempted")
        return error
    connection.execute("release savepoint attempted")
    return None
