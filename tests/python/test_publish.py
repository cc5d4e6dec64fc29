"""Publishing: one transaction, nothing twice, a reason for each row that cannot go."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from harness import ledger, publish, rollback, target, validate
from harness.database import Connection
from harness.errors import CheckFailed, Refused
from harness.variables import Thresholds
from tests.python import world

KEYS = {
    "chats_booking_id_fkey",
    "chats_booking_id_key",
    "chat_messages_chat_id_fkey",
    "chat_messages_sender_id_fkey",
    "media_chat_message_id_fkey",
    "media_owner_id_fkey",
}
INDEXES = {
    "idx_chats_booking_id",
    "idx_chats_created_at",
    "idx_chat_messages_chat_id",
    "idx_chat_messages_sender_id",
    "idx_chat_messages_created_at",
    "idx_chat_messages_read_status",
    "idx_media_chat_message_id",
}


def counts(connection: Connection) -> dict[str, int]:
    found = {}
    for name in ("chats", "chat_messages", "media"):
        row = connection.execute(f"select count(*) from public.{name}").fetchone()
        assert row is not None
        found[name] = row[0]
    connection.rollback()
    return found


def test_publishes_rows_keys_and_indexes(connection: Connection) -> None:
    world.rehearse(connection)
    plan = world.publish(connection)
    assert {t.name: t.insert for t in plan.tables} == counts(connection)
    assert counts(connection) == {"chats": 3, "chat_messages": 12, "media": 3}
    keys = connection.execute(
        "select conname from pg_constraint where contype in ('f', 'u')"
        " and connamespace = 'public'::regnamespace and convalidated"
    ).fetchall()
    assert {row[0] for row in keys} == KEYS
    indexes = connection.execute(
        "select indexname from pg_indexes where schemaname = 'public'"
        " and indexname like 'idx%'"
    ).fetchall()
    assert {row[0] for row in indexes} == INDEXES


def test_preview_changes_nothing(connection: Connection) -> None:
    world.rehearse(connection)
    plan = publish.preview(connection)
    assert plan.inserted == 18
    assert len(plan.changes) == len(KEYS) + len(INDEXES)
    assert counts(connection) == {"chats": 0, "chat_messages": 0, "media": 0}


def test_second_publish_writes_nothing(connection: Connection) -> None:
    world.rehearse(connection)
    world.publish(connection)
    again = world.publish(connection)
    assert again.inserted == 0
    assert again.changes == ()
    assert [t.counts["identical"] for t in again.tables] == [3, 12, 3]


def test_what_a_user_changed_or_deleted_is_left(connection: Connection) -> None:
    world.rehearse(connection)
    world.publish(connection)
    changed = world.identifier("e", 101)
    connection.execute(
        "update chat_messages set content = 'mine' where id = %s", [changed]
    )
    connection.execute(
        "delete from chat_messages where id = %s", [world.identifier("e", 102)]
    )
    connection.commit()
    again = world.publish(connection)
    found = [
        tuple(t.counts[each] for each in ("identical", "changed live", "removed"))
        for t in again.tables
    ]
    assert found == [(3, 0, 0), (10, 1, 1), (3, 0, 0)]
    row = connection.execute(
        "select content from chat_messages where id = %s", [changed]
    ).fetchone()
    assert row == ("mine",)


def test_rows_that_stand_already_are_not_ours(connection: Connection) -> None:
    world.rehearse(connection)
    connection.execute(
        "insert into chats select id, booking_id, created_at, updated_at"
        " from marts.chats where id = %s",
        [world.identifier("c", 1)],
    )
    connection.commit()
    plan = world.publish(connection)
    assert (plan.tables[0].insert, plan.tables[0].counts["present"]) == (2, 1)
    owned = connection.execute(
        "select count(*) from carryover.published_rows where table_name = 'chats'"
    ).fetchone()
    assert owned == (2,)


@pytest.mark.parametrize(
    ("damage", "table", "reason"),
    [
        (
            "delete from bookings where id = '{d1}'",
            "chats",
            "its booking_id is not in the live table bookings",
        ),
        (
            "insert into chats (id, booking_id) values (gen_random_uuid(), '{d1}')",
            "chats",
            "its booking_id already belongs to another live row",
        ),
        (
            "insert into chats (id, booking_id) values ('{c1}', '{d1}')",
            "chats",
            "its id is taken by a live row with other content",
        ),
        (
            "delete from profiles where role = 'customer'",
            "chat_messages",
            "its sender_id is not in the live table profiles",
        ),
        (
            "alter table chat_messages alter content type varchar(10)",
            "chat_messages",
            "content is longer than the 10 characters of the live column",
        ),
    ],
)
def test_a_row_that_cannot_go_has_its_reason(
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
    damage: str,
    table: str,
    reason: str,
) -> None:
    monkeypatch.setattr(publish, "thresholds", lambda: Thresholds(1.0, 1.0, 1.0))
    world.rehearse(connection)
    connection.execute(
        damage.format(d1=world.identifier("d", 1), c1=world.identifier("c", 1))
    )
    connection.commit()
    plan = world.publish(connection)
    found = {t.name: t.reasons for t in plan.tables}
    assert reason in found[table]
    listed = connection.execute(
        "select count(*) from carryover.failed_rows"
        " where table_name = %s and reason = %s",
        [table, reason],
    ).fetchone()
    assert listed == (found[table][reason],)


def test_children_of_a_row_that_cannot_go_stay_too(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "thresholds", lambda: Thresholds(1.0, 1.0, 1.0))
    world.rehearse(connection)
    connection.execute("delete from bookings where id = %s", [world.identifier("d", 1)])
    connection.commit()
    plan = world.publish(connection)
    assert [(t.insert, t.failed) for t in plan.tables] == [(2, 1), (8, 4), (2, 1)]


def test_too_many_failures_publish_nothing(connection: Connection) -> None:
    world.rehearse(connection)
    connection.execute("delete from bookings")
    connection.commit()
    with pytest.raises(CheckFailed, match="15 of 15 rows would be lost to errors"):
        publish.publish(connection)
    assert counts(connection) == {"chats": 0, "chat_messages": 0, "media": 0}


def test_refuses_marts_of_another_load(connection: Connection) -> None:
    world.rehearse(connection)
    connection.execute("update marts.loaded_run set run_id = 'another'")
    connection.commit()
    with pytest.raises(Refused, match="not built from the landed run"):
        publish.publish(connection)


def test_refuses_without_marts(connection: Connection) -> None:
    world.rehearse(connection)
    connection.execute("drop schema marts cascade")
    connection.commit()
    with pytest.raises(Refused, match="not built from the landed run"):
        publish.publish(connection)


@pytest.mark.parametrize("status", ["fail", "error", "skipped", "not run"])
def test_refuses_when_an_audit_has_not_passed(
    connection: Connection, status: str
) -> None:
    world.rehearse(connection)
    connection.execute(
        "insert into marts.audit_results values ('t', 'unique_chats_id', %s)", [status]
    )
    connection.commit()
    with pytest.raises(Refused, match=rf"unique_chats_id \({status}\)"):
        publish.publish(connection)
    assert counts(connection)["chats"] == 0


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("alter table chats drop column updated_at", r"public\.chats has no column"),
        ("alter table chats add owner text not null", "requires owner"),
        (
            "alter table chats alter created_at type timestamptz(0)",
            r"chats\.created_at is timestamp\(0\)",
        ),
        ("drop table media", "has no media"),
    ],
)
def test_refuses_a_target_that_does_not_fit(
    connection: Connection, damage: str, named: str
) -> None:
    world.rehearse(connection)
    connection.execute(damage)
    connection.commit()
    with pytest.raises(Refused, match=named):
        publish.publish(connection)


def test_refuses_while_another_holds_the_lock(
    connection: Connection, database: dict[str, str]
) -> None:
    world.rehearse(connection)
    with psycopg.connect(make_conninfo(**database)) as other:
        ledger.take_lock(other)
        with pytest.raises(Refused, match="another run is at work on this database"):
            publish.publish(connection)
    assert world.publish(connection).inserted == 18


def test_a_failure_in_the_database_leaves_nothing(connection: Connection) -> None:
    world.rehearse(connection)
    connection.execute(
        "create function refuse() returns trigger language plpgsql"
        " as $$ begin raise exception 'no images today'; end $$;"
        "create trigger refuse before insert on media execute function refuse()"
    )
    connection.commit()
    with pytest.raises(publish.PublishFailed, match="no images today"):
        world.publish(connection)
    assert counts(connection) == {"chats": 0, "chat_messages": 0, "media": 0}


def test_keys_that_stand_under_other_names_are_not_added_again(
    connection: Connection,
) -> None:
    world.rehearse(connection)
    connection.execute(
        "alter table chats add constraint one_chat_a_booking unique (booking_id);"
        "alter table chat_messages add constraint of_chat"
        " foreign key (chat_id) references chats (id);"
        "create index by_sender on chat_messages (sender_id)"
    )
    connection.commit()
    added = {change.name for change in world.publish(connection).changes}
    present = {
        "chats_booking_id_key",
        "chat_messages_chat_id_fkey",
        "idx_chat_messages_sender_id",
    }
    assert added == (KEYS | INDEXES) - present


def test_columns_are_matched_by_name(connection: Connection) -> None:
    """A target with participants gets them; one without has_image goes too."""
    world.rehearse(connection)
    connection.execute(
        "alter table chats add customer_id uuid, add stylist_id uuid;"
        "alter table chat_messages drop column has_image,"
        " alter created_at type timestamp;"
        "alter table media drop column created_at"
    )
    connection.commit()
    world.publish(connection)
    row = connection.execute(
        "select distinct customer_id::text, stylist_id::text from chats"
    ).fetchall()
    assert row == [(world.BUYER, world.STYLIST)]
    assert target.describe(connection, "media")[-1].name == "file_path"


def test_refuses_another_live_schema_than_that_of_the_published_rows(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There, all that was published would pass for deleted by somebody."""
    world.rehearse(connection)
    world.publish(connection)
    monkeypatch.setenv("CARRYOVER_LIVE_SCHEMA", "elsewhere")
    target.create(connection)
    connection.commit()
    for refused in (publish.publish, rollback.rollback, validate.validate):
        with pytest.raises(Refused, match="CARRYOVER_LIVE_SCHEMA=public"):
            refused(connection)
    monkeypatch.setenv("CARRYOVER_LIVE_SCHEMA", "public")
    assert rollback.rollback(connection).deleted == 18
