"""A later dump of the same system: what changed at the source, live, on both sides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from harness import publish, rollback, target, validate
from harness.candidates import ACTIONS
from harness.database import Connection
from harness.variables import Thresholds
from tests.python import world
from tests.python.world import Row, booking, chat, identifier, message

BOOKINGS = [booking(1), booking(2)]
CHATS = [chat(1)]
MESSAGES = [message(number, 1) for number in range(1, 6)]


def begin(connection: Connection) -> str:
    """Publish the first dump into a rehearsal; returns its run."""
    target.create(connection)
    run_id = world.again(connection, chats=CHATS, messages=MESSAGES, bookings=BOOKINGS)
    world.publish(connection)
    return run_id


def land_again(connection: Connection, messages: Sequence[Row]) -> str:
    """Land a second dump with these messages."""
    return world.again(connection, chats=CHATS, messages=messages, bookings=BOOKINGS)


def changed(number: int, **changes: str) -> list[Row]:
    """The messages of the first dump, one of them changed at the source."""
    return [
        message(n, 1, **changes) if n == number else message(n, 1) for n in range(1, 6)
    ]


def execute(connection: Connection, statement: str, *values: Any) -> None:
    connection.execute(statement, values or None)
    connection.commit()


def edit(connection: Connection, number: int, text: str) -> None:
    execute(
        connection,
        "update chat_messages set content = %s where id = %s",
        text,
        identifier("e", number),
    )


def delete(connection: Connection, number: int) -> None:
    execute(
        connection, "delete from chat_messages where id = %s", identifier("e", number)
    )


def content(connection: Connection, number: int) -> str | None:
    row = connection.execute(
        "select content from chat_messages where id = %s", [identifier("e", number)]
    ).fetchone()
    connection.rollback()
    return row[0] if row else None


def found(plan: publish.Plan) -> dict[str, int]:
    """What happens to the messages, without what happens to none."""
    counts = next(t.counts for t in plan.tables if t.name == "chat_messages")
    return {action: count for action, count in counts.items() if count}


def left(connection: Connection, run_id: str) -> dict[str, str]:
    rows = connection.execute(
        "select row_id::text, reason from carryover.left_rows where run_id = %s",
        [run_id],
    ).fetchall()
    connection.rollback()
    return dict(rows)


def live(connection: Connection) -> list[Any]:
    rows = [
        connection.execute(
            f"select to_jsonb(t) from {name} as t order by id"
        ).fetchall()
        for name in ("chats", "chat_messages", "media")
    ]
    connection.rollback()
    return rows


def assert_proof(done: rollback.Rollback, *, holds: bool) -> None:
    """The rollback ended with a proof, and it says so."""
    assert done.proof is not None
    assert done.proof.holds is holds, done.proof.sentences()


def nothing(_: Connection) -> None:
    """Users did nothing."""


@pytest.mark.parametrize(
    ("source", "users", "becomes", "text"),
    [
        (MESSAGES, nothing, {"identical": 5}, "message 3"),
        ([*MESSAGES, message(6, 1)], nothing, {"insert": 1, "identical": 5}, None),
        (
            changed(3, message="edited"),
            nothing,
            {"update": 1, "identical": 4},
            "edited",
        ),
        (
            MESSAGES,
            lambda c: edit(c, 3, "by a user"),
            {"identical": 4, "changed live": 1},
            "by a user",
        ),
        (
            changed(3, message="edited"),
            lambda c: edit(c, 3, "by a user"),
            {"identical": 4, "conflict": 1},
            "by a user",
        ),
        (
            changed(3, message="edited"),
            lambda c: edit(c, 3, "edited"),
            {"identical": 5},
            "edited",
        ),
        (MESSAGES, lambda c: delete(c, 3), {"identical": 4, "removed": 1}, None),
        (
            changed(3, message="edited"),
            lambda c: delete(c, 3),
            {"identical": 4, "removed": 1},
            None,
        ),
        (
            [m for m in MESSAGES if m["id"] != identifier("e", 3)],
            nothing,
            {"identical": 4, "gone": 1},
            "message 3",
        ),
        (
            changed(3, is_from="nobody"),
            nothing,
            {"identical": 4, "gone": 1},
            "message 3",
        ),
    ],
    ids=[
        "nothing changed",
        "new",
        "changed at source",
        "changed live",
        "conflict",
        "changed alike on both sides",
        "removed by users",
        "removed by users, changed at source",
        "gone at source",
        "skipped by now",
    ],
)
def test_three_states_decide(
    connection: Connection,
    source: Sequence[Row],
    users: Callable[[Connection], None],
    becomes: dict[str, int],
    text: str | None,
) -> None:
    begin(connection)
    users(connection)
    before = live(connection)
    run_id = land_again(connection, source)
    assert found(publish.preview(connection)) == becomes
    assert live(connection) == before
    plan = world.publish(connection)
    assert found(plan) == becomes
    if becomes.get("insert"):
        assert content(connection, 6) == "message 6"
    else:
        assert content(connection, 3) == text
    reasons = {each for each in becomes if each in ACTIONS[3:7]}
    assert set(left(connection, run_id).values()) == reasons
    # What was left on purpose is no fault, as long as it stays as it was then.
    validation = validate.validate(connection)
    assert validation.is_valid, validation.errors
    # A second publish finds nothing to do.
    again = publish.publish(connection)
    assert not again.writes
    # The rollback of the second run leaves what the first had published.
    if plan.writes:
        done = rollback.rollback(connection)
        assert done.run_id == run_id
        assert_proof(done, holds=True)
        assert live(connection) == before


def test_a_row_left_is_a_fault_once_it_changes_again(connection: Connection) -> None:
    begin(connection)
    edit(connection, 3, "by a user")
    land_again(connection, MESSAGES)
    world.publish(connection)
    edit(connection, 3, "and again")
    validation = validate.validate(connection)
    assert validation.findings["chat_messages"]["different"] == 1
    in_use = validate.validate(connection, in_use=True)
    assert in_use.is_valid
    assert in_use.findings["chat_messages"]["changed"] == 1


def test_two_runs_are_taken_back_one_by_one(connection: Connection) -> None:
    target.create(connection)
    first = world.again(connection, chats=CHATS, messages=MESSAGES, bookings=BOOKINGS)
    empty = live(connection)
    world.publish(connection)
    after_first = live(connection)
    second = land_again(connection, changed(2, message="two", is_unread="1"))
    world.publish(connection)
    third = land_again(connection, changed(2, message="three"))
    world.publish(connection)
    assert content(connection, 2) == "three"
    with pytest.raises(Exception, match="Roll that one back first"):
        rollback.rollback(connection, first)
    connection.rollback()
    assert rollback.rollback(connection, third).restored == 1
    assert content(connection, 2) == "two"
    done = rollback.rollback(connection)
    assert (done.run_id, done.restored, done.deleted) == (second, 1, 0)
    assert live(connection) == after_first
    done = rollback.rollback(connection)
    assert (done.run_id, done.deleted) == (first, 6)
    assert_proof(done, holds=True)
    assert live(connection) == empty


def test_an_update_users_changed_is_left_and_force_takes_it(
    connection: Connection,
) -> None:
    begin(connection)
    land_again(connection, changed(2, message="two"))
    world.publish(connection)
    edit(connection, 2, "by a user")
    plan = rollback.preview(connection)
    assert (plan.restored, plan.left, plan.forced) == (0, 1, 0)
    forced = rollback.preview(connection, force=True)
    assert (forced.restored, forced.left, forced.forced) == (1, 0, 1)
    assert content(connection, 2) == "by a user"
    done = rollback.rollback(connection)
    assert done.left == 1
    assert_proof(done, holds=False)
    assert content(connection, 2) == "by a user"


def test_force_gives_back_what_stood_before(connection: Connection) -> None:
    begin(connection)
    before = live(connection)
    land_again(connection, changed(2, message="two"))
    world.publish(connection)
    edit(connection, 2, "by a user")
    done = rollback.rollback(connection, force=True)
    assert_proof(done, holds=True)
    assert live(connection) == before


def test_a_row_that_a_later_run_could_not_give_back_stays(
    connection: Connection,
) -> None:
    first = begin(connection)
    land_again(connection, changed(2, message="two"))
    world.publish(connection)
    edit(connection, 2, "by a user")
    rollback.rollback(connection)
    done = rollback.rollback(connection)
    assert done.run_id == first
    messages = next(t for t in done.tables if t.name == "chat_messages")
    assert messages.left == (identifier("e", 2),)
    assert content(connection, 2) == "by a user"
    assert content(connection, 1) is None


def test_triggers_of_the_application_do_not_spoil_the_undo(
    connection: Connection,
) -> None:
    target.create(connection)
    connection.execute(
        "alter table chat_messages add column edited_at timestamptz;"
        "create function stamp() returns trigger language plpgsql as"
        " $$ begin new.edited_at = clock_timestamp(); return new; end $$;"
        "create trigger stamps before update on chat_messages"
        " for each row execute function stamp();"
        "create trigger stamps_always before update on chat_messages"
        " for each row execute function stamp();"
        "alter table chat_messages enable always trigger stamps_always"
    )
    connection.commit()
    world.again(connection, chats=CHATS, messages=MESSAGES, bookings=BOOKINGS)
    world.publish(connection)
    before = live(connection)
    land_again(connection, changed(2, message="two"))
    world.publish(connection)
    assert live(connection) != before
    done = rollback.rollback(connection)
    assert_proof(done, holds=True)
    assert live(connection) == before
    enabled = connection.execute(
        "select tgname, tgenabled::text from pg_trigger"
        " where tgname like 'stamps%' order by 1"
    ).fetchall()
    assert enabled == [("stamps", "O"), ("stamps_always", "A")]


def test_the_same_run_published_twice_is_taken_back_whole(
    connection: Connection,
) -> None:
    target.create(connection)
    run_id = world.again(connection, chats=CHATS, messages=MESSAGES, bookings=BOOKINGS)
    empty = live(connection)
    world.publish(connection)
    # Another build of the same landing, as after a change of a variable.
    connection.execute(
        "update marts.chat_messages set created_at = created_at - interval '1 hour'"
    )
    connection.commit()
    plan = world.publish(connection)
    assert (plan.run_id, found(plan)) == (run_id, {"update": 5})
    done = rollback.rollback(connection)
    assert done.deleted == 6
    assert_proof(done, holds=True)
    assert live(connection) == empty


@pytest.mark.parametrize(
    ("ddl", "reason"),
    [
        (
            "alter table chat_messages add constraint odd"
            " check (content not like '%3')",
            "the check odd of the live table does not hold",
        ),
        (
            "alter table chat_messages add constraint once unique (chat_id, is_read)",
            "its pair of chat_id and is_read belongs to an earlier row of this run",
        ),
    ],
)
def test_what_the_live_table_would_refuse_is_found_before(
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
    ddl: str,
    reason: str,
) -> None:
    monkeypatch.setattr(publish, "thresholds", lambda: Thresholds(1.0, 1.0, 1.0))
    target.create(connection)
    execute(connection, ddl)
    world.again(connection, chats=CHATS, messages=MESSAGES, bookings=BOOKINGS)
    plan = world.publish(connection)
    reasons = next(t.reasons for t in plan.tables if t.name == "chat_messages")
    assert list(reasons) == [reason]
    assert validate.validate(connection).findings["chat_messages"]["missing"] == 0
