"""The first, third and fourth check: what users, admins and the recorded can do.

Everything is tried for real, as each actor, in savepoints that are taken back.
Sequences may advance, as always when a write is rolled back.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

from psycopg import sql

from harness.database import Connection
from harness.security import acting, sampling
from harness.security.acting import Actor, Roles
from harness.security.catalog import AUDIT_LOG, MESSAGES, SESSIONS
from harness.security.findings import Finding, Result
from harness.security.sampling import Chats, People, Shape
from harness.security.trying import (
    ID,
    PARTICIPANTS,
    SENDER,
    Attempt,
    Statement,
    insert,
    must_fail,
    must_work,
    table_of,
)

_PROMOTION = (
    "Let users update the other columns of profiles only (revoke update, insert; grant "
    "update (…)), or refuse it in a trigger"
)


def check_chats(connection: Connection, people: People) -> Result:
    """Try to read and write others' chats, as users, as nobody, as an unknown one."""
    result = Result("chats")
    shape = sampling.shape(connection)
    found_any = False
    for actor in (*people.users, people.anonymous):
        chats = sampling.chats(connection, actor)
        found_any = found_any or bool(chats.other_sessions)
        for attempt in _forbidden(actor, chats, shape):
            result.tried(must_fail(connection, "chats", actor, attempt))
        for attempt in _owed(actor, chats, shape):
            result.tried(must_work(connection, "chats", actor, attempt))
        if actor.user_id:
            result.tried(*_promoted(connection, actor))
    if not found_any:
        result.not_looked_at = "there are no chats to try it with"
    return result


def check_admins(connection: Connection, people: People) -> Result:
    """Let an admin read, change and delete a chat of others."""
    result = Result("admins")
    if people.admin is None:
        result.not_looked_at = "no profile has the role admin or super_admin"
        return result
    chats = sampling.chats(connection, people.admin)
    if not chats.other_sessions:
        result.not_looked_at = "there are no chats to try it with"
        return result
    with connection.transaction(force_rollback=True):
        _write_any(connection)
        for attempt in _of_admins(people.admin, chats):
            result.tried(must_work(connection, "admins", people.admin, attempt))
    return result


def check_audit_log(connection: Connection, people: People, roles: Roles) -> Result:
    """See a write recorded, and try to read and to alter the record."""
    result = Result("audit log")
    row = connection.execute(
        "select to_regclass(%s) is null", [table_of(AUDIT_LOG).as_string()]
    ).fetchone()
    if row and row[0]:
        result.tried(Finding("audit log", "-", AUDIT_LOG, "there is no log"))
        return result
    shape = sampling.shape(connection)
    for actor in people.users:
        chats = sampling.chats(connection, actor)
        if chats.own_message:
            result.tried(*_recorded(connection, actor, chats.own_message, shape))
            break
    else:
        result.not_looked_at = "no user has a message to try it with"
    # An empty log could be emptied by anybody: a row is put in, and taken back.
    with connection.transaction(force_rollback=True):
        _write_any(connection)
        for who, attempt in _on_the_log(people, roles):
            result.tried(must_fail(connection, "audit log", who, attempt))
    return result


def _on_the_log(people: People, roles: Roles) -> Iterator[tuple[Actor | None, Attempt]]:
    """Who must not do what to the log; the owner only by switching triggers off."""
    service = Actor("the server", roles.service) if roles.service else None
    reading = sql.SQL("select from {} limit 1").format(table_of(AUDIT_LOG))
    for actor in (people.users[0], people.anonymous, people.admin, service):
        if actor:
            yield from ((actor, attempt) for attempt in _alterations())
    for actor in (people.users[0], people.anonymous):
        yield actor, ("reads the log", AUDIT_LOG, reading, [])
    for attempt in _alterations():
        yield None, attempt


