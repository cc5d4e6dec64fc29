"""No trigger or rule makes a publish or a rollback say what did not happen."""

from __future__ import annotations

import re

import pytest

from harness import backup, ledger, publish, rollback, validate
from harness.database import Connection
from harness.effects import RowsNotWritten
from tests.python import world
from tests.python.live_tables import dump
from tests.python.proof.damage import SWALLOW

TABLES = ("chats", "chat_messages", "media")
E101 = world.identifier("e", 101)
ONE = f"new.id = '{E101}'"


def trigger(when: str, table: str = "chat_messages", clause: str = "") -> str:
    return (
        f"{SWALLOW} create trigger softly {when} on {table} for each row {clause}"
        " execute function swallow()"
    )


def rule(event: str, table: str = "chat_messages", instead: str = "nothing") -> str:
    return f"create rule softly as on {event} to {table} do instead {instead}"


ARCHIVED = "create table elsewhere (id uuid, chat_id uuid);"
INTO_ARCHIVE = "insert into elsewhere (id, chat_id) values (new.id, new.chat_id)"
#: Deletes after the insert what was inserted, at once or when the transaction ends.
LATER = (
    "create function drop_again() returns trigger language plpgsql as"
    " $$ begin delete from chat_messages where id = new.id; return null; end $$;"
)
INSERTS = {
    **{f"a trigger on {t}": (trigger("before insert", t), t) for t in TABLES},
    **{f"a rule on {t}": (rule("insert", t), t) for t in TABLES},
    "one row of many": (
        trigger("before insert", clause=f"when ({ONE})"),
        "chat_messages",
    ),
    "into another table": (
        ARCHIVED + rule("insert", instead=INTO_ARCHIVE),
        "chat_messages",
    ),
    "under another id": (
        "create function renamed() returns trigger language plpgsql as"
        " $$ begin new.id = gen_random_uuid(); return new; end $$;"
        "create trigger softly before insert on media for each row"
        " execute function renamed()",
        "media",
    ),
    "deleted afterwards": (
        LATER + "create trigger softly after insert on chat_messages for each row"
        f" when ({ONE}) execute function drop_again()",
        "chat_messages",
    ),
    "deleted at the end": (
        LATER + "create constraint trigger softly after insert on chat_messages"
        f" deferrable initially deferred for each row when ({ONE})"
        " execute function drop_again()",
        "chat_messages",
    ),
}
TAKEN_OUT = "update chat_messages set is_read = true where id = old.id"
DELETES = {
    **{f"a trigger on {t}": (trigger("before delete", t), t) for t in TABLES},
    **{f"a rule on {t}": (rule("delete", t), t) for t in TABLES},
    "one row of many": (
        trigger("before delete", clause=f"when (old.id = '{E101}')"),
        "chat_messages",
    ),
    "marked instead": (rule("delete", instead=TAKEN_OUT), "chat_messages"),
    "brought back": (
        "create function keep() returns trigger language plpgsql as"
        " $$ begin insert into media select old.*; return null; end $$;"
        "create trigger softly after delete on media for each row"
        " execute function keep()",
        "media",
    ),
}
UPDATES = {
    "a trigger": trigger("before update"),
    "a trigger that keeps the old row": (
        "create function keep() returns trigger language plpgsql as"
        " $$ begin return old; end $$;"
        "create trigger softly before update on chat_messages for each row"
        " execute function keep()"
    ),
    "a rule": rule("update"),
}


def publish_and_correct(connection: Connection) -> None:
    """Publish a chat, and build what a later dump says of one of its messages."""
    world.rehearse(connection, chats=1)
    world.publish(connection)
    world.again(
        connection,
        chats=[world.chat(1)],
        messages=[world.message(101, 1, message="corrected at the source")],
        bookings=[world.booking(1)],
    )


def require_named(error: RowsNotWritten, table: str, done: str) -> None:
    said = str(error)
    assert re.search(rf"of \"public\"\.\"{table}\" were not {done}", said), said
    assert re.search(r"(trigger|rule) softly \((before|after|instead|also)", said), said
    assert re.search(r"disable (trigger|rule) \"softly\";", said), said


@pytest.mark.parametrize("way", INSERTS)
def test_a_publish_without_its_rows_fails_and_names_what_kept_them(
    connection: Connection, database: dict[str, str], way: str
) -> None:
    script, table = INSERTS[way]
    world.rehearse(connection)
    connection.execute(script.encode())
    connection.commit()
    world.back_up(connection)
    before = dump(database)
    with pytest.raises(RowsNotWritten) as raised:
        publish.publish(connection)
    require_named(raised.value, table, "inserted")
    assert dump(database) == before
    assert not ledger.rows_stand(connection)


