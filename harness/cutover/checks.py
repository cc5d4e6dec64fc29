"""What must hold before the legacy tables are moved, and what an operator should know.

Reads and writes nothing. Every refusal names the command to run next.
"""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from harness import ledger, pipelines, settings, structure
from harness.cutover import tables
from harness.cutover.state import Cutover
from harness.cutover.steps import Facts
from harness.cutover.tables import NAMES
from harness.database import Connection
from harness.errors import Refused
from harness.ledger import Run
from harness.queries import query

_AGAIN = "Run: ./inv consolidate --execute"
_PUBLISHED = ("published", "validated")


def require_published(connection: Connection) -> Run:
    """Return the published run of the consolidation, or raise ``Refused``."""
    with pipelines.working_on(pipelines.CONSOLIDATION):
        run = ledger.find_current_run(connection)
    if run is None or run.status not in _PUBLISHED:
        found = f"the run {run.run_id} is {run.status}" if run else "there is no run"
        raise Refused(
            f"the consolidation is not published: {found}, and new clients would not "
            f"find what the legacy tables hold. Nothing was changed. {_AGAIN}"
        )
    marts = sql.Identifier(settings.consolidated_schema(), "loaded_run").as_string()
    row = connection.execute("select to_regclass(%s) is not null", [marts]).fetchone()
    built = connection.execute(
        sql.SQL("select run_id from {}").format(sql.SQL(marts))
        if row and row[0]
        else "select null"
    ).fetchone()
    if not built or built[0] != run.run_id:
        raise Refused(
            f"the marts of {settings.consolidated_schema()} are not those of the "
            f"published run {run.run_id}. Nothing was changed. {_AGAIN}"
        )
    return run


def require_tables(connection: Connection) -> None:
    """Raise ``Refused`` unless the legacy tables can be moved to the archive."""
    old, archive = settings.legacy_schema(), settings.archive_schema()
    found = tables.relations(connection, old, NAMES)
    for name in NAMES:
        if name not in found or found[name].kind not in ("r", "p"):
            what = "is no table" if name in found else "is not there"
            raise Refused(
                f"{old}.{name} {what}, so a view cannot take its place. Nothing was "
                "changed. Name its schema with CARRYOVER_LEGACY_SCHEMA and run: "
                "./inv cutover"
            )
        if not found[name].is_ours:
            raise Refused(
                f"{old}.{name} belongs to another role, which alone can move it. "
                "Nothing was changed. Connect as its owner and run: ./inv cutover"
            )
    row = connection.execute(
        "select nspname from pg_namespace where nspname = any(%s)",
        [[archive, settings.cutover_schema()]],
    ).fetchone()
    if row:
        raise Refused(
            f"there is a schema {row[0]} already, which the cutover makes. Nothing was "
            "changed. Rename it, drop it when it is empty, or choose others with "
            "CARRYOVER_SCHEMA_PREFIX, and run: ./inv cutover"
        )


def require_rights(connection: Connection) -> None:
    """Raise ``Refused`` when a client's role could not use what the views refer to."""
    old, live = settings.legacy_schema(), settings.live_schema()
    lacking = connection.execute(
        query("cutover_lacking"),
        {
            "legacy": [sql.Identifier(old, name).as_string() for name in NAMES],
            "messages": sql.Identifier(live, "chat_messages").as_string(),
            "sessions": sql.Identifier(live, "chat_sessions").as_string(),
        },
    ).fetchall()
    if lacking:
        grants = "; ".join(
            f"grant {privileges} on {table} to {role}"
            for role, privileges, table in lacking
        )
        raise Refused(
            f"{lacking[0][0]} may use the legacy tables but not the new ones, which "
            "the views read and write for it. Nothing was changed. Execute first: "
            f"{grants}"
        )


def moment(connection: Connection) -> str:
    """Name the oldest transaction that may still write, for ``carrying.find``."""
    row = connection.execute(
        "select mod(pg_snapshot_xmin(pg_current_snapshot())::text::numeric,"
        " 4294967296)::text"
    ).fetchone()
    return str(row[0]) if row else ""


def require_as_left(connection: Connection, standing: Cutover) -> None:
    """Raise ``Refused`` when the views or the archive are not what the cutover left."""
    old, archive = standing.legacy_schema, standing.archive_schema
    found = tables.relations(connection, old, NAMES)
    archived = tables.relations(connection, archive, NAMES)
    for name in NAMES:
        for schema, there, kinds in ((old, found, "v"), (archive, archived, "rp")):
            if name not in there or there[name].kind not in kinds:
                what = "view" if kinds == "v" else "table"
                raise Refused(
                    f"the {what} {schema}.{name} that the cutover of "
                    f"{standing.executed_at:%Y-%m-%d %H:%M} UTC left is not there any "
                    "more, so it cannot be undone. Nothing was changed. Put it back "
                    "and run: ./inv cutover --undo"
                )
        if view_hash(connection, old, name) != standing.detail["views"][name]:
            raise Refused(
                f"the view {old}.{name} is not what the cutover made: somebody has "
                "replaced it. Nothing was changed. Save that view, put the one of the "
                "cutover back and run: ./inv cutover --undo"
            )


def view_hash(connection: Connection, schema: str, name: str) -> str:
    """Hash what a view selects."""
    with structure.search_path(connection, "pg_catalog"):
        row = connection.execute(
            "select md5(pg_get_viewdef(to_regclass(%s)))",
            [sql.Identifier(schema, name).as_string()],
        ).fetchone()
    return str(row[0]) if row else ""


def warnings(connection: Connection, facts: Facts) -> Iterator[str]:
    """Say what changes for others when the tables move."""
    old = facts.legacy_schema
    for each in structure.read(connection, NAMES, old):
        if each.kind in ("view", "materialized view", "function"):
            yield (
                f"the {each.kind} {each.name} follows its table into the archive and "
                "does not see what new clients write"
            )
        elif each.kind == "incoming foreign key":
            yield (
                f"the key {each.name} refers to the archive: a message that a new "
                "client wrote cannot be referred to"
            )
        elif each.kind == "publication":
            yield (
                f"{each.table} stays in the publication {each.name} as a table of "
                f"{settings.archive_schema()}: subscriptions to {old}.{each.table} "
                "fall silent, those to chat_messages hear everything"
            )
    for policy in facts.policies:
        if policy.kind == "policy":
            yield (
                f"the policy {policy.name} of {policy.table} is set aside: "
                "participants, senders and administrators see a row, nobody else"
            )
    if facts.has_authenticated:
        names = [sql.Identifier(old, name).as_string() for name in NAMES]
        shut_out = connection.execute(query("cutover_shut_out"), {"legacy": names})
        for (role,) in shut_out.fetchall():
            yield (
                f"{role} is not authenticated and will see no row: let it bypass row "
                "level security, or make it a member of authenticated"
            )
    live = tables.relations(
        connection, settings.live_schema(), ("chat_sessions", "chat_messages")
    )
    for name, relation in sorted(live.items()):
        if not relation.has_row_security:
            yield f"{name} has no row level security: anybody reads it through the view"
