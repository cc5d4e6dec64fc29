"""Who may see and write which rows of the chat tables: one policy a table and action.

Plans which policies are made and which of the application's are replaced; writes
nothing. The reasons are in docs/decisions.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from harness import settings, structure
from harness.constraints import Change
from harness.database import Connection
from harness.security.catalog import (
    AUDIT_LOG,
    CHAT_TABLES,
    MESSAGES,
    SESSIONS,
    Catalog,
    Policy,
    normal,
)
from harness.security.functions import role

#: Commands whose rows are chosen by ``using``, and those that write new ones.
_READS = ("select", "update", "delete", "all")
_WRITES = ("insert", "update", "all")


@dataclass(frozen=True)
class Wanted:
    """A policy as it should be, for the role of everybody who is logged in."""

    table: str
    name: str
    command: str
    using: sql.Composable | None = None
    check: sql.Composable | None = None


def wanted(catalog: Catalog) -> list[Wanted]:
    """The policies of the chat tables and of their log."""
    me = sql.SQL("(select {})").format(catalog.me)
    admin = _call("is_admin")
    parts = {
        "me": me,
        "admin": admin,
        "seen": _call("required_participants"),
        "mine": _call("my_session_ids"),
        "is_my_booking": sql.Identifier(settings.security_schema(), "is_my_booking"),
        "takes_part": _takes_part(me),
        "sees": sql.Identifier(settings.security_schema(), "sees_session"),
        "sessions": sql.Identifier(settings.live_schema(), SESSIONS),
    }
    return [
        *_of_sessions(catalog, parts),
        *_of_messages(parts),
        Wanted(AUDIT_LOG, "chat_audit_logs_select_by_admins", "select", using=admin),
    ]


def removals(connection: Connection, catalog: Catalog) -> list[Change]:
    """Each policy that would let more people in than the wanted ones do.

    Those that are always true, whatever their name, command and roles; and permissive
    ones for users of the API, which would be added to ours with "or".
    """
    ours = {(each.table, each.name): each for each in wanted(catalog)}
    return [
        _removal(policy)
        for policy in catalog.policies
        if policy.table in (*CHAT_TABLES, AUDIT_LOG)
        and not _is_met(catalog, ours.get((policy.table, policy.name)), policy)
        and _is_replaced(
            connection, catalog, policy, (policy.table, policy.name) in ours
        )
    ]


def additions(catalog: Catalog) -> list[Change]:
    """Each wanted policy that there is not yet."""
    found = {(policy.table, policy.name): policy for policy in catalog.policies}
    return [
        _addition(catalog, each)
        for each in wanted(catalog)
        if not _is_met(catalog, each, found.get((each.table, each.name)))
    ]


def is_always_true(connection: Connection, policy: Policy) -> bool:
    """Whether a policy's condition lets every row through, as the planner sees it.

    What it simplifies to true needs no look at a row, at the user or at a setting.
    """
    expressions: list[str | None] = []
    if policy.command in _READS:
        expressions.append(policy.using)
    if policy.command in _WRITES:
        expressions.append(policy.check or policy.using)
    return any(
        _is_constant_true(connection, policy.table, each)
        for each in expressions
        if each is not None
    )


def create(policy: Policy) -> sql.Composed:
    """The statement that makes a policy as it is, with its comment."""
    table = sql.Identifier(settings.live_schema(), policy.table)
    name = sql.Identifier(policy.name)
    parts: list[sql.Composable] = [
        sql.SQL("create policy {} on {} as {} for {} to {}").format(
            name,
            table,
            sql.SQL("permissive" if policy.is_permissive else "restrictive"),
            sql.SQL(policy.command),
            sql.SQL(", ").join(role(each) for each in policy.roles),
        )
    ]
    if policy.using is not None:
        parts.append(sql.SQL(f" using ({structure.as_written(policy.using)})"))
    if policy.check is not None:
        parts.append(sql.SQL(f" with check ({structure.as_written(policy.check)})"))
    if policy.comment is not None:
        parts.append(
            sql.SQL("; comment on policy {} on {} is {}").format(
                name, table, policy.comment
            )
        )
    return sql.Composed(parts)


def _of_sessions(catalog: Catalog, parts: dict[str, Any]) -> Iterator[Wanted]:
    columns = catalog.tables[SESSIONS]
    seen = sql.SQL("participants @> {seen}").format(**parts)
    if "participants" not in columns.required_columns:
        seen = sql.SQL("{} or (participants is null and {admin})").format(seen, **parts)
    yield Wanted(SESSIONS, "chat_sessions_select", "select", using=seen)
    # A session has its booking's id: nobody may take that of somebody else's booking.
    terms = [
        sql.SQL("participants @> array[{me}]").format(**parts),
        sql.SQL("{is_my_booking}(id) is not false").format(**parts),
        # Nor that of somebody's unlinked session, which follows from the sender's and
        # is of version 3: what they wrote without a booking would be read there.
        sql.SQL("(substr(id::text, 15, 1) <> '3' or {is_my_booking}(id))").format(
            **parts
        ),
    ]
    if "booking_id" in columns.columns:
        terms.append(
            sql.SQL("(booking_id is null or {is_my_booking}(booking_id))").format(
                **parts
            )
        )
    yield Wanted(
        SESSIONS, "chat_sessions_insert", "insert", check=sql.SQL(" and ").join(terms)
    )
    yield Wanted(SESSIONS, "chat_sessions_update", "update", using=seen, check=seen)
    yield Wanted(SESSIONS, "chat_sessions_delete", "delete", using=parts["admin"])


def _of_messages(parts: dict[str, Any]) -> Iterator[Wanted]:
    # First what costs next to nothing for a row; only when that fails, the session is
    # looked up by its key: in a function, because a subquery is planned for everybody.
    seen = sql.SQL("session_id = any ({mine}::uuid[]) or {admin} or {sees}(session_id)")
    own = sql.SQL("sender_id = {me} or {admin}").format(**parts)
    written = sql.SQL("sender_id = {me} and {takes_part}").format(**parts)
    kept = sql.SQL("(sender_id = {me} and {takes_part}) or {admin}").format(**parts)
    yield Wanted(MESSAGES, "chat_messages_select", "select", seen.format(**parts))
    yield Wanted(MESSAGES, "chat_messages_insert", "insert", check=written)
    yield Wanted(MESSAGES, "chat_messages_update", "update", using=own, check=kept)
    yield Wanted(MESSAGES, "chat_messages_delete", "delete", using=parts["admin"])


def _takes_part(me: sql.Composable) -> sql.Composed:
    """Look the message's session up."""
    return sql.SQL(
        "exists (select from {} where chat_sessions.id = chat_messages.session_id"
        " and {} = any (chat_sessions.participants))"
    ).format(sql.Identifier(settings.live_schema(), SESSIONS), me)


