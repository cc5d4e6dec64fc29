"""dbt's models and their audits, on a landed dump and a real server.

What the models decide is compared with the validation's own derivation, which shares no
SQL with them. The audits are watched through builds that fail, that are partial and
that follow another load.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness import build, validate
from harness.build import BuildResult
from harness.database import Connection, Target, connect, target
from harness.linkage import Linkage
from tests.python.world import BUYER, booking, chat, identifier, land, message

MIGRATION = ("--selector", "migration")
MARTS = {
    "chats": "id, booking_id, customer_id, stylist_id, created_at, updated_at",
    "chat_messages": (
        "id, chat_id, sender_id, content, is_read, has_image, created_at"
    ),
    "media": "id, chat_message_id, media_type, owner_id, file_path, created_at",
}

HOSTILE_CHATS = [
    chat(1, created_at="0000-00-00 00:00:00"),
    chat(2, created_at="2024-02-30 08:00:00", updated_at=None),
    chat(3, created_at="1900-02-29", updated_at="infinity"),
    chat(4, updated_at="2001-01-01 00:00:00"),
    chat(5, id=identifier("c", 5).upper(), booking_id=identifier("d", 5).upper()),
    chat(5),
    chat(6),
    chat(6, is_active="0"),
    chat(7, booking_id=booking(6)["id"]),
    chat(8, id="no-uuid"),
    chat(9, id="no-uuid"),
    chat(10, booking_id=None),
    chat(11, is_active=None),
    chat(12, id=None, booking_id="'; drop table chat; --"),
]
HOSTILE_MESSAGES = [
    message(1, 1, created_at="0000-00-00 00:00:00"),
    message(2, 2, created_at="2024-03-10 02:30:00.123456"),
    message(3, 3, created_at="9999-12-31 23:59:59.999999", is_unread="7"),
    message(4, 4, created_at="2024-01-01 24:00:00", message=None, is_image="yes"),
    message(5, 5, id=identifier("e", 5).upper(), is_from="stylist", is_unread=None),
    message(5, 5, is_from="stylist", is_unread=None),
    message(6, 6, message="Æ 🍇 \\ ' \" {{ x }} %s"),
    message(6, 6, message="another"),
    message(7, 7, is_image="1", message=" chat-images/a.JPG\t"),
    message(8, 7, is_image="1", message="two words.png"),
    message(9, 8, chat_id="no-uuid"),
    message(10, 1, id="no-uuid"),
    message(11, 1, id=None, chat_id=None),
    message(12, 1, is_from="Buyer"),
    message(13, 1, is_from=None),
    message(14, 99),
]


def land_all(connection: Connection, **rows: list[dict[str, str | None]]) -> str:
    """Land rows as a whole load does, with the table of rejected rows."""
    run_id = land(
        connection,
        chats=rows.get("chats", [chat(1)]),
        messages=rows.get("messages", [message(1, 1)]),
        bookings=rows.get("bookings", [booking(n) for n in range(1, 13)]),
    )
    connection.execute(
        "create table staging.rejected_rows ("
        "_row bigint generated always as identity, table_name text, line bigint,"
        " byte_offset bigint, reason text, excerpt text)"
    )
    connection.commit()
    return run_id


def dbt(*arguments: str) -> BuildResult:
    return build.build(target(), arguments)


def statuses(connection: Connection) -> dict[str, str]:
    rows = connection.execute("select name, status from marts.audit_results").fetchall()
    connection.rollback()
    return dict(rows)


def test_the_models_agree_with_a_second_derivation(
    connection: Connection, environment: dict[str, str]
) -> None:
    land_all(connection, chats=HOSTILE_CHATS, messages=HOSTILE_MESSAGES)
    connection.execute(
        "update staging.loaded_columns set mysql_type = 'timestamp(6)'"
        " where table_name = 'message';"
        "update staging.loads set dump_time_zone = '+05:30'"
    )
    connection.commit()

    result = dbt(*MIGRATION, "--vars", "{source_timezone: Europe/Oslo}")

    assert not result.failures
    validate.derive(connection, "Europe/Oslo", Linkage())
    for mart, columns in MARTS.items():
        rows = {
            relation: connection.execute(
                f"select {columns} from {relation} order by id"
            ).fetchall()
            for relation in (f"marts.{mart}", f"expected_{mart}")
        }
        assert rows[f"marts.{mart}"]
        assert rows[f"marts.{mart}"] == rows[f"expected_{mart}"]


def test_a_build_without_a_load_fails_and_vouches_for_nothing(
    connection: Connection, environment: dict[str, str]
) -> None:
    result = dbt("--select", "stg_mysql_dump__loads")

    assert [failure.name for failure in result.failures] == ["stg_mysql_dump__loads"]
    assert statuses(connection) == {}


@pytest.fixture(scope="module")
def built_database(postgres_server: dict[str, str]) -> Iterator[str]:
    """The name of a database whose marts are built and have passed, to be copied."""
    name = "built_marts"
    to = Target({**postgres_server, "dbname": name}, is_embedded=False)
    with connect(Target(postgres_server, False), autocommit=True) as server:
        server.execute(f"create database {name}")
        with connect(to) as connection:
            land_all(connection)
            assert not build.build(to, MIGRATION).failures
            assert set(statuses(connection).values()) <= {"pass", "warn", "success"}
            other = connection.execute("select to_regnamespace('consolidated')")
            assert other.fetchone() == (None,)
            connection.rollback()
        yield name
        server.execute(f"drop database {name} with (force)")


@pytest.fixture
def built(
    postgres_server: dict[str, str],
    database: dict[str, str],
    environment: dict[str, str],
    built_database: str,
) -> Iterator[Connection]:
    """A connection to a copy of the built database, which the environment names."""
    name = database["dbname"]
    with connect(Target(postgres_server, False), autocommit=True) as server:
        server.execute(f"drop database {name} with (force)")
        server.execute(f"create database {name} template {built_database}")
    with connect(Target(database, is_embedded=False)) as connection:
        yield connection


def test_a_model_that_ran_again_leaves_its_tests_to_be_run(built: Connection) -> None:
    dbt("--select", "chats", "--exclude-resource-type", "test")

    found = statuses(built)
    assert found["chats"] == "success"
    assert found["one_chat_per_booking"] == "not run"
    assert found["no_orphans"] == "not run"
    assert found["image_messages_have_media"] == "pass"

    dbt("--select", "chats")

    assert "not run" not in statuses(built).values()


def test_a_view_that_ran_again_leaves_the_tests_behind_it_to_be_run(
    built: Connection,
) -> None:
    dbt("--select", "stg_mysql_dump__bookings", "--exclude-resource-type", "test")

    found = statuses(built)
    assert found["staging_matches_the_loader"] == "not run"
    assert found["unique_int_bookings_migrated_booking_id"] == "not run"
    assert found["one_chat_per_booking"] == "pass"


def test_an_empty_build_vouches_for_nothing(built: Connection) -> None:
    dbt("--empty", "--select", "chats")

    found = statuses(built)
    assert found["chats"] == "not run"
    assert found["one_chat_per_booking"] == "not run"
    assert found["media"] == "success"


def test_a_failed_model_leaves_its_error_and_what_was_skipped(
    built: Connection,
) -> None:
    built.execute("alter table staging.message rename column message to text")
    built.commit()

    result = dbt("--select", "stg_mysql_dump__messages+")

    assert result.failures
    found = statuses(built)
    assert found["stg_mysql_dump__messages"] == "error"
    assert found["chat_messages"] == "skipped"
    assert found["no_orphans"] == "skipped"
    assert found["skip_reasons"] == "success"


def test_a_lost_row_fails_the_audits_by_more_than_one_path(built: Connection) -> None:
    built.execute("delete from marts.chat_messages")
    built.commit()

    result = build.build(
        target(),
        [
            *("--select", "path:tests", "chat_messages,test_type:data"),
            *("--exclude", "path:tests/integrity/consolidation"),
        ],
    )

    failed = {failure.name.split("_chat_messages")[0] for failure in result.failures}
    assert {
        "keeps_every_row",
        "reconciliation_matches_the_rows",
        "metrics_match_the_marts",
    } <= failed
    assert statuses(built)["reconciliation_matches_the_rows"] == "fail"


def test_another_load_is_vouched_for_anew(built: Connection) -> None:
    run_id = land_all(built)

    dbt("--select", "+loaded_run")

    found = statuses(built)
    assert found["loaded_run"] == "success"
    assert found["chats"] == "not run"
    assert found["one_chat_per_booking"] == "not run"
    rows = built.execute("select distinct run_id from marts.audit_results").fetchall()
    assert rows == [(run_id,)]


def test_rows_over_the_error_rate_fail_by_name(built: Connection) -> None:
    built.execute(
        "update staging.loaded_tables set rows_read = rows_read + 1, rows_rejected = 1"
        " where table_name = 'message';"
        "insert into staging.rejected_rows (table_name) values ('message')"
    )
    built.commit()

    result = dbt("--select", "reconciliation", "error_rate")

    assert [failure.name for failure in result.failures] == ["error_rate"]
    assert BUYER not in str(result.failures)


def test_what_the_loader_coerced_is_listed_and_held_to_the_rows(
    built: Connection,
) -> None:
    """Also of tables that no model reads; what is listed and not so fails by name."""
    land_all(built, messages=[message(1, 1, message="a\ufffd"), message(2, 1)])
    dbt(*MIGRATION)
    empty = built.execute("select count(*) from staging.coerced_values").fetchone()
    assert empty == (0,)
    built.execute(
        "insert into staging.coerced_values"
        " (table_name, column_name, landing_row, first_position, nul_count) values"
        " ('message', 'message', 1, 2, 1), ('stylist', 'name', 7, 1, 3)"
    )
    built.commit()

    assert not dbt("--select", "coercions+").failures

    listed = built.execute(
        "select table_name, source_row, column_name, old_value from marts.coercions"
        " where rule = 'nul_replaced' order by 1"
    ).fetchall()
    assert listed == [
        ("message", 1, "message", "1 NUL, the first at character 2"),
        ("stylist", 7, "name", "3 NUL, the first at character 1"),
    ]
    for planted in (
        "update staging.coerced_values set first_position = 1 where landing_row = 1",
        "delete from staging.coerced_values where landing_row = 7",
    ):
        built.execute(planted)
        built.commit()
        failed = dbt("--select", "coercions_match_the_loader").failures
        assert [failure.name for failure in failed] == ["coercions_match_the_loader"]