@pytest.mark.parametrize("table", ["chats", "chat_messages"])
def test_the_trigger_is_named_and_not_the_key_of_a_child(
    connection: Connection, table: str
) -> None:
    """Where the application has keys of its own, a missing parent fails its child."""
    world.rehearse(connection)
    connection.execute(
        "alter table chat_messages add foreign key (chat_id) references chats;"
        "alter table media add foreign key (chat_message_id) references chat_messages"
    )
    connection.execute(trigger("before insert", table).encode())
    connection.commit()
    world.back_up(connection)
    with pytest.raises(RowsNotWritten) as raised:
        publish.publish(connection)
    require_named(raised.value, table, "inserted")


@pytest.mark.parametrize("way", DELETES)
def test_a_rollback_that_leaves_its_rows_fails_and_names_what_kept_them(
    connection: Connection, database: dict[str, str], way: str
) -> None:
    script, table = DELETES[way]
    run_id = world.rehearse(connection)
    world.publish(connection)
    connection.execute(script.encode())
    connection.commit()
    before = dump(database)
    with pytest.raises(RowsNotWritten) as raised:
        rollback.rollback(connection)
    require_named(raised.value, table, "deleted")
    assert dump(database) == before
    status = {run.run_id: run.status for run in ledger.recent_runs(connection)}
    assert status[run_id] == "published"


def test_after_the_named_statement_the_rollback_goes_through(
    connection: Connection,
) -> None:
    world.rehearse(connection)
    world.publish(connection)
    connection.execute(trigger("before delete").encode())
    connection.commit()
    with pytest.raises(RowsNotWritten) as raised:
        rollback.rollback(connection)
    remedy = re.search(r"\((alter table .*;)\)", str(raised.value))
    assert remedy
    connection.execute(remedy[1].encode())
    connection.commit()
    assert rollback.rollback(connection).deleted == 18


@pytest.mark.parametrize("way", UPDATES)
def test_an_update_that_is_swallowed_fails_and_names_what_kept_it(
    connection: Connection, database: dict[str, str], way: str
) -> None:
    publish_and_correct(connection)
    connection.execute(UPDATES[way].encode())
    connection.commit()
    world.back_up(connection)
    before = dump(database)
    with pytest.raises(RowsNotWritten) as raised:
        publish.publish(connection)
    require_named(raised.value, "chat_messages", "updated")
    assert dump(database) == before


def test_a_restore_of_updated_rows_that_a_rule_swallows_fails(
    connection: Connection, database: dict[str, str]
) -> None:
    publish_and_correct(connection)
    world.publish(connection)
    connection.execute(rule("update").encode())
    connection.commit()
    before = dump(database)
    with pytest.raises(RowsNotWritten) as raised:
        rollback.rollback(connection)
    require_named(raised.value, "chat_messages", "updated")
    assert dump(database) == before


def test_harmless_triggers_and_rules_are_no_obstacle(connection: Connection) -> None:
    """One that counts, one that redirects to a child, one that only listens."""
    world.rehearse(connection)
    connection.execute(
        "create table counted (rows int); insert into counted values (0);"
        "create function count_it() returns trigger language plpgsql as"
        " $$ begin update counted set rows = rows + 1; return null; end $$;"
        "create trigger counts after insert or delete on chat_messages for each row"
        " execute function count_it();"
        "create rule listens as on insert to media do also notify media"
    )
    connection.commit()
    assert world.publish(connection).inserted == 18
    assert validate.validate(connection).is_valid
    assert rollback.rollback(connection).deleted == 18
    assert connection.execute("select rows from counted").fetchone() == (24,)


@pytest.mark.parametrize("since", ["before the backup", "after it"])
def test_a_backup_is_restored_whatever_the_application_swallows(
    connection: Connection, since: str
) -> None:
    def swallow() -> None:
        connection.execute(trigger("before delete").encode())
        connection.execute(rule("delete", "media").encode())
        connection.commit()

    world.rehearse(connection)
    if since == "before the backup":
        swallow()
    taken = world.back_up(connection)
    publish.publish(connection)
    if since == "after it":
        swallow()
    assert backup.restore(connection, taken.backup_id).is_done
    for name in TABLES:
        count = connection.execute(f"select count(*) from {name}".encode()).fetchone()
        assert count == (0,)
