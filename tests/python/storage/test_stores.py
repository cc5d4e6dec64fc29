"""A folder and a bucket behave alike, and every name comes out as it went in."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.storage import opening
from harness.storage.local import LocalStore
from harness.storage.stores import (
    PART_BYTES,
    Content,
    Entry,
    FileMissing,
    FileRefused,
    SourceChanged,
    Store,
    md5_of,
)
from tests.python.storage.running import body, names

NAMES = [
    "a/b.txt",
    "a%20b.txt",
    "a b.txt",
    "a+b.txt",
    "a#b?c.txt",
    "a%2Fb",
    "é.txt",
    unicodedata.normalize("NFD", "é.txt"),
    "日本/語.png",
    "😀.png",
    "q&=;:,@$!'()*~",
    "back\\slash",
    "per%cent",
    '[x]{y}|^`<>".txt',
    "tab\tname",
    "x/.hidden",
    "trailing.",
    " space ",
    "long" * 60,
]
#: What S3 holds and a folder cannot.
ODD = ["x//y", "x/", "/lead", "dot/./x", "dot/../y"]


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "s3":
        request.getfixturevalue("s3")
    found = opening.open_store(
        "s3://bucket" if request.param == "s3" else (tmp_path / "bucket").as_uri()
    )
    assert not found.exists()
    found.make()
    assert found.exists()
    return found


def put(store: Store, name: str, data: bytes) -> Entry:
    entry = Entry(name, len(data), "", "text/plain")
    return store.write(name, Content(entry, [data[:3], data[3:]]))


def test_names_come_out_as_they_went_in(store: Store) -> None:
    wanted = NAMES + ([] if isinstance(store, LocalStore) else ODD)
    for number, name in enumerate(wanted):
        put(store, name, str(number).encode())
    assert names(store) == set(wanted)
    target = opening.open_store(store.url + "-copies")
    target.make()
    for number, name in enumerate(wanted):
        entry = store.head(name)
        assert entry is not None
        assert target.copy(store, entry, name).size == entry.size
        assert body(target, name) == str(number).encode()
    assert store.remove(wanted) == {}
    assert store.remove(wanted) == {}
    assert names(store) == set()
    assert store.remove_if_empty()


def test_bytes_types_and_hashes(store: Store) -> None:
    for size in (0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES):
        data = bytes(size)
        written = put(store, "x.txt", data)
        found = store.head("x.txt")
        assert found is not None
        assert (found.size, found.etag) == (size, written.etag)
        assert found.content_type == "text/plain"
        listed = next(iter(store.entries()))
        assert (listed.size, listed.etag) == (size, written.etag)
        md5 = hashlib.md5(data).hexdigest()  # noqa: S324 - S3's checksum
        assert md5_of(store, "x.txt") == (md5, size)
        assert found.md5 in (None, md5)


def test_what_is_not_there(store: Store) -> None:
    assert store.head("missing/x") is None
    with pytest.raises(FileMissing), store.read("missing/x"):
        pass


def test_reading_what_is_another_by_now(store: Store) -> None:
    first = put(store, "x", b"first")
    put(store, "x", b"second")
    with pytest.raises(SourceChanged), store.read("x", first.etag):
        pass
    target = opening.open_store(store.url + "-copies")
    target.make()
    with pytest.raises(SourceChanged):
        target.copy(store, first, "y")
    assert names(target) == set()


def test_less_than_was_promised_is_not_kept(store: Store) -> None:
    with pytest.raises(Exception, match="bytes"):
        store.write("x", Content(Entry("x", 5, ""), [b"abc"]))
    assert names(store) == set()


def test_a_source_that_breaks_off_leaves_nothing(store: Store) -> None:
    def chunks() -> Iterator[bytes]:
        yield bytes(PART_BYTES)
        raise SourceChanged("changed")

    with pytest.raises(SourceChanged):
        store.write("x", Content(Entry("x", 2 * PART_BYTES, ""), chunks()))
    assert names(store) == set()


def test_a_prefix_is_a_store_of_its_own(s3: dict[str, str]) -> None:
    whole, part = (
        opening.open_store(place) for place in ("bucket", "s3://bucket/of/mine")
    )
    whole.make()
    put(part, "x", b"x")
    put(whole, "of/minestrone", b"y")
    assert names(whole) == {"of/mine/x", "of/minestrone"}
    assert names(part) == {"x"}


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/x", "a//b", ".", "a\0b", ""])
def test_a_folder_is_not_left(tmp_path: Path, name: str) -> None:
    store = LocalStore(tmp_path / "store")
    store.make()
    with pytest.raises(FileRefused):
        put(store, name, b"x")
    assert [path.name for path in tmp_path.rglob("*")] == ["store"]


def test_a_name_that_is_no_utf8_is_listed(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    Path(str(folder).encode().decode() + "/\udcff.jpg").write_bytes(b"x")
    assert names(LocalStore(folder)) == {"\udcff.jpg"}


@pytest.mark.parametrize(
    "place", ["http://x/y", "s3://", "file://host/x", "s3://key:secret@bucket", ""]
)
def test_a_place_that_cannot_be_read(
    place: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with pytest.raises(UsageError) as error:
        opening.open_store(place)
    assert "key:secret" not in str(error.value)


def test_credentials_come_from_the_environment(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="AWS_ACCESS_KEY_ID and AWS_SECRET"):
        opening.open_store("bucket")


def test_a_server_that_does_not_answer_is_named_without_its_secret(
    s3: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARRYOVER_STORAGE_ENDPOINT", "http://127.0.0.1:9")
    store = opening.open_store("bucket")
    with pytest.raises(Exception, match=r"s3://bucket at http://127.0.0.1:9") as error:
        store.exists()
    assert s3["AWS_SECRET_ACCESS_KEY"] not in str(error.value)
