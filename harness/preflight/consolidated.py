"""Checks that the consolidation needs besides: of what its application has already.

Reads the catalog, the legacy tables, and the rows that new rules would hold for.
"""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from harness import pipelines, settings
from harness.cutover import state
from harness.preflight.context import Context, command, listed, live, not_looked_at
from harness.preflight.report import Check
from harness.published import AllowedValues, PublishedTable
from harness.queries import query

_MOVED = ("messages", "voice_notes")
_RULES = {
    "a": "no action",
    "r": "restrict",
    "c": "cascade",
    "n": "set null",
    "d": "set default",
}


def cutover(context: Context) -> Iterator[Check]:
    """See that legacy rows are read where they are: views may stand in their place."""
    standing = state.find(context.connection)
    if standing is None:
        yield Check("cutover", "pass", "none stands: the legacy tables are in use")
        return
    since = f"since {standing.executed_at:%Y-%m-%d %H:%M} UTC"
    if context.legacy_schema == standing.archive_schema:
        said = f"views stand {since}; rows are read from {standing.archive_schema}"
        yield Check("cutover", "pass", said)
        return
    yield Check(
        "cutover",
        "fail",
        f"{since} the legacy tables are in {standing.archive_schema}, and rows would "
        f"be read from {context.legacy_schema}",
        "Name the schema that they are from, or take the cutover back:\n"
        f"export CARRYOVER_LEGACY_SCHEMA={standing.legacy_schema}\n"
        "./inv cutover --undo --execute",
    )


def existing_values(context: Context) -> Iterator[Check]:
    """Name the types and statuses that live rows have and the specification has not."""
    if not context.stand:
        yield not_looked_at("existing_values")
        return
    coming = {change.name for change in context.changes if change.kind == "constraint"}
    found = [
        each
        for allowed in pipelines.current().allowed
        if allowed.name in coming
        for each in _foreign_values(context, allowed)
    ]
    if not found:
        said = "every type and status is one that the specification names"
        yield Check("existing_values", "pass", said)
        return
    yield Check(
        "existing_values",
        "warn",
        f"{listed([said for said, _ in found], '; ')}; the checks that come will allow "
        "these values too",
        "If they are mistakes, mend the rows first; to see them:\n"
        + "\n".join(dict.fromkeys(listing for _, listing in found)),
    )


def delete_rules(context: Context) -> Iterator[Check]:
    """Name the keys that stand and do something else when their parent is deleted."""
    if not context.stand:
        yield not_looked_at("delete_rules")
        return
    found = [
        fault
        for table in pipelines.current().tables
        for fault in _other_rules(context, table)
    ]
    if not found:
        said = "no key that stands does anything else when its parent is deleted"
        yield Check("delete_rules", "pass", said)
        return
    yield Check(
        "delete_rules",
        "warn",
        listed([said for said, _ in found], "; "),
        "They are left as they are. To let the publish make them as specified:\n"
        + "\n".join(remedy for _, remedy in found),
    )


def identities(context: Context) -> Iterator[Check]:
    """See that the roles and functions are there that policies are written for."""
    roles, has_function, can_call, owner = context.rows("preflight_identities")[0]
    if has_function and not can_call:
        (user,) = context.row("select quote_ident(current_user)")
        yield Check(
            "identities",
            "fail",
            f"{user} may not call auth.uid(), which the policies ask who somebody is",
            "As the owner or a superuser:\n"
            f"grant usage on schema auth to {user};\n"
            f"grant execute on function auth.uid() to {user};",
        )
        return
    unsent = [
        table.name
        for table in context.written
        if "supabase_realtime" not in table.publications
    ]
    if owner is not None and unsent:
        (user,) = context.row("select quote_ident(current_user)")
        yield Check(
            "identities",
            "warn",
            f"the publication supabase_realtime is {owner}'s: publishing cannot add "
            f"{' and '.join(unsent)} to it, so clients would see no new message come",
            "Connect as its owner, or as a superuser let this role be one:\n"
            f"grant {owner} to {user};",
        )
        return
    yield _of_supabase([*roles, *(() if has_function else ("auth.uid()",))])


def _of_supabase(missing: list[str]) -> Check:
    if not missing:
        said = "policies know the roles anon and authenticated, and auth.uid()"
        return Check("identities", "pass", said)
    return Check(
        "identities",
        "warn",
        f"missing: {', '.join(missing)}; without authenticated the policies are for "
        "every role, and without auth.uid() they read request.jwt.claims",
        "Right for a rehearsal. Elsewhere see that the application sets "
        "request.jwt.claims for each request, as PostgREST does.",
    )


def legacy_rows(context: Context) -> Iterator[Check]:
    """Count the legacy rows that came or went since the landing."""
    if context.run is None:
        yield not_looked_at("legacy_rows", "nothing is landed yet")
        return
    connection = context.connection
    changed = []
    for name in _MOVED:
        row = connection.execute(
            query(
                "preflight_legacy_rows",
                legacy=sql.Identifier(context.legacy_schema, name),
                landing=sql.Identifier(
                    settings.staging_schema(), settings.legacy_landing(name)
                ),
            )
        ).fetchone()
        added, removed = row or (0, 0)
        parts = [
            f"{count:,} {what}"
            for count, what in ((added, "new"), (removed, "deleted"))
            if count
        ]
        if parts:
            changed.append(f"{' and '.join(parts)} in {name}")
    if not changed:
        said = "no legacy row came or went since the landing"
        yield Check("legacy_rows", "pass", said)
        return
    yield Check(
        "legacy_rows",
        "warn",
        f"since the landing: {', '.join(changed)}",
        "What is new is not published by this run. Land and build again, now or after "
        f"the publish:\n{command('load')}\n{command('build')}",
    )


def _foreign_values(
    context: Context, allowed: AllowedValues
) -> Iterator[tuple[str, str]]:
    """Each value that is not specified, with the query that lists its rows."""
    column = sql.Identifier(allowed.column)
    table = sql.Identifier(settings.live_schema(), allowed.table)
    others = sql.SQL("{}::text <> all ({})").format(
        column, sql.Literal(list(allowed.values))
    )
    rows = context.connection.execute(
        sql.SQL(
            "select {column}::text, count(*) from {table} where {others}"
            " group by 1 order by 2 desc, 1"
        ).format(column=column, table=table, others=others)
    ).fetchall()
    listing = sql.SQL("select id, {} from {} where {};").format(column, table, others)
    for value, count in rows:
        said = f"{count:,} rows of {allowed.table} have the {allowed.column} {value!r}"
        yield said, listing.as_string()


def _other_rules(context: Context, table: PublishedTable) -> Iterator[tuple[str, str]]:
    """Each key of a specified column and parent with another delete rule."""
    rows = context.connection.execute(
        query(
            "preflight_delete_rules",
            table_name=sql.Literal(table.live_name),
        )
    ).fetchall()
    for name, column, parent, rule in rows:
        wanted = table.on_delete.get(column)
        if wanted and table.all_references[column] == parent and _RULES[rule] != wanted:
            said = f"{name} of {table.live_name} does {_RULES[rule]} when its row of "
            said += f"{parent} is deleted, not {wanted}"
            drop = f"alter table {live(table.live_name)} drop constraint "
            yield said, f"{drop}{sql.Identifier(name).as_string()};"