def _forbidden(actor: Actor, chats: Chats, shape: Shape) -> Iterator[Attempt]:
    """Everything that must not succeed."""
    me = actor.user_id
    sessions, messages = table_of(SESSIONS), table_of(MESSAGES)
    if chats.other_sessions:
        others: list[Any] = [chats.other_sessions]
        read = sql.SQL("select from {} where {} = any(%s) limit 1")
        yield "reads others' sessions", SESSIONS, read.format(sessions, ID), others
        yield (
            "reads others' messages",
            MESSAGES,
            read.format(messages, sql.Identifier("session_id")),
            others,
        )
        touch = sql.SQL("update {0} set {1} = {1} where {2} = any(%s)")
        yield (
            "changes others' sessions",
            SESSIONS,
            touch.format(sessions, PARTICIPANTS, ID),
            others,
        )
        yield (
            "changes others' messages",
            MESSAGES,
            touch.format(messages, SENDER, sql.Identifier("session_id")),
            others,
        )
        delete = sql.SQL("delete from {} where {} = any(%s)")
        yield "deletes others' sessions", SESSIONS, delete.format(sessions, ID), others
        yield (
            "deletes others' messages",
            MESSAGES,
            delete.format(messages, sql.Identifier("session_id")),
            others,
        )
    if chats.other_sessions and me:
        join = sql.SQL("update {0} set {1} = {1} || %s::uuid where id = any(%s)")
        yield (
            "joins others' sessions",
            SESSIONS,
            join.format(sessions, PARTICIPANTS),
            [me, chats.other_sessions],
        )
    yield from _written(actor, chats, shape)
    for table in (SESSIONS, MESSAGES):
        yield (
            f"empties {table}",
            table,
            sql.SQL("truncate {} cascade").format(table_of(table)),
            [],
        )


def _written(actor: Actor, chats: Chats, shape: Shape) -> Iterator[Attempt]:
    """Rows that must not be written, copied from such as there are."""
    me = actor.user_id
    model = chats.own_message or chats.others_message
    if model and chats.other_sessions:
        foreign = {"session_id": chats.other_sessions[0], "sender_id": me}
        yield (
            "writes into others' sessions",
            MESSAGES,
            *insert(MESSAGES, shape.messages, model, foreign),
        )
    if chats.own_message:
        own = chats.own_message
        others = uuid.uuid4()
        if chats.received_message:
            others = uuid.UUID(chats.received_message["sender_id"])
        update = sql.SQL("update {} set {} = %s where id = %s")
        table = table_of(MESSAGES)
        yield (
            "writes in another's name",
            MESSAGES,
            *insert(MESSAGES, shape.messages, own, {"sender_id": others}),
        )
        yield (
            "gives a message to another sender",
            MESSAGES,
            update.format(table, SENDER),
            [others, own["id"]],
        )
        if chats.other_sessions:
            yield (
                "moves a message into others' sessions",
                MESSAGES,
                update.format(table, sql.Identifier("session_id")),
                [chats.other_sessions[0], own["id"]],
            )
        delete = sql.SQL("delete from {} where id = %s").format(table)
        yield "deletes a message", MESSAGES, delete, [own["id"]]
    if chats.received_message:
        change = sql.SQL("update {0} set {1} = {1} where id = %s").format(
            table_of(MESSAGES), SENDER
        )
        received = [chats.received_message["id"]]
        yield "changes a message that was received", MESSAGES, change, list(received)
    if chats.own_session:
        table = table_of(SESSIONS)
        others_in = sql.SQL("update {} set {} = %s::uuid[] where id = %s")
        yield (
            "changes who takes part",
            SESSIONS,
            others_in.format(table, PARTICIPANTS),
            [[me, str(uuid.uuid4())], chats.own_session],
        )
        delete = sql.SQL("delete from {} where id = %s").format(table)
        yield "deletes a session", SESSIONS, delete, [chats.own_session]
    yield from _sessions_written(actor, chats, shape)


def _sessions_written(actor: Actor, chats: Chats, shape: Shape) -> Iterator[Attempt]:
    """Sessions that must not be made: for others, or for others' bookings."""
    if not shape.session:
        return
    free = {**shape.session, "booking_id": None}
    others = {"participants": [str(uuid.uuid4())]}
    yield (
        "makes a session of others",
        SESSIONS,
        *insert(SESSIONS, shape.sessions, free, others),
    )
    if actor.user_id and chats.others_booking:
        mine = {"participants": [actor.user_id]}
        its_id = {**mine, "id": chats.others_booking}
        yield (
            "takes the session id of others' booking",
            SESSIONS,
            *insert(SESSIONS, shape.sessions, free, its_id),
        )
        if shape.has_booking:
            its = {**mine, "booking_id": chats.others_booking}
            yield (
                "makes a session for others' booking",
                SESSIONS,
                *insert(SESSIONS, shape.sessions, free, its),
            )


def _owed(actor: Actor, chats: Chats, shape: Shape) -> Iterator[Attempt]:
    """What a user must be able to do: nobody is to be locked out."""
    if chats.own_session:
        read = sql.SQL("select from {} where id = %s").format(table_of(SESSIONS))
        yield "reads a session of their own", SESSIONS, read, [chats.own_session]
    for message in (chats.own_message, chats.received_message):
        if message:
            read = sql.SQL("select from {} where id = %s").format(table_of(MESSAGES))
            yield "reads a message of their own", MESSAGES, read, [message["id"]]
    if chats.own_message:
        yield (
            "writes into a session of their own",
            MESSAGES,
            *insert(MESSAGES, shape.messages, chats.own_message, {}),
        )


