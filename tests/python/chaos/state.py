"""What stands in a database, as hashes that two runs of the same migration share.

Content is hashed whatever the order of the rows; ids and times of runs stay out. The
hashing is this module's own: nothing of the harness vouches for itself here.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from psycopg import sql
from psycopg.conninfo import make_conninfo

from harness import embedded
from harness.database import Connection
from harness.published import TABLES
from tests.python.chaos import moments
from tests.python.chaos.tasks import Operator, watcher

LIVE = ("profiles", "bookings", "chats", "chat_messages", "media")
PUBLISHED = ("chats", "chat_messages", "media")
#: Columns that say when or in which run, and so differ between two runs of the same.
_OF_THE_RUN = {"run_id", "loaded_at", "recorded_at", "dbt_updated_at"}
#: Tables that hold nothing but that.
_OF_THE_RUNS = {"staging": {"loads"}, "marts": {"loaded_run", "audit_results"}}

Hashes = Mapping[str, tuple[int, str]]


@dataclass(frozen=True)
class Live:
    """The live schema: each table's rows and their hash, and pg_dump's text of it."""

    tables: Hashes
    structure: str

    def rows(self, table: str) -> int:
        """How many rows a table has."""
        return self.tables[table][0]


@dataclass(frozen=True)
class Stand:
    """All that a publish changes: the live schema, and what the ledger says of it."""

    live: Live
    published: Hashes


def stand(connection: Connection, parameters: Mapping[str, str]) -> Stand:
    """Read both; leaves no transaction open."""
    return Stand(live(connection, parameters), published(connection))


def stand_of(operator: Operator) -> Stand:
    """Read what stands in an operator's database."""
    with watcher(operator) as connection:
        return stand(connection, operator.parameters)


def live(connection: Connection, parameters: Mapping[str, str]) -> Live:
    """Read the live schema; leaves no transaction open."""
    tables = _hashes(connection, "public", LIVE)
    return Live(tables, structure(parameters))


def structure(parameters: Mapping[str, str]) -> str:
    """The live schema's DDL as pg_dump writes it, without the key of its guards."""
    command = [str(embedded.binary("pg_dump")), "--schema-only", "--schema=public"]
    done = subprocess.run(
        [*command, make_conninfo(**parameters)],
        capture_output=True,
        text=True,
        check=True,
    )
    guards = ("\\restrict", "\\unrestrict")
    lines = done.stdout.splitlines()
    return "\n".join(line for line in lines if not line.startswith(guards))


def landing(connection: Connection) -> Hashes:
    """The landing tables; empty when nothing is landed."""
    return _schema(connection, "staging")


def marts(connection: Connection) -> Hashes:
    """What is made to be published; in the full form, all that dbt makes."""
    if moments.IS_FULL:
        return _schema(connection, "marts")
    columns = {table.name: set(table.columns) for table in TABLES}
    return _hashes(connection, "marts", PUBLISHED, columns)


def published(connection: Connection) -> Hashes:
    """The ledger's rows that stand published: which, with which content."""
    ledger = connection.execute(
        "select to_regclass('carryover.published_rows')"
    ).fetchone()
    if ledger == (None,):  # nothing was ever published, nor loaded
        return {"published_rows": (0, hashlib.md5(b"").hexdigest())}  # noqa: S324
    found = _hash_of(
        connection,
        sql.SQL(
            "(select table_name, row_id, content_hash from carryover.published_rows"
            " where rolled_back_at is null and superseded_by is null)"
        ),
    )
    return {"published_rows": found}


def _schema(connection: Connection, schema: str) -> Hashes:
    rows = connection.execute(
        "select relname from pg_class where relkind = 'r'"
        " and relnamespace = to_regnamespace(%s)",
        [schema],
    ).fetchall()
    names = {row[0] for row in rows} - _OF_THE_RUNS[schema]
    return _hashes(connection, schema, sorted(names))


def _hashes(
    connection: Connection,
    schema: str,
    names: Iterable[str],
    only: Mapping[str, set[str]] | None = None,
) -> Hashes:
    """Hash tables by all of their columns, or by these only."""
    found = {}
    for name in names:
        columns = connection.execute(
            "select attname from pg_attribute where attrelid = to_regclass(%s)"
            " and attnum > 0 and not attisdropped order by attname",
            [f'"{schema}"."{name}"'],
        ).fetchall()
        if not columns:  # the table does not stand
            continue
        chosen = [
            sql.Identifier(column)
            for (column,) in columns
            if column not in _OF_THE_RUN and (only is None or column in only[name])
        ]
        relation = sql.SQL("(select {} from {})").format(
            sql.SQL(", ").join(chosen), sql.Identifier(schema, name)
        )
        found[name] = _hash_of(connection, relation)
    connection.rollback()
    return found


def _hash_of(connection: Connection, relation: sql.Composable) -> tuple[int, str]:
    row = connection.execute(
        sql.SQL(
            "select count(*), md5(coalesce(string_agg(line, '' order by line), ''))"
            " from (select md5(counted::text) as line from {} as counted) as lines"
        ).format(relation)
    ).fetchone()
    assert row is not None
    return row[0], row[1]
