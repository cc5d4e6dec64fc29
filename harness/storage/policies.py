"""Who may read and write the files of chats: policies on ``storage.objects``.

Where the database is Supabase's: participants read the files of their sessions and
upload into their own folder there, change and delete what is in it; admins do all. Each
addition is in the ledger with its undoing. Never writes a row of ``storage.objects``;
of ``storage.buckets`` only the row of the target bucket, which is made private and,
where it had no limits, limited.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql
from psycopg.types.json import Jsonb

from harness import settings
from harness.constraints import Change
from harness.database import Connection
from harness.errors import Refused
from harness.queries import query
from harness.storage.limits import Limits, has_storage

#: What the changes are of; they are in a list of their own, because publishing,
#: rolling back and restoring the chat tables must not touch them.
TABLE = "storage.objects"
_FUNCTIONS = ("is_chat_admin", "reads_chat_file", "owns_chat_file")
_READS, _OWNS = "reads_chat_file", "owns_chat_file"


@dataclass(frozen=True)
class Bucket:
    """The settings of the target bucket before ours; None when there was none."""

    is_public: bool
    max_bytes: int | None
    types: list[str] | None


def apply_policies(
    connection: Connection, run_id: str, bucket: str, taken: Limits
) -> list[str]:
    """Make the bucket private and limited, and add the policies that are missing.

    In the caller's transaction. Returns what was added; nothing where this database has
    no storage of Supabase's. Raises ``Refused`` when nobody's sessions can be asked.
    """
    if not has_storage(connection):
        return []
    _settle_bucket(connection, run_id, bucket, taken)
    changes = missing(connection, bucket)
    _apply(connection, run_id, changes)
    return [change.name for change in changes]


def missing(connection: Connection, bucket: str) -> list[Change]:
    """The functions and policies that this database does not have yet."""
    _require_sessions(connection)
    private = settings.security_schema()
    changes = []
    if not _is_there(connection, "to_regnamespace(quote_ident(%s))", private):
        changes.append(_schema(private))
    for name in _FUNCTIONS:
        if not _is_there(connection, "to_regproc(%s)", f'"{private}"."{name}"'):
            changes.append(_function(connection, name))
    standing = {
        row[0]
        for row in connection.execute(
            "select policyname from pg_policies where schemaname = 'storage'"
            " and tablename = 'objects'"
        ).fetchall()
    }
    policies = _policies(connection, bucket)
    return changes + [policy for policy in policies if policy.name not in standing]


def undo_policies(connection: Connection, *, execute: bool = True) -> list[str]:
    """Take back policies, functions and the bucket's settings, the newest first."""
    ledger = _changes()
    rows = connection.execute(
        sql.SQL(
            "select change_id, kind, name, undo_ddl from {}"
            " where rolled_back_at is null order by change_id desc"
        ).format(ledger)
    ).fetchall()
    if execute:
        for change_id, _, _, ddl in rows:
            connection.execute(ddl.encode())
            connection.execute(
                sql.SQL(
                    "update {} set rolled_back_at = now() where change_id = %s"
                ).format(ledger),
                [change_id],
            )
    return [f"{kind} {name}" for _, kind, name, _ in rows]


def _apply(connection: Connection, run_id: str, changes: Sequence[Change]) -> None:
    """Make changes, and enter each in the ledger."""
    for change in changes:
        connection.execute(change.ddl.encode())
        connection.execute(
            sql.SQL(
                "insert into {} (run_id, kind, name, ddl, undo_ddl)"
                " values (%s, %s, %s, %s, %s)"
            ).format(_changes()),
            [run_id, change.kind, change.name, change.ddl, change.undo_ddl],
        )


def _changes() -> sql.Identifier:
    return sql.Identifier(settings.ledger_schema(), "storage_changes")


def _settle_bucket(
    connection: Connection, run_id: str, bucket: str, taken: Limits
) -> None:
    """Make the bucket private; give limits to one that has none."""
    row = connection.execute(
        "select public, file_size_limit, allowed_mime_types from storage.buckets"
        " where id = %s",
        [bucket],
    ).fetchone()
    size = taken.max_bytes if taken.is_sized else None
    types = list(taken.types) or None
    if row is None:
        # A server that is not Supabase's own made the bucket and left no row here.
        connection.execute(
            "insert into storage.buckets"
            " (id, name, public, file_size_limit, allowed_mime_types)"
            " values (%s, %s, false, %s, %s)",
            [bucket, bucket, size, types],
        )
        return
    before = Bucket(*row)
    if not before.is_public and before.max_bytes and before.types:
        return
    after = Bucket(False, before.max_bytes or size, before.types or types)
    if after == before:
        return
    change = Change(
        "bucket",
        TABLE,
        f"limits of bucket {bucket}",
        _set_bucket(bucket, after).as_string(connection),
        _set_bucket(bucket, before).as_string(connection),
    )
    _apply(connection, run_id, [change])


