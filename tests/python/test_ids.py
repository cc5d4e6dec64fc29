"""Ids that are UUIDs in another form: from the dump to the live tables, and refused."""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

import tasks
from harness import build, database, ledger, target, validate
from harness.assess import Assessment, assess
from harness.audit import run_checkpoint
from harness.cli import Program
from harness.database import Connection
from harness.load import DumpError, landing
from harness.load.ids import is_swapped
from tests.python import world
from tests.python.load.dumps import extended, signed, table

MIGRATION = ("--selector", "migration", "--exclude-resource-type", "unit_test")
Form = Callable[[uuid.UUID], str]


def _id(kind: str, number: int) -> uuid.UUID:
    return uuid.UUID(f"0abc000{kind}-0000-4000-8000-{number:012d}")


def usual(value: uuid.UUID) -> str:
    return f"'{value}'"


def plain(value: uuid.UUID) -> str:
    return f"0x{value.hex}"


def swapped(value: uuid.UUID) -> str:
    digits = value.hex
    return f"0x{digits[12:16]}{digits[8:12]}{digits[:8]}{digits[16:]}"


def bare(value: uuid.UUID) -> str:
    return f"'{value.hex}'"


def braced(value: uuid.UUID) -> str:
    return f"'{{{value}}}'".upper()


def urn(value: uuid.UUID) -> str:
    return f"'{value.urn}'"


def spelled(value: uuid.UUID) -> str:
    return f"0x{str(value).upper().encode().hex()}"


TYPES: dict[Form, str] = {
    usual: "char(36)",
    plain: "binary(16)",
    swapped: "varbinary(16)",
    bare: "char(32)",
    braced: "varchar(38)",
    urn: "varchar(45)",
    spelled: "binary(36)",
}
BUYERS = [_id("1", n) for n in (1, 2)]
STYLIST = _id("2", 1)
BOOKINGS = [_id("3", n) for n in (1, 2)]
CHATS = [_id("4", n) for n in (1, 2)]
MESSAGES = [_id("5", n) for n in (1, 2, 3)]


def dump(
    chat: Form,
    message: Form | None = None,
    booking: Form | None = None,
    chat_id: Form | None = None,
) -> bytes:
    """Two chats and three messages, each table with its ids in a form of its own."""
    message, booking = message or chat, booking or chat
    chat_id = chat_id or message

    def key(name: str, form: Form) -> str:
        return f"`{name}` {TYPES[form]}"

    day = "'2024-01-01 10:00:00.000000'"
    dates = ("`created_at` datetime(6)", "`updated_at` datetime(6)")
    people = ("buyer_id", "stylist_id")
    places = (0, 0, 1)
    return signed(
        table(
            "booking",
            *(key(name, booking) for name in ("id", *people)),
            "`status` varchar(20)",
            *dates,
        )
        + table(
            "chat",
            *(key(name, chat) for name in ("id", *people, "booking_id")),
            "`is_active` tinyint",
            *dates,
        )
        + table(
            "message",
            *(key("id", message), key("chat_id", chat_id), "`message` text"),
            *("`is_from` varchar(9)", "`is_unread` tinyint", "`is_image` tinyint"),
            dates[0],
        )
        + extended(
            "booking",
            [
                (*map(booking, (own, buyer, STYLIST)), "'completed'", day, day)
                for own, buyer in zip(BOOKINGS, BUYERS, strict=True)
            ],
        )
        + extended(
            "chat",
            [
                (*map(chat, (own, buyer, STYLIST, of)), "1", day, day)
                for own, buyer, of in zip(CHATS, BUYERS, BOOKINGS, strict=True)
            ],
        )
        + extended(
            "message",
            [
                (message(own), chat_id(CHATS[place]), "'hei'", "'buyer'", "0", "0", day)
                for own, place in zip(MESSAGES, places, strict=True)
            ],
        )
    )


def land(
    connection: Connection,
    folder: Path,
    data: bytes,
    created: Callable[[uuid.UUID], str] = str,
) -> None:
    path, bookings = folder / "dump.sql", folder / "bookings-created.json"
    users = folder / "user-id-mapping.json"
    path.write_bytes(data)
    results = [{"id": created(each), "success": True} for each in BOOKINGS]
    bookings.write_text(json.dumps({"results": results}))
    people = [*BUYERS, STYLIST]
    users.write_text(json.dumps({"mapping": {created(p): str(p) for p in people}}))
    run_id = ledger.new_run_id()
    ledger.ensure(connection)
    ledger.begin_run(connection, run_id, target="test")
    landing.load(
        connection,
        run_id=run_id,
        dumps=[str(path)],
        bookings=str(bookings),
        users=str(users),
        live_schema="public",
    )
    connection.commit()


