"""The steps of a cutover in their order, each with the statement that undoes it.

``apply`` does them in the caller's transaction and returns what has to be undone,
newest last; every step undone backwards leaves the schema as it was, byte for byte in
what ``pg_dump`` writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql

from harness import settings, structure
from harness.cutover import tables, views, writing
from harness.cutover.tables import NAMES, Columns, Relation
from harness.database import Connection
from harness.queries import query

#: Of the tables in the archive: whose row it is, and what it says it belongs to.
_OWNED = {
    "messages": ("sender_id", "booking_id"),
    "voice_notes": ("user_id", "context_id"),
    "carried_notes": ("sender_id", "session_id"),
}
#: What the scripts of ``writing.functions`` make.
_FUNCTIONS = (
    *("insert_message", "update_message", "delete_message", "carry_message"),
    *("insert_voice_note", "update_voice_note", "delete_voice_note", "carry_note"),
    *("message_of_note", "mark_read", "touch_session", "place_note", "place_message"),
    *("place", "is_carried", "require_own", "own_sessions", "is_admin", "caller_id"),
    *("file_name", "file_key", "named_uuid", "new_type"),
    *("note_metadata", "merged_metadata", "may_link", "require_link"),
)


@dataclass(frozen=True)
class Step:
    """What is done, and what undoes it; None where undoing another step does."""

    name: str
    ddl: sql.SQL | sql.Composed
    undo: sql.SQL | sql.Composed | None = None


@dataclass(frozen=True)
class Facts:
    """What the steps follow from, read before the first of them.

    ``columns`` are those of the legacy tables and of the live ones, by table.
    """

    legacy_schema: str
    relations: Mapping[str, Relation]
    columns: Mapping[str, Columns]
    policies: Sequence[structure.LiveObject]
    has_auth_function: bool
    has_authenticated: bool


def read_facts(connection: Connection) -> Facts:
    """Read what the steps follow from; the legacy tables must be tables."""
    live, old = settings.live_schema(), settings.legacy_schema()
    columns = {name: tables.columns(connection, old, name) for name in NAMES}
    for name in ("profiles", "bookings", "chat_sessions", "chat_messages"):
        columns[name] = tables.columns(connection, live, name)
    row = connection.execute(
        "select to_regprocedure('auth.uid()') is not null,"
        " to_regrole('authenticated') is not null"
    ).fetchone()
    has_auth, has_authenticated = row or (False, False)
    return Facts(
        old,
        tables.relations(connection, old, NAMES),
        columns,
        _permissive_policies(connection, old),
        has_auth,
        has_authenticated,
    )


def apply(connection: Connection, facts: Facts) -> list[Step]:
    """Do the steps; names without a schema in them are the legacy schema's."""
    done = []
    with structure.search_path(connection, facts.legacy_schema):
        for step in _steps(connection, facts):
            connection.execute(step.ddl)
            done.append(step)
    return done


def _steps(connection: Connection, facts: Facts) -> Iterator[Step]:
    archive = sql.Identifier(settings.archive_schema())
    for name in (settings.archive_schema(), settings.cutover_schema()):
        yield Step(
            f"make the schema {name}",
            sql.SQL("create schema {0}; revoke all on schema {0} from public").format(
                sql.Identifier(name)
            ),
            sql.SQL("drop schema {}").format(sql.Identifier(name)),
        )
    for policy in facts.policies:
        yield Step(
            f"set aside the {policy.kind} {policy.name} of {policy.table}",
            sql.SQL(policy.drop_ddl),
            sql.SQL(policy.ddl),
        )
    for name in NAMES:
        yield from _moved(facts, name)
    yield Step(
        "remember which messages have the voice notes' recordings",
        query(
            "cutover_notes",
            archive=archive,
            consolidated=sql.Identifier(settings.consolidated_schema()),
        ),
        sql.SQL("drop table {}.carried_notes").format(archive),
    )
    yield _hidden(facts)
    for name in _OWNED:
        yield from _shown(facts, name)
    yield from _functions(facts)
    yield from _guarded(facts)
    for name in NAMES:
        yield from _viewed(connection, facts, name)
    yield from _granted(connection, facts)


