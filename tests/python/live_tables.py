"""A database with decorated live tables, and what pg_dump says of it.

The tables belong to a role that is no superuser, as on hosted servers; the harness
works as that role.
"""

from __future__ import annotations

import difflib
import itertools
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from harness import embedded
from harness.database import Connection, Target, connect

OWNER = "backup_owner"
_ROLES = (OWNER, "backup_reader", "backup_writer")
_DECORATED = Path(__file__).with_name("decorated.sql")
_numbers = itertools.count(1)

Keywords = dict[str, str]


def make(server: Keywords, *, content: str | None = None) -> Keywords:
    """Make a database whose owner has these tables, the decorated ones by default."""
    name = f"decorated_{next(_numbers)}"
    with psycopg.connect(make_conninfo(**server), autocommit=True) as connection:
        for role in _ROLES:
            connection.execute(
                f"do $$ begin create role {role} login;"
                " exception when duplicate_object then null; end $$"
            )
        connection.execute(f"create database {name} owner {OWNER}")
    made = {**server, "dbname": name, "user": OWNER}
    with psycopg.connect(make_conninfo(**made), autocommit=True) as connection:
        script = content if content is not None else _DECORATED.read_text("utf-8")
        connection.execute(script.encode())
    return made


@contextmanager
def copy_of(template: Keywords) -> Iterator[Keywords]:
    """Copy a database to which nobody is connected, for as long as it is needed."""
    name = f"copy_{next(_numbers)}"
    server = {**template, "dbname": "postgres", "user": "postgres"}
    with psycopg.connect(make_conninfo(**server), autocommit=True) as connection:
        connection.execute(
            f"create database {name} template {template['dbname']} owner {OWNER}"
        )
        yield {**template, "dbname": name}
        connection.execute(f"drop database {name} with (force)")


def drop(made: Keywords) -> None:
    """Remove a database."""
    server = {**made, "dbname": "postgres", "user": "postgres"}
    with psycopg.connect(make_conninfo(**server), autocommit=True) as connection:
        connection.execute(f"drop database {made['dbname']} with (force)")


@contextmanager
def opened(database: Keywords) -> Iterator[Connection]:
    """Connect as the harness does."""
    with connect(target(database)) as connection:
        yield connection


def target(database: Keywords) -> Target:
    """The database as the harness names it."""
    return Target(database, is_embedded=False)


def execute(database: Keywords, statements: str, user: str = OWNER) -> None:
    """Execute statements as somebody else would, and commit."""
    parameters = {**database, "user": user}
    with psycopg.connect(make_conninfo(**parameters)) as connection:
        connection.execute(statements.encode())


def dump(database: Keywords) -> list[str]:
    """What pg_dump says of the application's schemas; the rows of a table sorted.

    A restored row need not lie where it lay. Without the random key of the guards.
    """
    parameters = {**database, "user": "postgres"}
    done = subprocess.run(
        [
            str(embedded.binary("pg_dump")),
            "--exclude-schema=*carryover*",
            make_conninfo(**parameters),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    lines: list[str] = []
    rows: list[str] | None = None
    for line in done.stdout.splitlines():
        if line.startswith(("\\restrict", "\\unrestrict")):
            continue
        if rows is None:
            lines.append(line)
            rows = [] if line.startswith("COPY ") else None
        elif line == "\\.":
            lines += [*sorted(rows), line]
            rows = None
        else:
            rows.append(line)
    return lines


def unlike(before: list[str], after: list[str]) -> list[str]:
    """The lines in which two dumps differ."""
    lines = difflib.unified_diff(before, after, n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]