def _of_admins(actor: Actor, chats: Chats) -> Iterator[Attempt]:
    sessions, messages = table_of(SESSIONS), table_of(MESSAGES)
    some: list[Any] = [chats.other_sessions[0]]
    yield (
        "reads a session of others",
        SESSIONS,
        sql.SQL("select from {} where id = %s").format(sessions),
        some,
    )
    yield (
        "changes who takes part in a session",
        SESSIONS,
        sql.SQL("update {0} set {1} = {1} || %s::uuid where id = %s").format(
            sessions, PARTICIPANTS
        ),
        [actor.user_id, *some],
    )
    yield (
        "reads the audit log",
        AUDIT_LOG,
        sql.SQL("select from {} limit 1").format(table_of(AUDIT_LOG)),
        [],
    )
    if chats.others_message:
        its: list[Any] = [chats.others_message["id"]]
        for what, statement in (
            ("reads a message of others", "select from {0} where id = %s"),
            ("changes a message of others", "update {0} set {1} = {1} where id = %s"),
            ("deletes a message of others", "delete from {0} where id = %s"),
        ):
            # Deleting a session takes its messages along, which may be very many.
            yield what, MESSAGES, sql.SQL(statement).format(messages, SENDER), its


def _alterations() -> Iterator[Attempt]:
    """Every way in which the recorded could alter the record."""
    log = table_of(AUDIT_LOG)
    for what, statement in (
        ("alters the log", "update {} set actor_id = null"),
        ("deletes from the log", "delete from {}"),
        ("empties the log", "truncate {}"),
        (
            "writes into the log",
            "insert into {} (database_role, table_name, action)"
            " values ('nobody', 'chat_messages', 'insert')",
        ),
    ):
        yield what, AUDIT_LOG, sql.SQL(statement).format(log), []


def _recorded(
    connection: Connection, actor: Actor, message: dict[str, Any], shape: Shape
) -> Iterator[Finding | None]:
    """Write as a user, and look for the record of it: who, what, before and after."""
    update = sql.SQL("update {0} set {1} = {1} where id = %s").format(
        table_of(MESSAGES), SENDER
    )
    new = insert(MESSAGES, shape.messages, message, {})
    written = json.loads(str(new[1][0]))
    for action, statement, values, row in (
        ("update", update, [message["id"]], message),
        ("insert", *new, written),
    ):
        found = _write_and_look(connection, actor, statement, values, action)
        if found is None:
            continue
        expected = (actor.user_id, action == "update", row["sender_id"])
        yield (
            None
            if found == expected
            else Finding(
                "audit log",
                actor.label,
                MESSAGES,
                f"an {action} is not recorded with who made it, before and after",
            )
        )


def _write_and_look(
    connection: Connection,
    actor: Actor,
    statement: Statement,
    values: list[Any],
    action: str,
) -> tuple[Any, ...] | None:
    """What the log has of a write; None when the write did not come about."""
    look = sql.SQL(
        "select actor_id::text, before is not null, after ->> 'sender_id' from {}"
        " where table_name = %s and action = %s order by log_id desc limit 1"
    ).format(table_of(AUDIT_LOG))
    with connection.transaction(force_rollback=True):
        if not acting.stays(connection, actor, statement, values):
            return None
        row = connection.execute(look, [MESSAGES, action]).fetchone()
    return row or ()


def _write_any(connection: Connection) -> None:
    """Touch a session as ourselves, so that the log has a row."""
    touch = sql.SQL("update {0} set {1} = {1} where id = (select id from {0} limit 1)")
    acting.stays(connection, None, touch.format(table_of(SESSIONS), PARTICIPANTS))


def _promoted(connection: Connection, actor: Actor) -> Iterator[Finding | None]:
    """Try to become an admin through one's own profile."""
    profiles = table_of("profiles")
    for what, statement in (
        ("makes itself an admin", "update {} set role = 'admin' where id = %s"),
        ("makes itself an admin", "insert into {} (id, role) values (%s, 'admin')"),
    ):
        outcome = acting.attempt(
            connection, actor, sql.SQL(statement).format(profiles), [actor.user_id]
        )
        yield (
            Finding("chats", actor.label, "profiles", what, _PROMOTION)
            if outcome.succeeded
            else None
        )