def _call(function: str) -> sql.Composed:
    """A call that is evaluated once for a query, not for each row."""
    return sql.SQL("(select {}())").format(
        sql.Identifier(settings.security_schema(), function)
    )


def _is_replaced(
    connection: Connection, catalog: Catalog, policy: Policy, has_our_name: bool
) -> bool:
    if has_our_name:
        return True
    if not policy.is_permissive:
        return False
    is_added_to_ours = policy.is_for_users or catalog.users == "public"
    return is_added_to_ours or is_always_true(connection, policy)


def _is_met(catalog: Catalog, each: Wanted | None, policy: Policy | None) -> bool:
    return bool(
        each
        and policy
        and policy.is_permissive
        and policy.command == each.command
        and policy.roles == (catalog.users,)
        and _normal(policy.using) == _normal(each.using)
        and _normal(policy.check) == _normal(each.check)
    )


def _normal(expression: str | sql.Composable | None) -> str | None:
    if expression is None or isinstance(expression, str):
        return normal(expression) if expression else None
    return normal(expression.as_string())


def _removal(policy: Policy) -> Change:
    table = sql.Identifier(settings.live_schema(), policy.table)
    drop = sql.SQL("drop policy if exists {} on {}").format(
        sql.Identifier(policy.name), table
    )
    make = sql.SQL("{}; {}").format(drop, create(policy))
    return Change(
        "policy", policy.table, policy.name, drop.as_string(), make.as_string()
    )


def _addition(catalog: Catalog, each: Wanted) -> Change:
    made = create(
        Policy(
            each.table,
            each.name,
            is_permissive=True,
            command=each.command,
            roles=(catalog.users,),
            using=each.using.as_string() if each.using else None,
            check=each.check.as_string() if each.check else None,
        )
    )
    drop = sql.SQL("drop policy if exists {} on {}").format(
        sql.Identifier(each.name), sql.Identifier(settings.live_schema(), each.table)
    )
    return Change("policy", each.table, each.name, made.as_string(), drop.as_string())


def _is_constant_true(connection: Connection, table: str, expression: str) -> bool:
    explain = sql.SQL("explain (format json) select from {} where ({})").format(
        sql.Identifier(settings.live_schema(), table), sql.SQL(expression)
    )
    with connection.transaction(), structure.search_path(connection):
        row = connection.execute(explain).fetchone()
    return row is not None and not any(_conditions(row[0][0]["Plan"]))


def _conditions(plan: dict[str, Any]) -> Iterator[str]:
    """The conditions of a plan's nodes, and the queries beside its scans."""
    yield from (key for key in plan if key.endswith((" Cond", "Filter")))
    for each in plan.get("Plans", ()):
        if each.get("Parent Relationship") in ("InitPlan", "SubPlan"):
            yield "Subplan Name"
        yield from _conditions(each)