def carry(connection: Connection, folder: Path) -> None:
    """Build, publish and validate; the live ids are those of the source."""
    assert run_checkpoint("landing", run_id="run", docs_dir=folder).passed
    assert not build.build(database.target(), list(MIGRATION)).failures
    target.create(connection)
    target.fill(connection)
    run = ledger.current_run(connection)
    ledger.set_status(connection, run.run_id, "built")
    connection.commit()
    world.publish(connection)
    connection.commit()
    assert validate.validate(connection).is_valid
    rows = connection.execute(
        "select m.id, m.chat_id, c.booking_id, m.sender_id from chat_messages as m"
        " join chats as c on m.chat_id = c.id order by m.id"
    ).fetchall()
    assert rows == [
        (message, CHATS[place], BOOKINGS[place], BUYERS[place])
        for message, place in zip(MESSAGES, (0, 0, 1), strict=True)
    ]
    assert connection.execute("select count(*) from profiles").fetchone() == (3,)
    assert connection.execute("select count(*) from bookings").fetchone() == (2,)
    connection.rollback()


@pytest.mark.slow
@pytest.mark.parametrize(
    "forms",
    [
        (plain,),
        (swapped, bare, braced, plain),
        (urn, spelled, swapped, braced),
    ],
    ids=lambda forms: "-".join(form.__name__ for form in forms),
)
def test_ids_in_any_form_are_carried_as_the_usual_one(
    connection: Connection,
    environment: dict[str, str],
    tmp_path: Path,
    forms: tuple[Form, ...],
) -> None:
    land(connection, tmp_path, dump(*forms))
    carry(connection, tmp_path)


@pytest.mark.slow
def test_ids_of_the_files_may_have_another_form(
    connection: Connection, environment: dict[str, str], tmp_path: Path
) -> None:
    land(connection, tmp_path, dump(usual), created=lambda each: f"{{{each.hex}}}")
    carry(connection, tmp_path)


# Refused, and named by ``assess``.


def both(value: uuid.UUID) -> str:
    """16 bytes with a version in both orders."""
    return f"0x4{value.hex[1:]}"


TYPES[both] = "binary(16)"


def number(value: uuid.UUID) -> str:
    return str(value.int % 10)


TYPES[number] = "int"


def ulid(value: uuid.UUID) -> str:
    return f"'01HZX{value.int % 1000:021d}'"


TYPES[ulid] = "char(26)"


def long_text(value: uuid.UUID) -> str:
    return f"'{value}-kari@example.org'"


TYPES[long_text] = "varchar(80)"


def assessed(folder: Path, data: bytes) -> Assessment:
    path = folder / "dump.sql"
    path.write_bytes(data)
    return assess([str(path)])


def inv(*argv: str) -> int:
    namespace = copy.deepcopy(tasks.namespace)
    program = Program(namespace=namespace, binary="./inv", binary_names=["inv"])
    try:
        program.run(["inv", *argv])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_the_forms_of_ids_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = assessed(tmp_path, dump(swapped, bare, plain, spelled))
    assert found.can_be_loaded
    assert {each.table for each in found.differences} == {"buyer", "stylist"}
    assert not found.warnings
    assert inv("assess", "--dump", str(tmp_path / "dump.sql")) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "chat.id UUID in 16 bytes, time parts swapped" in printed
    assert "message.id UUID without dashes, in braces or as a URN" in printed
    assert "message.chat_id UUID spelled in bytes" in printed
    assert "booking.id UUID in 16 bytes booking.buyer_id" in printed
    assert inv("assess", "--dump", str(tmp_path / "dump.sql"), "--json") == 0
    ids = json.loads(capsys.readouterr().out)["ids"]
    assert len(ids) == 9
    assert ids[0]["forms"] == ["UUID in 16 bytes"]