def _set_bucket(bucket: str, to: Bucket) -> sql.Composed:
    return sql.SQL(
        "update storage.buckets set public = {}, file_size_limit = {},"
        " allowed_mime_types = {} where id = {}"
    ).format(
        sql.Literal(to.is_public),
        sql.Literal(to.max_bytes),
        sql.SQL("array(select jsonb_array_elements_text({}))").format(
            sql.Literal(Jsonb(to.types))
        )
        if to.types is not None
        else sql.SQL("null"),
        sql.Literal(bucket),
    )


def _require_sessions(connection: Connection) -> None:
    live = settings.live_schema()
    if not _is_there(connection, "to_regclass(%s)", f'"{live}".chat_sessions'):
        raise Refused(
            f"{live} has no chat_sessions, so that nobody can tell whose files are "
            "whose. Nothing was changed. Publish first: "
            "./inv consolidate.publish --execute"
        )
    row = connection.execute(
        "select relrowsecurity from pg_class where oid = to_regclass('storage.objects')"
    ).fetchone()
    if not (row and row[0]):
        raise Refused(
            "row level security is off on storage.objects, so that no policy guards "
            "a file. Nothing was changed. Turn it on: "
            "alter table storage.objects enable row level security"
        )


def _schema(name: str) -> Change:
    schema = sql.Identifier(name)
    create = sql.SQL("create schema {}; revoke all on schema {} from public")
    return Change(
        "schema",
        TABLE,
        name,
        create.format(schema, schema).as_string()
        + sql.SQL("; grant usage on schema {} to public").format(schema).as_string(),
        sql.SQL("drop schema if exists {}").format(schema).as_string(),
    )


def _function(connection: Connection, name: str) -> Change:
    parts = {
        "private": sql.Identifier(settings.security_schema()),
        "user": _user(connection),
    }
    body = query(f"storage_function_{name}", **parts).as_string(connection)
    arguments = "()" if name == "is_chat_admin" else "(text)"
    signature = sql.SQL("{}.{}{}").format(
        parts["private"], sql.Identifier(name), sql.SQL(arguments)
    )
    rights = sql.SQL(
        "revoke all on function {} from public; grant execute on function {} to {}"
    ).format(signature, signature, _users(connection))
    return Change(
        "function",
        TABLE,
        name,
        f"{body.rstrip()};\n{rights.as_string(connection)}",
        sql.SQL("drop function if exists {}").format(signature).as_string(connection),
    )


def _policies(connection: Connection, bucket: str) -> list[Change]:
    """One policy for each action, for participants or admins."""
    private = sql.Identifier(settings.security_schema())
    admin = sql.SQL("(select {}.is_chat_admin())").format(private)

    def rule(function: str) -> sql.Composed:
        return sql.SQL("bucket_id = {} and ({}.{}(name) or {})").format(
            sql.Literal(bucket), private, sql.Identifier(function), admin
        )

    reads, owns = rule(_READS), rule(_OWNS)
    clauses = {
        "select": sql.SQL("using ({})").format(reads),
        "insert": sql.SQL("with check ({})").format(owns),
        "update": sql.SQL("using ({}) with check ({})").format(owns, owns),
        "delete": sql.SQL("using ({})").format(owns),
    }
    return [
        _policy(connection, f"{bucket} {action}", action, clause)
        for action, clause in clauses.items()
    ]


def _policy(
    connection: Connection, name: str, action: str, clause: sql.Composed
) -> Change:
    named = sql.Identifier(name)
    ddl = sql.SQL("create policy {} on storage.objects for {} to {} {}").format(
        named, sql.SQL(action), _users(connection), clause
    )
    undo = sql.SQL("drop policy if exists {} on storage.objects").format(named)
    return Change(
        "policy", TABLE, name, ddl.as_string(connection), undo.as_string(connection)
    )


def _user(connection: Connection) -> sql.Composable:
    """The call that gives the user of a request."""
    if _is_there(connection, "to_regprocedure(%s)", "auth.uid()"):
        return sql.SQL("auth.uid()")
    raise Refused(
        "this database has storage.objects and no auth.uid(), so that no policy can "
        "ask who is there. Nothing was changed. Restore Supabase's schema auth."
    )


def _users(connection: Connection) -> sql.Composable:
    """The role of everybody who is logged in; everybody where there is none."""
    has = _is_there(connection, "(select oid from pg_roles where rolname = %s)", _ROLE)
    return sql.Identifier(_ROLE) if has else sql.SQL("public")


_ROLE = "authenticated"


def _is_there(connection: Connection, expression: str, name: str) -> bool:
    row = connection.execute(f"select {expression} is not null", [name]).fetchone()
    return bool(row and row[0])
