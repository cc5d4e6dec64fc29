"""What columns hold: the suspicion of text encoded twice, dates that are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.assess.expected import differences
from harness.assess.profile import TableProfile, is_double_encoded
from harness.load.charsets import client_decoder
from harness.load.events import CopyBlock
from harness.load.schema import Column, Table


def encoded_twice(text: str) -> bytes:
    """What a client gets and writes that takes UTF-8 for latin1, as MySQL has it."""
    decode = client_decoder("latin1")
    assert decode
    return decode(text.encode()).encode()


@given(
    st.text(st.characters(exclude_categories=["Cs"])).filter(lambda t: not t.isascii())
)
def test_all_text_that_was_encoded_twice_is_suspected(text: str) -> None:
    assert is_double_encoded(encoded_twice(text))


@pytest.mark.parametrize(
    "text",
    ["", "plain", "é", "naïve café", "Ã", "日本", "🎉", "Ünï", "“quoted”…"],
)
def test_text_as_people_write_it_is_not_suspected(text: str) -> None:
    assert not is_double_encoded(text.encode())


def profile(mysql_type: str, *values: bytes) -> tuple[int, int, int]:
    column = Column("c", mysql_type)
    found = TableProfile(Table(None, "t", (Column("n", "int"), column)))
    data = b"".join(b"1\t" + value + b"\n" for value in values)
    found.add(CopyBlock("t", ("n", "c"), data, len(values)))
    counted = found.columns["c"]
    return counted.nulls, counted.zero_dates, counted.double_encoded


def test_dates_that_are_none_are_counted() -> None:
    values = [
        b"0000-00-00 00:00:00",
        b"2024-00-01 00:00:00",
        b"2024-01-00 10:00:00",
        b"2024-01-10 00:00:00.000000",
        b"\\N",
    ]
    for mysql_type in ("datetime(6)", "timestamp", "date"):
        assert profile(mysql_type, *values) == (1, 3, 0)
    assert profile("varchar(40)", *values) == (1, 0, 0)


def test_nulls_are_told_from_their_text() -> None:
    assert profile("text", b"\\N", b"\\\\N", b"NULL", b"") == (1, 0, 0)
    assert profile("text", b"\\N", b"\\N") == (2, 0, 0)


def test_only_text_is_suspected() -> None:
    twice = encoded_twice("é")
    assert profile("text", twice, "é".encode(), b"\\N", b"a\\tb") == (1, 0, 1)
    assert profile("blob", b"\\\\xc383c2a9") == (0, 0, 0)


def test_a_column_that_rows_leave_out_is_null() -> None:
    found = TableProfile(Table(None, "t", (Column("a"), Column("b"))))
    found.add(CopyBlock("t", ("b",), b"1\n2\n", 2))
    found.add(CopyBlock("t", ("b", "a"), b"1\tx\n", 1))
    assert (found.rows, found.bytes) == (3, 8)
    assert (found.columns["a"].nulls, found.columns["b"].nulls) == (2, 0)


def columns(**types: str | None) -> tuple[Column, ...]:
    return tuple(Column(name, mysql_type) for name, mysql_type in types.items())


BOOKING = {
    "id": "char(36)",
    "buyer_id": "varchar(36)",
    "stylist_id": "varchar(36)",
    "status": "enum('a','b')",
    "created_at": "timestamp",
}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"id": "binary(16)", "buyer_id": "varbinary(16)"}, []),
        ({"id": "blob"}, [("id", "blob", False)]),
        ({"status": "binary(16)"}, [("status", "binary(16)", False)]),
        ({"id": "int unsigned"}, [("id", "int unsigned", False)]),
        ({"created_at": "varchar(30)"}, [("created_at", "varchar(30)", False)]),
        ({"status": None}, [("status", "no declared type", False)]),
    ],
)
def test_types_are_held_against_what_the_models_read(
    changed: dict[str, str | None], expected: list[tuple[str, str, bool]]
) -> None:
    types: dict[str, str | None] = {**BOOKING, **changed}
    found = differences({"booking": Table(None, "booking", columns(**types))})
    about = [(d.column, d.found, d.stops_load) for d in found if d.table == "booking"]
    assert about == expected


def test_a_missing_column_or_table_stops_a_load() -> None:
    types = {name: kind for name, kind in BOOKING.items() if name != "status"}
    found = differences({"booking": Table(None, "booking", columns(**types))})
    stops = [(d.table, d.column) for d in found if d.stops_load]
    assert stops == [("chat", None), ("message", None), ("booking", "status")]
    assert {d.table for d in found if not d.stops_load} == {"buyer", "stylist"}


def test_a_text_column_of_bytes_is_no_text() -> None:
    column = Column("status", "varchar(36)", declared_charset="binary")
    found = differences({"booking": Table(None, "booking", (column,))})
    assert ("status", "varchar(36)") in [(d.column, d.found) for d in found]
