"""The second and fifth check: files, and what of ours the API's roles reach.

Reads the catalog, and as a stranger the files; writes nothing.
"""

from __future__ import annotations

from psycopg import sql

from harness import settings
from harness.database import Connection
from harness.queries import query
from harness.security import acting, hardening
from harness.security.findings import PUBLISH, Finding, Result
from harness.security.sampling import People

#: The bucket that the chat's files are in.
BUCKET = "chat-files"

#: By kind of finding: what is wrong, the remedy, and whether it is only a warning.
_KINDS: dict[str, tuple[str, str, bool]] = {
    "schema": (
        "may use a schema that is not for the API",
        "revoke all on schema {name} from {role}",
        False,
    ),
    "table": (
        "may read a table of the private schema",
        "revoke all on {name} from {role}",
        False,
    ),
    "row level security": ("row level security is off", PUBLISH, False),
    "backup": (
        "may read a backup that has no row level security",
        "Move it: alter table {name} set schema a_private_one; or drop it",
        False,
    ),
    "legacy": (
        "may read a legacy table that has no row level security and still holds chats",
        "Run: ./inv cutover --execute, or switch row level security on",
        True,
    ),
    "view": (
        "may read our tables with the rights of a view's owner",
        "alter view {name} set (security_invoker = on)",
        False,
    ),
    "materialized view": (
        "may read a copy of our tables that has no row level security",
        "revoke all on {name} from {role}",
        False,
    ),
    "function": (
        "may call a security definer function that uses the chat tables",
        "revoke execute on function {name} from public, {role}",
        False,
    ),
    "function of the application": (
        "may call a security definer function",
        "See that it checks who calls it, or: revoke execute on function {name} from "
        "public, {role}",
        True,
    ),
    "private function": (
        "may call a function of the private schema",
        PUBLISH,
        False,
    ),
}


def check_files(connection: Connection, people: People) -> Result:
    """See as people of no chat whether files of chats can be listed.

    Only what is there now: the bucket, and policies on its objects.
    """
    result = Result("files")
    row = connection.execute(
        "select to_regclass('storage.objects') is not null"
        " and to_regclass('storage.buckets') is not null"
    ).fetchone()
    bucket = None
    if row and row[0]:
        bucket = connection.execute(
            "select public, (select relrowsecurity from pg_class"
            " where oid = to_regclass('storage.objects'))"
            " from storage.buckets where id = %s",
            [BUCKET],
        ).fetchone()
    if bucket is None:
        result.not_looked_at = f"there is no bucket {BUCKET} yet"
        return result
    is_public, has_row_security = bucket
    objects = "storage.objects"
    result.tried(
        Finding("files", "everybody", BUCKET, "the bucket is public", _PRIVATE)
        if is_public
        else None,
        None
        if has_row_security
        else Finding("files", "everybody", objects, "row level security is off", _RLS),
    )
    statement = sql.SQL(
        "select from storage.objects where bucket_id = %s and not exists (select"
        " from {} where id::text = split_part(name, '/', 1)"
        " and participants @> array[%s::uuid]) limit 1"
    ).format(sql.Identifier(settings.live_schema(), "chat_sessions"))
    for actor in (*people.users, people.anonymous):
        outcome = acting.attempt(connection, actor, statement, [BUCKET, actor.user_id])
        result.tried(
            Finding("files", actor.label, BUCKET, "lists files of others' chats", _RLS)
            if outcome.succeeded
            else None
        )
    return result


_PRIVATE = "update storage.buckets set public = false where id = 'chat-files'"
_RLS = "Let the policies on storage.objects name who takes part in a file's session"


def check_exposure(connection: Connection) -> Result:
    """Look in the catalog for what the API's roles reach, and what is missing."""
    result = Result("exposure")
    private = [
        settings.ledger_schema(),
        settings.backup_schema(),
        settings.staging_schema(),
        settings.transform_schema(),
        settings.marts_schema(),
        settings.consolidated_schema(),
        settings.archive_schema(),
    ]
    rows = connection.execute(
        query(
            "security_exposure",
            private_schemas=sql.Literal(private),
            security_name=sql.Literal(settings.security_schema()),
            legacy_name=sql.Literal(settings.legacy_schema()),
        )
    ).fetchall()
    for kind, role, name in rows:
        what, remedy, is_warning = _KINDS[kind]
        result.findings += (
            Finding(
                "exposure",
                role,
                name,
                what,
                remedy.format(name=name, role=role),
                is_warning,
            ),
        )
    result.attempts += len(_KINDS)
    shown = connection.execute(query("security_shown_schemas")).fetchall()
    for (name,) in shown:
        if name in (*private, settings.security_schema()):
            what = "is among the schemas that the API shows (pgrst.db_schemas)"
            result.tried(Finding("exposure", "authenticator", name, what, _UNSHOW))
    result.tried(_not_in_place(connection))
    return result


_UNSHOW = "Take it off the API's exposed schemas"


def _not_in_place(connection: Connection) -> Finding | None:
    """Name what publishing would have to make again."""
    missing = hardening.missing_changes(connection)
    if not missing:
        return None
    named = ", ".join(f"{change.kind} {change.name}" for change in missing[:4])
    more = f" and {len(missing) - 4} more" if len(missing) > 4 else ""
    return Finding("exposure", "-", f"{named}{more}", "is not as it was published")
