"""Checks of what the connected role may do. Reads the catalog only."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from harness import constraints, pipelines, settings
from harness.preflight.context import (
    Context,
    listed,
    live,
    makes_relation,
    not_looked_at,
    quoted,
)
from harness.preflight.report import Check


def rights(context: Context) -> Iterator[Check]:
    """See that the role may make its schemas, and read and write the live tables."""
    changes = context.changes if context.stand else ()
    missing = context.rows(
        "preflight_rights",
        written=sql.Literal(list(pipelines.current().written)),
        live_tables=sql.Literal([*pipelines.current().live_tables, *_backed_up()]),
        own_schemas=sql.Literal(_own_schemas()),
        adds_relations=sql.Literal(
            bool(context.coming) or any(map(makes_relation, changes))
        ),
        new_parents=sql.SQL("{}::text[]").format(
            sql.Literal(constraints.parents(changes))
        ),
    )
    if not missing:
        said = "create in the database, read and write on the live tables"
        yield Check("rights", "pass", said)
        return
    (user,) = context.row("select current_user")
    said = listed([what for what, _ in missing])
    grants = "\n".join(grant for _, grant in missing)
    yield Check(
        "rights",
        "fail",
        f"{user} lacks: {said}",
        f"As the owner or a superuser:\n{grants}",
    )


def ownership(context: Context) -> Iterator[Check]:
    """See that the role owns the live tables: keys and indexes are their owner's."""
    if not context.stand:
        yield not_looked_at("ownership")
        return
    foreign = [table for table in context.written if not table.is_owned]
    if not foreign:
        written = ", ".join(pipelines.current().written)
        yield Check("ownership", "pass", f"of {written}")
        return
    (user,) = context.row("select current_user")
    named = ", ".join(f"{table.name} ({table.owner})" for table in foreign)
    owners = sorted({table.owner for table in foreign})
    grants = "\n".join(f"grant {quoted(owner)} to {quoted(user)};" for owner in owners)
    needing = [
        change.name
        for change in context.changes
        if change.table in {table.name for table in foreign}
    ]
    if needing:
        yield Check(
            "ownership",
            "fail",
            f"{user} does not own {named}, and publishing adds {listed(needing)}",
            f"Connect as the owner, or as a superuser:\n{grants}",
        )
    else:
        yield Check(
            "ownership",
            "warn",
            f"{user} does not own {named}; a restore could not bring back keys, "
            "policies and grants",
            f"To be able to restore, as a superuser:\n{grants}",
        )


def row_security(context: Context) -> Iterator[Check]:
    """See that no policy hides rows from the role."""
    if not context.tables:
        yield not_looked_at("row_security")
        return
    every = [(table, settings.live_schema()) for table in context.tables.values()]
    every += [(table, context.legacy_schema) for table in context.legacy.values()]
    hidden = [(table, schema) for table, schema in every if table.hides_rows]
    if not hidden:
        yield Check("row_security", "pass", "hides no row from this role")
        return
    (user,) = context.row("select current_user")
    names = ", ".join(table.name for table, _ in hidden)
    remedy = f"As a superuser:\nalter role {quoted(user)} bypassrls;"
    for table, schema in hidden:
        if table.is_owned and table.is_forced:
            name = live(table.name, schema)
            remedy += f"\nalter table {name} no force row level security;"
    yield Check(
        "row_security",
        "fail",
        f"policies apply to {user} on {names}; a hidden row would pass for a missing "
        "one, so the tables cannot be read",
        remedy,
    )


def _own_schemas() -> list[str]:
    return [
        settings.staging_schema(),
        settings.transform_schema(),
        pipelines.current().marts(),
        settings.ledger_schema(),
    ]


def _backed_up() -> list[str]:
    """The live tables that publishing leaves alone and a backup reads."""
    if settings.legacy_schema() != settings.live_schema():
        return []
    at_work = pipelines.current()
    return [name for name in at_work.backed_up if name not in at_work.written]
