"""Tries a backup out: the tables made anew from it, in a schema that is never kept.

Works in the caller's transaction, inside a savepoint that is always taken back.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence

import psycopg
from psycopg import sql

from harness import hashing, locks, settings, structure
from harness.backup.executing import execute_all
from harness.backup.rows import columns_of
from harness.backup.store import BackupTable
from harness.database import Connection, said_by
from harness.errors import CheckFailed
from harness.structure import AFTER_ROWS, LiveObject

#: What lies outside the tables: it cannot be made twice, or not without touching what
#: the application uses.
_OUTSIDE = structure.DEPENDENTS | {"publication"}
_PARENT = re.compile(r" REFERENCES (.+?)\(")
_UNQUALIFIED = re.compile(r'"([^"]|"")+"|[^".]+')
_OF_ANOTHER_SCHEMA = re.compile(
    r'\bsequence (if not exists )?("([^"]|"")+"|[^\s".]+)\.'
)
_NEXT = "No backup was left. Mend the cause and run: ./inv backup --execute"


def restore(
    connection: Connection,
    backup_id: str,
    objects: Sequence[LiveObject],
    tables: Sequence[BackupTable],
) -> list[str]:
    """Make the tables anew in a scratch schema and compare; returns what was checked.

    Raises ``CheckFailed`` naming what differs.
    """
    schema = f"{settings.schema_prefix()}carryover_trial_{secrets.token_hex(4)}"
    names = [table.name for table in tables]
    within = [o for o in objects if o.table in names and o.kind not in _OUTSIDE]
    within = [_unchecked(o, names) for o in within if not _is_anothers(o)]
    # A policy or a check may call a function that takes a row of the table.
    functions = [o for o in objects if o.kind == "function" and _is_of_here(o)]
    savepoint = sql.Identifier(f"trial_{backup_id}")
    connection.execute(sql.SQL("savepoint {}").format(savepoint))
    try:
        _make(connection, schema, [*within, *functions], tables)
        _compare(connection, schema, within, tables)
    except locks.TRANSIENT:
        raise
    except psycopg.Error as error:
        raise CheckFailed(
            f"the trial restore failed in the database: {said_by(error)}. {_NEXT}"
        ) from error
    connection.execute(sql.SQL("rollback to savepoint {0}").format(savepoint))
    connection.execute(sql.SQL("release savepoint {0}").format(savepoint))
    return ["rows", "content", "trial restore: structure", "trial restore: content"]


def _make(
    connection: Connection,
    schema: str,
    objects: Sequence[LiveObject],
    tables: Sequence[BackupTable],
) -> None:
    # Nobody sees the schema; the tables' owners need it to own and check things there.
    connection.execute(
        sql.SQL("create schema {0}; grant all on schema {0} to public").format(
            sql.Identifier(schema)
        )
    )
    connection.execute("set local check_function_bodies to off")
    with structure.search_path(connection, schema, settings.live_schema()):
        names = [table.name for table in tables]
        before = [o for o in objects if o.kind not in AFTER_ROWS]
        after = [o for o in objects if o.kind in AFTER_ROWS]
        grants = [o for o in after if o.kind.endswith("grant")]
        execute_all(connection, before)
        for table in tables:
            columns = columns_of(connection, table.name, schema)
            written = [column for column in columns if not column.is_generated]
            connection.execute(
                sql.SQL(
                    "insert into {} ({}) overriding system value"
                    " select {} from {} as kept order by kept.ctid"
                ).format(
                    sql.Identifier(schema, table.name),
                    sql.SQL(", ").join(sql.Identifier(c.name) for c in written),
                    sql.SQL(", ").join(column.restored for column in written),
                    table.relation,
                )
            )
        _stand_in(connection, schema, after, names)
        execute_all(connection, [o for o in after if o not in grants])
        # Default privileges may have given the new tables more than the old ones had.
        made = structure.read(connection, names, schema)
        execute_all(
            connection,
            [
                LiveObject(o.table, o.kind, o.name, o.drop_ddl, "")
                for o in made
                if o.kind.endswith("grant")
            ],
        )
        execute_all(connection, grants)


def _compare(
    connection: Connection,
    schema: str,
    objects: Sequence[LiveObject],
    tables: Sequence[BackupTable],
) -> None:
    names = [table.name for table in tables]
    made = structure.read(connection, names, schema, then=[settings.live_schema()])
    differing = structure.differences(
        objects,
        [o for o in made if o.kind not in _OUTSIDE and not _is_anothers(o)],
    )
    if differing:
        more = f" and {len(differing) - 5} more" if len(differing) > 5 else ""
        raise CheckFailed(
            "the tables made anew from the backup are not as they were: "
            f"{', '.join(differing[:5])}{more}. {_NEXT}"
        )
    for table in tables:
        columns = [column.name for column in columns_of(connection, table.name, schema)]
        state = hashing.table_state(
            connection, sql.Identifier(schema, table.name), columns
        )
        if (state.rows, state.content_hash) != (table.rows, table.content_hash):
            raise CheckFailed(
                f"the rows of {table.name} restored from the backup are not as they "
                f"were: {state.rows:,} rows with hash {state.content_hash}, not "
                f"{table.rows:,} with {table.content_hash}. {_NEXT}"
            )


def _stand_in(
    connection: Connection,
    schema: str,
    objects: Sequence[LiveObject],
    names: Sequence[str],
) -> None:
    """Make empty tables for keys to refer to that lead to tables outside.

    A key to the application's own table would lock that one against its writers.
    """
    for parent in sorted({_parent(o) for o in objects} - {"", *names}):
        connection.execute(
            sql.SQL("create table {}.{} (like {}.{} including indexes)").format(
                sql.Identifier(schema),
                sql.SQL(parent),
                sql.Identifier(settings.live_schema()),
                sql.SQL(parent),
            )
        )


def _parent(each: LiveObject) -> str:
    """The table that a foreign key refers to, as its statement names it."""
    found = _PARENT.search(each.ddl) if each.kind == "foreign key" else None
    return found[1] if found else ""


def _unchecked(each: LiveObject, names: Sequence[str]) -> LiveObject:
    """Leave a key to a table outside unchecked: what stands in for that is empty."""
    if _parent(each) in ("", *names):
        return each
    if each.ddl.endswith((" NOT VALID", " NOT ENFORCED")):
        return each
    return LiveObject(
        each.table, each.kind, each.name, f"{each.ddl} NOT VALID", each.drop_ddl
    )


def _is_of_here(function: LiveObject) -> bool:
    """Whether a function is of the live schema: its name then has no other."""
    return bool(_UNQUALIFIED.fullmatch(function.name.partition("(")[0]))


def _is_anothers(each: LiveObject) -> bool:
    """Whether this is not to be made twice.

    A sequence of another schema, whose name its statement then has, would be set; a key
    to a table there would lock it; a right that somebody passed on can be given by that
    role alone.
    """
    if each.ddl.startswith("set local role "):
        return True
    if _parent(each) and not _UNQUALIFIED.fullmatch(_parent(each)):
        return True
    is_of_sequence = each.kind.startswith("sequence") or (
        each.kind == "owner" and each.name.startswith("sequence ")
    )
    return is_of_sequence and bool(_OF_ANOTHER_SCHEMA.search(each.ddl))
