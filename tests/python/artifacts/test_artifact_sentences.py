"""Sentences follow from the counts; JSON and files are whole or not there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from io import BytesIO
from pathlib import Path

import pytest

from harness.artifacts import folder as folders
from harness.artifacts import headline, reasons_sentence
from harness.artifacts.json_stream import JsonObject
from harness.artifacts.showing import show, show_bytes
from harness.artifacts.specification import check_sums, success_rate
from harness.artifacts.summary import (
    BOOKING_NOT_MIGRATED,
    Reason,
    Run,
    Step,
    Summary,
    TableCount,
    Validation,
)
from harness.errors import CheckFailed

AT = datetime(2026, 1, 2, tzinfo=timezone.utc)
PUBLISH = Step("publish", "done", AT, AT, 1.0, 0, None)


def summary(
    chat: TableCount, message: TableCount, status: str = "built", **fields: object
) -> Summary:
    run = Run("r1", "migration", status, AT, None, "me", "1", "db")
    made = Summary(run, inputs=(), steps=(), tables=(chat, message))
    return replace(made, **fields)  # type: ignore[arg-type]


def count(name: str, read: int, kept: int, **fates: int) -> TableCount:
    known = {"merged": 0, "skipped": read - kept, "rejected": 0, **fates}
    return TableCount(name, read, kept, **known)


def interrupted() -> Iterator[bytes]:
    yield b"half"
    raise RuntimeError


BOOKINGLESS = summary(
    count("chat", 1914, 0),
    count("message", 570, 0),
    reasons=(
        Reason("chat", BOOKING_NOT_MIGRATED, 1914),
        Reason("message", "Chat was not processed", 570),
    ),
    unlinked_chats=1200,
    migrated_bookings=1589,
)


def test_nothing_carried_is_explained_in_figures() -> None:
    assert reasons_sentence(BOOKINGLESS) == (
        "Nothing was carried: all 1,914 chats were skipped, "
        "'Booking was not migrated to PostgreSQL' "
        "(their booking_id is null, in 1,200, or not among the 1,589 "
        "migrated bookings, in 714)."
    )


@pytest.mark.parametrize(
    ("unlinked", "said"),
    [
        (0, "(their booking_id is not among the 1,589 migrated bookings)"),
        (1914, "(their booking_id is null, so not among the 1,589 migrated bookings)"),
    ],
)
def test_what_is_said_of_bookings_follows_from_the_counts(
    unlinked: int, said: str
) -> None:
    assert said in str(reasons_sentence(replace(BOOKINGLESS, unlinked_chats=unlinked)))


def test_another_reason_is_quoted_without_speaking_of_bookings() -> None:
    sentence = reasons_sentence(
        summary(
            count("chat", 10, 1),
            count("message", 5, 5),
            reasons=(Reason("chat", "Chat is not active", 8), Reason("chat", "x", 1)),
        )
    )
    assert sentence == (
        "Only 1 of 10 chats was carried: 8 chats were skipped, 'Chat is not active'."
    )


def test_messages_are_explained_when_only_they_are_few() -> None:
    sentence = reasons_sentence(
        summary(
            count("chat", 10, 10),
            count("message", 5, 0),
            reasons=(Reason("message", "Unknown sender type: admin", 5),),
        )
    )
    assert sentence == (
        "0 of 5 messages were carried: all 5 messages were skipped, "
        "'Unknown sender type: admin'."
    )


@pytest.mark.parametrize(
    ("chat", "message", "expected"),
    [
        (count("chat", 10, 6), count("message", 9, 9), None),
        (count("chat", 10, 2, merged=8, skipped=0), count("message", 9, 9), None),
        (TableCount("chat", read=10), TableCount("message", read=9), None),
        (
            count("chat", 0, 0),
            count("message", 0, 0),
            "Nothing was carried: the dump holds no chats.",
        ),
        (
            count("chat", 4, 0, skipped=0, rejected=4),
            count("message", 0, 0),
            "Nothing was carried: 4 chats were rejected while loading.",
        ),
    ],
)
def test_nothing_is_explained_that_needs_no_explaining(
    chat: TableCount, message: TableCount, expected: str | None
) -> None:
    assert reasons_sentence(summary(chat, message)) == expected


def test_a_publish_that_found_everything_there_says_so() -> None:
    again = summary(
        replace(count("chat", 2, 2), published=0, failed=0),
        replace(count("message", 3, 3), published=0, failed=0),
        "published",
        steps=(PUBLISH,),
    )
    assert reasons_sentence(again) == (
        "Nothing was published: all 2 chats and 3 messages stand in the live tables "
        "already."
    )
    first = replace(
        again, tables=(replace(again.tables[0], published=2), again.tables[1])
    )
    assert reasons_sentence(first) is None


@pytest.mark.parametrize(
    ("status", "published", "validation", "said"),
    [
        ("built", None, None, "ready to publish; the live tables are untouched."),
        ("published", 2, None, "; the live tables are not validated yet."),
        (
            "validated",
            2,
            Validation(AT, True, (), {"chats": 2}, {}),
            "; every row of this source is live as the source has it.",
        ),
        (
            "validated",
            0,
            Validation(AT, True, (), {"chats": 0}, {}),
            "; no row of this source has to be live.",
        ),
        (
            "validated",
            2,
            Validation(
                AT, True, (), {"chats": 2}, {"chats": {"left": 2, "changed": 1}}
            ),
            ", but for 2 left as users had them, 1 changed by users since.",
        ),
        ("invalid", 2, Validation(AT, False, (), {}, {}), "not as they should be."),
        ("rolled_back", 0, None, "none of its rows is left in the live tables."),
        ("rolled_back", 1, None, "1 of its rows, changed since, was left"),
    ],
)
def test_the_headline_says_how_far_the_run_came(
    status: str, published: int | None, validation: Validation | None, said: str
) -> None:
    made = summary(
        replace(count("chat", 2, 2), published=published),
        count("message", 3, 3),
        status,
        validation=validation,
    )
    assert said in headline(made)


def test_the_headline_of_a_load_counts_what_was_read() -> None:
    made = summary(TableCount("chat", read=1), TableCount("message", read=0), "loaded")
    assert headline(made) == (
        "0 messages and 1 chat were read from the dump; nothing is built from them yet."
    )


def test_a_lost_row_is_reported_with_its_figures() -> None:
    lost = summary(count("chat", 2, 2), count("message", 9, 5, skipped=3))
    with pytest.raises(
        CheckFailed, match=r"message does not add up: 9 rows read.* 8\."
    ):
        check_sums(lost)
    check_sums(summary(TableCount("chat", read=2), count("message", 9, 5)))


@pytest.mark.parametrize(
    ("created", "failed", "rate"),
    [(2, 1, "66.67%"), (3, 0, "100.00%"), (0, 4, "0.00%"), (0, 0, "n/a")],
)
def test_success_rate_has_two_digits(created: int, failed: int, rate: str) -> None:
    assert success_rate(created, failed) == rate


def test_an_object_is_valid_json_in_its_order() -> None:
    stream = BytesIO()
    with JsonObject(stream) as document:
        document.member('a"b\u2028', {"x": [1, None]})
        assert document.array("rows", iter([b'{"n":1}', b'{"n":2}'])) == 2
        assert document.array("none", []) == 0
        document.encoded_member("raw", b"[true]")
    parsed = json.loads(stream.getvalue())
    assert list(parsed.items()) == [
        ('a"b\u2028', {"x": [1, None]}),
        ("rows", [{"n": 1}, {"n": 2}]),
        ("none", []),
        ("raw", [True]),
    ]


def test_an_object_without_members_is_valid() -> None:
    stream = BytesIO()
    with JsonObject(stream):
        pass
    assert json.loads(stream.getvalue()) == {}


def test_an_interrupted_object_does_not_read_as_complete() -> None:
    stream = BytesIO()
    with pytest.raises(RuntimeError), JsonObject(stream) as document:
        document.array("rows", interrupted())
    with pytest.raises(json.JSONDecodeError):
        json.loads(stream.getvalue())


def test_a_failed_write_leaves_the_file_before_it(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    folders.write_text(path, "old")
    with pytest.raises(RuntimeError), folders.whole_file(path) as stream:
        stream.writelines(interrupted())
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_latest_is_a_relative_link_that_moves_on(tmp_path: Path) -> None:
    for run_id in ("r1", "r2"):
        (tmp_path / run_id).mkdir()
        folders.point_latest(tmp_path, run_id)
    assert (tmp_path / "latest").readlink() == Path("r2")
    assert {entry.name for entry in tmp_path.iterdir()} == {"r1", "r2", "latest"}


def test_latest_is_a_text_file_where_links_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("symbolic links are not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    folders.point_latest(tmp_path, "r1")
    assert (tmp_path / "latest").read_text() == "r1\n"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "\N{EN DASH}"),
        (True, "yes"),
        (1234, "1,234"),
        (1234.5, "1,234.50"),
        ("x", "x"),
    ],
)
def test_values_are_shown_for_readers(value: object, shown: str) -> None:
    assert show(value) == shown


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (None, "\N{EN DASH}"),
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1500, "1.5 kB"),
        (2**40, "1.1 TB"),
    ],
)
def test_sizes_are_shown_in_their_unit(size: int | None, shown: str) -> None:
    assert show_bytes(size) == shown