def _hidden(facts: Facts) -> Step:
    """Let old clients read what they read before, and what is written from now on."""
    archive = sql.Identifier(settings.archive_schema())
    sent = facts.columns["chat_messages"]["created_at"]
    return Step(
        "remember which messages old clients never saw",
        query(
            "cutover_earlier",
            archive=archive,
            sent_at=tables.converted(
                sql.Identifier("message", sent.name),
                sent.type_name,
                "timestamp with time zone",
            ),
            published=query(
                "legacy_published", table_name=sql.Literal("chat_messages")
            ),
        ),
        sql.SQL("drop table {}.earlier_messages").format(archive),
    )


def _moved(facts: Facts, name: str) -> Iterator[Step]:
    """Move a table; the policies of the archive are its only way in."""
    archive = sql.Identifier(settings.archive_schema())
    there = sql.Identifier(settings.archive_schema(), name)
    here = sql.Identifier(facts.legacy_schema, name)
    yield Step(
        f"move {name} to the archive",
        sql.SQL("alter table {} set schema {}").format(here, archive),
        sql.SQL("alter table {} set schema {}").format(
            there, sql.Identifier(facts.legacy_schema)
        ),
    )
    if not facts.relations[name].has_row_security:
        yield Step(
            f"turn on row level security of {name}",
            sql.SQL("alter table {} enable row level security").format(there),
            sql.SQL("alter table {} disable row level security").format(there),
        )
    if not facts.relations[name].has_id_index:
        index = f"carryover_{name}_id"
        yield Step(
            f"index {name} by id",
            sql.SQL("create index {} on {} ((id::uuid))").format(
                sql.Identifier(index), there
            ),
            sql.SQL("drop index {}").format(
                sql.Identifier(settings.archive_schema(), index)
            ),
        )


def _shown(facts: Facts, name: str) -> Iterator[Step]:
    """Let the functions at a table of the archive, with the rights of who asks.

    Its schema is nobody's: what a view names is found without a right to look there.
    """
    archive, private = settings.archive_schema(), settings.cutover_schema()
    shown = {name: sql.SQL("table {}").format(sql.Identifier(archive, name))}
    if name in NAMES:
        shown[f"legacy_{name}"] = tables.rows_as_landed(
            archive, name, facts.columns[name]
        )
    for view, rows in shown.items():
        made = sql.Identifier(private, view)
        yield Step(
            f"show {view} to the functions",
            sql.SQL("create view {} with (security_invoker = on) as {}").format(
                made, rows
            ),
            sql.SQL("drop view {}").format(made),
        )


def _functions(facts: Facts) -> Iterator[Step]:
    private = sql.Identifier(settings.cutover_schema())
    for name, script in writing.functions(
        facts.columns, has_auth_function=facts.has_auth_function
    ):
        yield Step(f"make the functions of {name}", script)
    yield Step(
        "keep the functions private",
        sql.SQL("revoke all on all functions in schema {} from public").format(private),
        sql.SQL("drop function {}").format(
            sql.SQL(", ").join(
                sql.Identifier(settings.cutover_schema(), name) for name in _FUNCTIONS
            )
        ),
    )


def _guarded(facts: Facts) -> Iterator[Step]:
    """Let nobody at the archive's rows but who may see them in the chats."""
    role = sql.SQL("authenticated" if facts.has_authenticated else "public")
    archive = sql.Identifier(settings.archive_schema())
    private = sql.Identifier(settings.cutover_schema())
    yield Step(
        "turn on row level security of carried_notes",
        sql.SQL("alter table {}.carried_notes enable row level security").format(
            archive
        ),
    )
    for name, (owner, link) in _OWNED.items():
        own = sql.SQL("{}::uuid = (select {}.caller_id())").format(
            sql.Identifier(owner), private
        )
        admin = sql.SQL("(select {}.is_admin())").format(private)
        own_or_admin = sql.SQL("{} or {}").format(own, admin)
        seen = sql.SQL("{} or {}::uuid in (select {}.own_sessions()) or {}").format(
            own, sql.Identifier(link), private, admin
        )
        rules = {"select": sql.SQL("using ({})").format(seen)}
        if name != "carried_notes":
            rules |= {
                "insert": sql.SQL("with check ({})").format(own),
                "update": sql.SQL("using ({0}) with check ({0})").format(own_or_admin),
                "delete": sql.SQL("using ({})").format(admin),
            }
        for action, rule in rules.items():
            policy = sql.Identifier(f"carryover_{action}")
            table = sql.Identifier(settings.archive_schema(), name)
            yield Step(
                f"let participants {action} {name}",
                sql.SQL("create policy {} on {} for {} to {} {}").format(
                    policy, table, sql.SQL(action), role, rule
                ),
                sql.SQL("drop policy {} on {}").format(policy, table),
            )


