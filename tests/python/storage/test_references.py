"""How messages name their files is read as applications write it."""

from __future__ import annotations

import pytest

from harness.storage import references
from tests.python.storage.world import ATTACHMENTS, NOTES, TARGET

BUCKETS = (ATTACHMENTS, NOTES)
HOST = "https://x.supabase.co"
STORAGE = f"{HOST}/storage/v1"


def names(text: str) -> list[tuple[str | None, str]]:
    found = references.read(text, BUCKETS, TARGET)
    return [(each.bucket, each.name) for each in found.candidates]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f"{STORAGE}/object/public/chat-attachments/a/b.png", "a/b.png"),
        (f"{STORAGE}/object/sign/chat-attachments/a.png?token=x%2Fy", "a.png"),
        (f"{STORAGE}/object/authenticated/chat-attachments/a.png", "a.png"),
        (f"{STORAGE}/object/chat-attachments/a.png", "a.png"),
        (f"{STORAGE}/render/image/public/chat-attachments/a.png?width=3", "a.png"),
        (f"{STORAGE}/s3/chat-attachments/a.png", "a.png"),
        ("https://chat-attachments.s3.eu-west-1.amazonaws.com/a%20b.png", "a b.png"),
        ("https://s3.eu-west-1.amazonaws.com/chat-attachments/a.png", "a.png"),
        ("s3://chat-attachments/a.png", "a.png"),
        ("http://minio:9000/chat-attachments/a.png#x", "a.png"),
    ],
)
def test_a_url_leads_to_an_object(text: str, name: str) -> None:
    assert names(text)[0] == (ATTACHMENTS, name)


def test_a_url_is_unescaped_once_and_then_taken_as_it_stands() -> None:
    text = f"{STORAGE}/object/public/chat-attachments/a%2520b.png"
    assert names(text) == [(ATTACHMENTS, "a%20b.png"), (ATTACHMENTS, "a%2520b.png")]


def test_a_path_may_have_its_bucket_or_not() -> None:
    assert names("chat-attachments/a.png") == [
        (ATTACHMENTS, "a.png"),
        (None, "chat-attachments/a.png"),
    ]
    assert names("/a/b%20c.png") == [(None, "a/b%20c.png"), (None, "a/b c.png")]


@pytest.mark.parametrize(
    "text",
    [
        f"{STORAGE}/object/public/avatars/chat-attachments/a.png",
        "https://elsewhere.test/a.png",
        "https://[broken/a.png",
        f"{STORAGE}/object/public/chat-attachments/%FF%FE",
    ],
)
def test_what_leads_nowhere(text: str) -> None:
    decoded = [name for name in names(text) if "%FF" not in name[1]]
    assert decoded == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f"{STORAGE}/object/sign/voice-notes/a.png?token=x",
            f"{STORAGE}/object/authenticated/chat-files/s/u/a%20b%23.png",
        ),
        (
            "https://voice-notes.s3.amazonaws.com/a.png",
            "https://chat-files.s3.amazonaws.com/s/u/a%20b%23.png",
        ),
        (
            "http://minio:9000/voice-notes/a.png",
            "http://minio:9000/chat-files/s/u/a%20b%23.png",
        ),
        ("voice-notes/a.png", "chat-files/s/u/a b#.png"),
        ("deep/a.png", "s/u/a b#.png"),
    ],
)
def test_a_copy_is_named_as_its_source_was(text: str, expected: str) -> None:
    found = references.read(text, BUCKETS, TARGET)
    named = references.named_as(found.place, TARGET, "s/u/a b#.png")
    assert named == expected
    again = references.read(named, BUCKETS, TARGET)
    assert again.is_in_target == (named != "s/u/a b#.png")
    assert "s/u/a b#.png" in [each.name for each in again.candidates]
