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

from harness import embedded, pipelines, settings
from harness.database import Connection
from tests.python.chaos import moments
from tests.python.chaos.tasks import Operator, watcher

#: Tables and views of the application, with those that a publish or a cutover makes.
LIVE = (
    *("profiles", "bookings", "chats", "chat_sessions", "chat_messages", "media"),
    *("messages", "voice_notes", "chat_audit_logs"),
)
#: Schemas that are ours; all else is compared.
_OURS = ("carryover*", "staging*", "transform", "marts", "consolidated")
#: Columns that say when or in which run, and so differ between two runs of the same.
_OF_THE_RUN = {"run_id", "loaded_at", "recorded_at", "dbt_updated_at"}
#: Tables that hold nothing but that.
_OF_THE_RUNS = {"loads", "legacy_loads", "loaded_run", "audit_results"}
#: What the ledger says stands, by table: rows, changes of the schema, a cutover.
_STANDING = {
    "published_rows": "select table_name, row_id, content_hash from {}"
    " where rolled_back_at is null and superseded_by is null",
    "schema_changes": "select kind, table_name, name, ddl, undo_ddl from {}"
    " where rolled_back_at is null",
    "cutovers": "select archive_schema from {} where undone_at is null",
}
_NOTHING = (0, hashlib.md5(b"").hexdigest())  # noqa: S324 - no secret

Hashes = Mapping[str, tuple[int, str]]


@dataclass(frozen=True)
class Live:
    """The live schema: each table's rows and their hash, and pg_dump's text of it."""

    tables: Hashes
    structure: str


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
    """Read the live schema, and the archive; leaves no transaction open."""
    tables = dict(_hashes(connection, "public", LIVE))
    for name, found in _schema(connection, settings.archive_schema()).items():
        tables[f"archived {name}"] = found
    return Live(tables, structure(parameters))


def structure(parameters: Mapping[str, str]) -> str:
    """The application's DDL as pg_dump writes it, without the key of its guards."""
    command = [str(embedded.binary("pg_dump")), "--schema-only"]
    command += [f"--exclude-schema={pattern}" for pattern in _OURS]
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
    schema = pipelines.current().marts()
    if moments.IS_FULL:
        return _schema(connection, schema)
    columns = {each.name: set(each.columns) for each in pipelines.current().tables}
    return _hashes(connection, schema, columns, columns)


def published(connection: Connection) -> Hashes:
    """What the ledger says stands; the same where there is no ledger yet."""
    found = {}
    for name, query in _STANDING.items():
        row = connection.execute(
            "select to_regclass(%s) is not null", [f"carryover.{name}"]
        ).fetchone()
        table = sql.Identifier("carryover", name)
        found[name] = (
            _hash_of(connection, sql.SQL(f"({query})").format(table))
            if row == (True,)
            else _NOTHING
        )
    return found


def _schema(connection: Connection, schema: str) -> Hashes:
    rows = connection.execute(
        "select relname from pg_class where relkind = 'r'"
        " and relnamespace = to_regnamespace(%s)",
        [schema],
    ).fetchall()
    names = {row[0] for row in rows} - _OF_THE_RUNS
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
