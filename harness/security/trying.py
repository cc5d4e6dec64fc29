"""One attempt at a time: what must fail, what must work, and rows to try it with.

Whatever is tried is taken back at once.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from psycopg import sql

from harness import settings
from harness.database import Connection
from harness.security import acting
from harness.security.acting import Actor, Outcome
from harness.security.findings import Finding

#: What is tried: what it would mean, on which table, the statement and its values.
Statement = sql.SQL | sql.Composed
Attempt = tuple[str, str, Statement, list[Any]]

ID = sql.Identifier("id")
SENDER = sql.Identifier("sender_id")
PARTICIPANTS = sql.Identifier("participants")


def must_fail(
    connection: Connection, check: str, actor: Actor | None, attempt: Attempt
) -> Finding | None:
    """Try what must not succeed; returns what was found if it does."""
    what, table, statement, values = attempt
    outcome = acting.attempt(connection, actor, statement, values)
    is_utility = outcome.error is None and outcome.rows < 0
    if not (outcome.succeeded or is_utility):
        return None
    return Finding(check, actor.label if actor else "the owner", table, what)


def must_work(
    connection: Connection, check: str, actor: Actor, attempt: Attempt
) -> Finding | None:
    """Try what must succeed; returns what was found if a want of rights stops it."""
    what, table, statement, values = attempt
    outcome = acting.attempt(connection, actor, statement, values)
    if outcome.succeeded or _is_of_the_application(outcome):
        return None
    if not _is_granted(connection, actor, table, statement):
        return None
    return Finding(check, actor.label, table, f"cannot do what is theirs: {what}")


def _is_of_the_application(outcome: Outcome) -> bool:
    """Whether not a want of rights stopped it, but a constraint or a trigger."""
    return outcome.error is not None and not outcome.is_refused


def _is_granted(
    connection: Connection, actor: Actor, table: str, statement: Statement
) -> bool:
    """Whether the application lets the role do such a thing to the table at all."""
    verb = statement.as_string().split(" ", 1)[0]
    row = connection.execute(
        "select has_table_privilege(%s, %s, %s)",
        [actor.role, table_of(table).as_string(), verb],
    ).fetchone()
    return bool(row and row[0])


def insert(
    table: str, columns: sql.Composable, model: dict[str, Any], other: dict[str, Any]
) -> tuple[Statement, list[Any]]:
    """Write a row like an existing one, under a new id and with other values."""
    row = {**model, "id": uuid.uuid4(), **other}  # its keys become columns
    statement = sql.SQL(
        "insert into {0} ({1}) select {1} from jsonb_populate_record(null::{0}, %s)"
    ).format(table_of(table), columns)
    return statement, [json.dumps(row, default=str)]


def table_of(name: str) -> sql.Identifier:
    """A live table, as a statement names it."""
    return sql.Identifier(settings.live_schema(), name)
