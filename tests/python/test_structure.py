"""Structure: what a table is, as statements, the same for the same table."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness import structure
from harness.backup.executing import execute_all
from harness.database import Connection
from harness.structure import DEPENDENTS, LiveObject
from tests.python import live_tables

TABLES = ("chats", "chat_messages", "media")


@pytest.fixture(scope="module")
def decorated(postgres_server: dict[str, str]) -> Iterator[Connection]:
    """A connection to decorated tables; a test takes back what it changes."""
    made = live_tables.make(postgres_server)
    with live_tables.opened(made) as connection:
        yield connection
    live_tables.drop(made)


def named(objects: list[LiveObject], kind: str, table: str = "chats") -> set[str]:
    return {o.name for o in objects if o.kind == kind and o.table == table}


def test_every_kind_of_thing_is_read(decorated: Connection) -> None:
    objects = structure.read(decorated, TABLES)
    decorated.rollback()
    assert {o.kind for o in objects} == set(structure.KINDS) - {"disabled key"}


def test_a_table_is_read_with_what_it_has(decorated: Connection) -> None:
    objects = structure.read(decorated, TABLES)
    decorated.rollback()
    assert named(objects, "policy") == {
        "readers_see",
        "nobody_archives",
        "seen_by_writers",
    }
    assert named(objects, "trigger") == {"stamped"}
    assert named(objects, "check") == {"titled", "old_times", "judged"}
    assert named(objects, "grant", "media") == {"backup_owner", "public"}
    assert named(objects, "index", "chat_messages") == {"one_unread"}
    assert named(objects, "sequence value", "media") == {
        "media_place_seq",
        "shared_numbers",
    }
    assert {o.name for o in objects if o.kind == "view"} == {
        "live_chats",
        "titled_chats",
        "reporting.messages",
        "reporting.aged",
    }
    assert {o.name for o in objects if o.kind == "function"} == {
        "age_of(chats)",
        "may_be_seen(chats)",
    }
    assert {o.name for o in objects if o.kind == "incoming foreign key"} == {
        "chat_messages.reactions.reactions_message_id_fkey".partition(".")[2]
    }


def test_reading_twice_is_the_same_and_leaves_the_search_path(
    decorated: Connection,
) -> None:
    decorated.execute("set local search_path to pg_catalog")
    first = structure.read(decorated, TABLES)
    decorated.execute("set local search_path to reporting, public")
    assert structure.read(decorated, TABLES) == first
    assert decorated.execute("show search_path").fetchone() == ("reporting, public",)
    decorated.rollback()


def test_a_table_that_is_not_there_has_nothing(decorated: Connection) -> None:
    assert structure.read(decorated, ["no such table"]) == []
    assert structure.read(decorated, TABLES, "no such schema") == []
    decorated.rollback()


CHANGES = {
    "create index extra on chats (title)": ["index extra of chats is extra"],
    "drop index by_time": [
        "index by_time of chats is missing",
        "comment on index by_time is missing",
    ],
    "alter table chats drop constraint old_times": [
        "check old_times of chats is missing"
    ],
    "alter table chats validate constraint old_times": [
        "check old_times of chats differs"
    ],
    "alter table chats disable row level security": [
        "row level security of chats differs"
    ],
    "alter table media alter file_path drop not null": [
        "not null file_path of media is missing"
    ],
    "alter table media alter file_path set default 'x'": [
        "default file_path of media is extra"
    ],
    "alter table media rename column tags to labels": [
        "column tags of media is missing",
        "column labels of media is extra",
    ],
    "alter table media alter tags type varchar[]": ["column tags of media differs"],
    "alter table chat_messages disable trigger shouted": [
        "trigger state shouted of chat_messages differs"
    ],
    "grant select on chats to public": ["grant on chats to public is extra"],
    "revoke all on sequence chat_messages_number_seq from backup_writer": [
        "sequence grant chat_messages_number_seq to backup_writer of chat_messages"
        " is missing"
    ],
    "select setval('media_place_seq', 99)": [
        "sequence value media_place_seq of media differs"
    ],
    "drop view titled_chats": ["view titled_chats is missing"],
    "create view extra as select 1 from chats": [],
    "insert into profiles values (gen_random_uuid(), 'B')": [],
    "drop table media": ["table media is missing"],
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_difference_is_named(change: str, decorated: Connection) -> None:
    before = structure.read(decorated, TABLES)
    decorated.execute(change.encode())
    after = structure.read(decorated, TABLES)
    decorated.rollback()
    assert structure.differences(before, after) == CHANGES[change]
    # Using sequences and building views on the tables is no change of theirs.
    is_outside = change.startswith(("insert", "create view", "drop view", "select"))
    same = structure.fingerprint(before) == structure.fingerprint(after)
    assert same == is_outside


def test_columns_in_another_order_differ(decorated: Connection) -> None:
    before = structure.read(decorated, ["profiles"])
    decorated.execute(
        "create table other (name text, id uuid primary key);"
        "alter table profiles rename to old; alter table other rename to profiles;"
        "alter table old rename constraint profiles_pkey to old_pkey;"
        "alter table profiles rename constraint other_pkey to profiles_pkey"
    )
    after = structure.read(decorated, ["profiles"])
    decorated.rollback()
    assert "table profiles differs" in structure.differences(before, after)


def test_a_key_that_somebody_disabled_is_named(
    postgres_server: dict[str, str], decorated: Connection
) -> None:
    key = LiveObject("media", "foreign key", "k", "ddl", "drop")
    disabled = LiveObject("media", "disabled key", "k", "", "drop")
    table = LiveObject("media", "table", "media", "create", "drop")
    assert structure.differences([table, key], [table, key, disabled]) == [
        "disabled key k of media is extra"
    ]


def test_the_statements_make_the_tables_again(decorated: Connection) -> None:
    """With the functions that they call, and nothing else beside them."""
    objects = [
        each
        for each in structure.read(decorated, TABLES)
        if each.kind == "function"
        or (each.table in TABLES and each.kind not in DEPENDENTS)
    ]
    decorated.execute("drop table chats, chat_messages, media cascade")
    decorated.execute("drop sequence shared_numbers")
    with structure.search_path(decorated, "public"):
        execute_all(decorated, objects)
    made = structure.read(decorated, TABLES)
    decorated.rollback()
    assert structure.differences(objects, made) == []


def test_names_are_quoted_and_the_schema_is_any(
    postgres_server: dict[str, str],
) -> None:
    made = live_tables.make(
        postgres_server,
        content='create schema "Live ""Chats"; create table "Live ""Chats".chats'
        ' ("Id ""x" uuid primary key, "select" serial check ("select" > 0))',
    )
    with live_tables.opened(made) as connection:
        objects = structure.read(connection, ["chats"], 'Live "Chats')
    live_tables.drop(made)
    assert named(objects, "column") == {'Id "x', "select"}
    assert not any("Live" in each.ddl for each in objects)


def test_a_list_of_varchars_is_the_same_when_it_is_read_again(
    connection: Connection,
) -> None:
    """The server writes ``in`` of a varchar in a way that it reads as another thing."""
    connection.execute(
        "create table kinds (id uuid, kind varchar(9),"
        " check (kind in ('a', 'it''s b')), check (kind not in ('c', 'd')))"
    )
    checks = [
        each for each in structure.read(connection, ["kinds"]) if each.kind == "check"
    ]
    for each in checks:
        connection.execute(each.drop_ddl.encode())
    for each in checks:
        connection.execute(each.ddl.encode())
    again = [
        each for each in structure.read(connection, ["kinds"]) if each.kind == "check"
    ]
    assert again == checks
    assert len(again) == 2
