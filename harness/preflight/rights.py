"""Checks of what the connected role may do. Reads the catalog only."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from harness import constraints, settings
from harness.constraints import Change
from harness.preflight.context import (
    PARENTS,
    WRITTEN,
    Context,
    listed,
    live,
    not_looked_at,
    quoted,
)
from harness.preflight.report import Check


def rights(context: Context) -> Iterator[Check]:
    """See that the role may make its schemas, and read and write the live tables."""
    changes = context.changes if context.stand else ()
    missing = context.rows(
        "preflight_rights",
        written=sql.Literal(list(WRITTEN)),
        live_tables=sql.Literal([*WRITTEN, *PARENTS]),
        own_schemas=sql.Literal(_own_schemas()),
        adds_indexes=sql.Literal(any(_makes_index(change) for change in changes)),
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
    foreign = [
        table
        for table in context.tables.values()
        if table.name in WRITTEN and not table.is_owned
    ]
    if not foreign:
        yield Check("ownership", "pass", f"of {', '.join(WRITTEN)}")
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
    hidden = [table for table in context.tables.values() if table.hides_rows]
    if not hidden:
        yield Check("row_security", "pass", "hides no row from this role")
        return
    (user,) = context.row("select current_user")
    names = ", ".join(table.name for table in hidden)
    remedy = f"As a superuser:\nalter role {quoted(user)} bypassrls;"
    for table in hidden:
        if table.is_owned and table.is_forced:
            remedy += f"\nalter table {live(table.name)} no force row level security;"
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
        settings.schema_prefix() + "transform",
        settings.marts_schema(),
        settings.ledger_schema(),
    ]


def _makes_index(change: Change) -> bool:
    return change.kind == "index" or " unique " in f" {change.ddl} "
