"""The functions that policies and triggers call, in the private schema.

Each has a fixed ``search_path``, is executable by those only who need it, and runs as
its owner only where row level security would hide from it what it must look up. Plans
changes and writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from harness import settings
from harness.constraints import Change
from harness.queries import query
from harness.security.catalog import (
    ANON,
    AUTHENTICATED,
    MESSAGES,
    PROFILES,
    SERVICE,
    SESSIONS,
    Catalog,
    Function,
)

_BODY = re.compile(r"\$body\$(.*)\$body\$", re.DOTALL)


@dataclass(frozen=True)
class Wanted:
    """A function as it should be: where, for which table, and who may execute it."""

    schema: str
    signature: str
    table: str
    executors: tuple[str, ...]
    definition: str

    @property
    def reference(self) -> str:
        """The function with its schema, as a statement names it."""
        name, arguments = self.signature.split("(", 1)
        reference = sql.Identifier(self.schema, name).as_string()
        return f"{reference}({arguments}"

    def is_met_by(self, found: Function | None) -> bool:
        """Whether a function that stands is this one, with these rights."""
        body = _BODY.search(self.definition)
        return bool(
            found
            and body
            and found.body == body.group(1)
            and found.is_definer == ("security definer" in self.definition)
            and found.has_fixed_path
            and set(found.executors) == set(self.executors)
        )


def schema_changes(catalog: Catalog) -> list[Change]:
    """The private schema itself, with the right to look functions up in it."""
    if catalog.has_own_schema:
        return []
    name = settings.security_schema()
    schema = sql.Identifier(name)
    create = sql.SQL(
        "create schema {0}; comment on schema {0} is {1};"
        " revoke all on schema {0} from public; grant usage on schema {0} to {2}"
    ).format(
        schema,
        "What policies and triggers of the chat tables call. Never show it in an API.",
        role(catalog.users),
    )
    drop = sql.SQL(
        "do $undo$ begin drop schema if exists {}; exception"
        " when dependent_objects_still_exist then"
        " raise notice 'the schema stays: it holds what others put there'; end $undo$"
    ).format(schema)
    return [Change("schema", SESSIONS, name, create.as_string(), drop.as_string())]


def changes(catalog: Catalog, wanted: Sequence[Wanted]) -> list[Change]:
    """Each function that is missing or is not what it should be."""
    found_in = {
        settings.security_schema(): catalog.own_functions,
        settings.live_schema(): catalog.live_functions,
    }
    return [
        _change(catalog, each, found)
        for each in wanted
        for found in [found_in[each.schema].get(each.signature)]
        if not each.is_met_by(found)
    ]


def for_policies(catalog: Catalog) -> list[Wanted]:
    """The functions of the policies, the guard and the log; without the log's own."""
    users = (catalog.users,)
    own: list[tuple[str, str, tuple[str, ...]]] = []
    if not catalog.has_uid:
        own.append(("user_id()", SESSIONS, users))
    own += [
        ("is_admin()", SESSIONS, users),
        ("required_participants()", SESSIONS, users),
        ("my_session_ids()", MESSAGES, users),
        ("sees_session(uuid)", MESSAGES, users),
        ("is_my_booking(uuid)", SESSIONS, users),
        ("guard_session()", SESSIONS, ()),
        ("refuse_change()", SESSIONS, ()),
    ]
    is_user = sql.SQL("{} is not null").format(catalog.me)
    if catalog.users != "public":
        is_user = sql.SQL("current_user in ({}, {})").format(ANON, AUTHENTICATED)
    return [
        *(private(catalog, *each) for each in own),
        private(catalog, "guard_admins()", PROFILES, (), is_user=is_user),
        *_reading(catalog),
    ]


def private(
    catalog: Catalog,
    signature: str,
    table: str,
    executors: tuple[str, ...],
    **parts: sql.Composable,
) -> Wanted:
    """A function of the private schema, from the file of its name."""
    schema = settings.security_schema()
    return Wanted(
        schema, signature, table, executors, _definition(catalog, signature, **parts)
    )


def _reading(catalog: Catalog) -> list[Wanted]:
    """What marks messages as read: the function, and the one that the API shows."""
    present = set(catalog.columns(MESSAGES))
    assignments = {
        "is_read": ("is_read = true", "is_read is not true"),
        "read_at": ("read_at = coalesce(read_at, now())", "read_at is null"),
    }
    chosen = [each for name, each in assignments.items() if name in present]
    if not chosen:
        return []
    marking = private(
        catalog,
        "mark_messages_read(uuid)",
        MESSAGES,
        (catalog.users,),
        assignments=sql.SQL(", ".join(each[0] for each in chosen)),
        is_unread=sql.SQL(" or ".join(each[1] for each in chosen)),
    )
    shown = Wanted(
        settings.live_schema(),
        "mark_chat_messages_read(uuid)",
        MESSAGES,
        (catalog.users,),
        _definition(catalog, "mark_chat_messages_read(uuid)"),
    )
    found = catalog.live_functions.get(shown.signature)
    # The application may have had one of this name before us: that one stays.
    is_ours = found is None or settings.security_schema() in found.body
    return [marking, shown] if is_ours else [marking]


def _definition(catalog: Catalog, signature: str, **parts: sql.Composable) -> str:
    # Where profiles know no roles, nobody is an admin but who has the keys.
    has_roles = "role" in catalog.columns(PROFILES)
    composed = query(
        f"security_{signature.split('(', 1)[0]}",
        private=sql.Identifier(settings.security_schema()),
        user=catalog.me,
        has_admin_role=sql.SQL(
            "role::text in ('admin', 'super_admin')" if has_roles else "false"
        ),
        **parts,
    )
    # What stands before the statement in the file is for its reader.
    text = composed.as_string().strip()
    return text[text.index("create or replace") :]


def _change(catalog: Catalog, wanted: Wanted, found: Function | None) -> Change:
    # Whoever else was let in since is shut out again.
    grants = _rights(
        wanted.reference, wanted.executors, catalog, found.executors if found else ()
    )
    ddl = f"{wanted.definition}; {grants}"
    undo = f"drop function if exists {wanted.reference}"
    if found:
        former = _rights(wanted.reference, found.executors, catalog)
        undo = f"{found.definition.strip()}; {former}"
    name = wanted.signature.split("(", 1)[0]
    return Change("function", wanted.table, name, ddl, undo)


def _rights(
    reference: str,
    executors: Sequence[str],
    catalog: Catalog,
    others: Sequence[str] = (),
) -> str:
    """Leave these roles the right to call it, none of Supabase's or ``others``."""
    supabase = (name for name in (ANON, SERVICE) if name in catalog.roles)
    known = dict.fromkeys(["public", *supabase, catalog.users, *others])
    text = f"revoke all on function {reference} from " + ", ".join(
        role(name).as_string() for name in known
    )
    if executors:
        text += f"; grant execute on function {reference} to " + ", ".join(
            role(name).as_string() for name in executors
        )
    return text


def role(name: str) -> sql.Composable:
    """A role's name in a statement; everybody is a keyword."""
    return sql.SQL("public") if name == "public" else sql.Identifier(name)