def _viewed(connection: Connection, facts: Facts, name: str) -> Iterator[Step]:
    old, chat = facts.legacy_schema, facts.columns["chat_messages"]
    view = sql.Identifier(old, name)
    yield Step(
        f"put a view in the place of {name}",
        views.definition(name, old, facts.columns[name], chat),
        sql.SQL("drop view {}").format(view),
    )
    # A sequence has moved with its table: only now a default names it where it is.
    moved = tables.columns(connection, settings.archive_schema(), name)
    for statement in (*views.defaults(name, old, moved), *views.triggers(name, old)):
        yield Step(f"let {name} be written", statement)
    yield Step(
        f"say what {name} is",
        sql.SQL("comment on view {} is {}").format(
            view,
            "The legacy table until all clients use chat_messages; made by "
            "./inv cutover, and ./inv cutover --undo takes it back.",
        ),
    )


def _granted(connection: Connection, facts: Facts) -> Iterator[Step]:
    """Pass on what others may do with the tables; the view's own defaults go."""
    grantees: set[str] = set()
    for name in NAMES:
        view = sql.Identifier(facts.legacy_schema, name)
        table = sql.Identifier(settings.archive_schema(), name).as_string()
        given = connection.execute(
            "select quote_ident(rolname) from pg_roles, pg_class,"
            " aclexplode(relacl) as item where pg_class.oid = to_regclass(%s)"
            " and item.grantee = pg_roles.oid and item.grantee <> relowner"
            " group by rolname",
            [view.as_string()],
        ).fetchall()
        for role in ("public", *(row[0] for row in given)):
            yield Step(
                f"close {name} to {role}",
                sql.SQL("revoke all on {} from {}").format(view, sql.SQL(role)),
            )
        rights = connection.execute(query("cutover_grants"), {"table": table})
        for grantee, privilege, column, is_grantable in rights.fetchall():
            grantees.add(grantee)
            yield Step(
                f"let {grantee} {privilege} {name}",
                sql.SQL("grant {}{} on {} to {}{}").format(
                    sql.SQL(privilege),
                    sql.SQL(" ({})").format(sql.Identifier(column))
                    if column
                    else sql.SQL(""),
                    view,
                    sql.SQL(grantee),
                    sql.SQL(" with grant option" if is_grantable else ""),
                ),
            )
    private = sql.Identifier(settings.cutover_schema())
    archive = sql.Identifier(settings.archive_schema())
    for grantee in sorted(grantees):
        yield Step(
            f"let {grantee} use what the views call",
            sql.SQL(
                "grant usage on schema {0} to {1};"
                " grant select on {2}.carried_notes, {2}.earlier_messages to {1};"
                " grant select on all tables in schema {0} to {1};"
                " grant insert, update, delete on {0}.messages, {0}.voice_notes to {1};"
                " grant execute on all functions in schema {0} to {1};"
                " revoke all on function {0}.place from {1}"
            ).format(private, sql.SQL(grantee), archive),
        )


def _permissive_policies(
    connection: Connection, schema: str
) -> list[structure.LiveObject]:
    """Read the policies that let rows through, with what is said of them."""
    restrictive = {
        tuple(row)
        for row in connection.execute(
            "select tablename::text, policyname::text from pg_policies"
            " where schemaname = %s and permissive = 'RESTRICTIVE'",
            [schema],
        ).fetchall()
    }
    known = structure.read(connection, NAMES, schema)
    found = [
        each
        for each in known
        if each.kind == "policy" and (each.table, each.name) not in restrictive
    ]
    said = [
        each
        for each in known
        if each.kind == "comment"
        and any(each.ddl.startswith(_comment_on(policy)) for policy in found)
    ]
    # Undone backwards: a policy is there again before something is said of it.
    return [*said, *found]


def _comment_on(policy: structure.LiveObject) -> str:
    return f"comment on {policy.drop_ddl.removeprefix('drop ')} is "