def test_the_usual_form_is_not_worth_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert assessed(tmp_path, dump(usual)).can_be_loaded
    assert inv("assess", "--dump", str(tmp_path / "dump.sql")) == 0
    assert "read as" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("forms", "place", "shape"),
    [
        ((usual, number), "message.id (int): 3 of 3 values", "'9'"),
        ((ulid, usual, usual, usual), "chat.id (char(26)): 2 of 2", "'99xxx9999999"),
        ((usual, usual, number), "booking.id (int): 2 of 2", "'9'"),
        ((usual, usual, usual, long_text), "message.chat_id", "'9xxx9999-9999"),
    ],
)
def test_what_cannot_be_an_id_stops_the_assessment(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    forms: tuple[Form, ...],
    place: str,
    shape: str,
) -> None:
    assessed(tmp_path, dump(*forms))
    assert inv("assess", "--dump", str(tmp_path / "dump.sql")) == 3
    printed = "".join(capsys.readouterr())
    assert "no id can be carried from " + place in printed
    assert shape in printed
    assert "example.org" not in printed
    assert "char(36) or binary(16)" in printed


def test_a_few_bad_ids_do_not_stop_the_assessment(tmp_path: Path) -> None:
    data = dump(usual).replace(usual(MESSAGES[0]).encode(), b"'no-uuid'")
    assert assessed(tmp_path, data).can_be_loaded


def test_bytes_that_can_be_read_in_both_orders_are_not_guessed(
    connection: Connection, environment: dict[str, str], tmp_path: Path
) -> None:
    data = dump(usual, both, usual, usual)
    (warning,) = assessed(tmp_path, data).warnings
    assert warning.startswith("the ids of message.id are UUIDs in 16 bytes")
    with pytest.raises(DumpError, match=r"message\.id .* both .* BIN_TO_UUID"):
        land(connection, tmp_path, data)
    connection.rollback()
    assert connection.execute("select to_regnamespace('staging')").fetchone() == (None,)


@pytest.mark.parametrize("chat_id", [plain, swapped, usual])
def test_the_ids_of_other_tables_and_files_decide(
    connection: Connection, environment: dict[str, str], tmp_path: Path, chat_id: Form
) -> None:
    """What has a version in both orders is in the one that matches its references."""
    data = dump(usual, usual, usual, chat_id)
    twisted = [uuid.UUID("4" + each.hex[1:]) for each in CHATS]
    for chat, other in zip(CHATS, twisted, strict=True):
        data = data.replace(usual(chat).encode(), usual(other).encode())
        data = data.replace(chat_id(chat).encode(), chat_id(other).encode())
    land(connection, tmp_path, data)
    found = connection.execute(
        "select is_time_swapped from staging.loaded_columns"
        " where table_name = 'message' and column_name = 'chat_id'"
    ).fetchone()
    assert found == (chat_id is swapped,)


@pytest.mark.parametrize("order", [plain, swapped])
def test_the_ids_of_the_files_decide(
    connection: Connection, environment: dict[str, str], tmp_path: Path, order: Form
) -> None:
    def twisted(value: uuid.UUID) -> uuid.UUID:
        return uuid.UUID("4" + value.hex[1:])

    def either(value: uuid.UUID) -> str:
        return order(twisted(value))

    TYPES[either] = "binary(16)"
    data = dump(usual, usual, either)
    land(connection, tmp_path, data, created=lambda each: str(twisted(each)).upper())
    found = connection.execute(
        "select column_name from staging.loaded_columns"
        " where table_name = 'booking' and is_time_swapped order by ordinal"
    ).fetchall()
    names = ["id", "buyer_id", "stylist_id"]
    assert [name for (name,) in found] == (names if order is swapped else [])


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ({}, False),
        ({("4", "0"): 3}, False),
        ({("0", "4"): 3}, True),
        ({("4", "4"): 9}, None),
        ({("1", "7"): 9}, None),
        ({("4", "1"): 1, ("4", "2"): 1}, None),
        ({("4", "1"): 1, ("4", "2"): 1, ("4", "7"): 1}, False),
        ({("1", "4"): 1, ("2", "4"): 1, ("7", "4"): 1}, True),
        ({("4", "1"): 50, ("4", "f"): 50, ("0", "0"): 1}, False),
        ({("1", "4"): 50, ("f", "4"): 50, ("0", "0"): 1}, True),
        ({("f", "0"): 5, ("3", "0"): 5}, False),
        ({("f", "4"): 9, ("3", "0"): 1}, None),
    ],
)
def test_the_order_of_bytes_is_that_with_a_version(
    versions: dict[tuple[str, str], int], expected: bool | None
) -> None:
    assert is_swapped(versions) is expected
