"""What goes wrong with single files is found, named, and hurts no other file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from botocore.awsrequest import AWSResponse
from invoke.exceptions import Exit

from harness.database import Connection
from harness.storage import copying, local, opening
from harness.storage.local import LocalStore
from harness.storage.stores import Content, Entry, Store
from tests.python.storage import world
from tests.python.storage.running import (
    Places,
    body,
    fill,
    mapped,
    names,
    plan,
    run,
)

ONE = "0-plain.jpg"


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between attempts."""
    monkeypatch.setattr(copying, "PAUSES", (0.0, 0.0))


@pytest.fixture
def filled(places: Places, connection: Connection) -> dict[str, Store]:
    return fill(places, world.make(connection, 12))


def failed(work: Callable[[], object], words: str) -> None:
    """The task ends with 3 and says so."""
    with pytest.raises(Exit) as ended:
        work()
    assert ended.value.code == 3
    assert words in str(ended.value)


def target_name(connection: Connection, source_name: str) -> str:
    found = [row[2] for row in mapped(connection) if row[1] == source_name]
    return str(found[0])


def reasons(connection: Connection) -> dict[str, str]:
    return {row[1]: row[8] for row in mapped(connection) if row[7] == "failed"}


def replace(store: Store, name: str, data: bytes) -> None:
    """Put other bytes under a name."""
    store.write(name, Content(Entry(name, len(data), "", "image/png"), [data]))


def test_a_corrupted_copy(
    filled: dict[str, Store],
    places: Places,
    connection: Connection,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan(places, capsys)
    run("copy", capsys, execute=True)
    source = next(row for row in mapped(connection) if row[3] > 0)
    target = filled[world.TARGET]
    data = bytearray(body(target, source[2]))
    data[0] ^= 1
    replace(target, source[2], bytes(data))
    failed(lambda: run("verify", capsys), source[1])
    assert list(reasons(connection)) == [source[1]]
    assert "the copy differs" in reasons(connection)[source[1]]
    assert run("switch", capsys)["left"]["not verified"] >= 1
    run("copy", capsys, execute=True)
    assert run("verify", capsys)["failed"] == []


def test_a_source_that_changes_once_nobody_names_it(
    filled: dict[str, Store],
    places: Places,
    connection: Connection,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan(places, capsys)
    run("copy", capsys, execute=True)
    run("verify", capsys)
    run("switch", capsys, execute=True)
    replace(filled[world.ATTACHMENTS], ONE, b"an old client's")
    again = run("verify", capsys)
    assert again["failed"] == []
    assert again["verified"]["files"] == len(mapped(connection))
    left = run("clean", capsys, execute=True)["left"]
    assert {each["reason"] for each in left} == {"it has changed since it was copied"}
    assert names(filled[world.ATTACHMENTS]) >= {ONE}


def test_a_copy_that_is_gone_or_cut_short(
    filled: dict[str, Store],
    places: Places,
    connection: Connection,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan(places, capsys)
    run("copy", capsys, execute=True)
    first, second = [row[2] for row in mapped(connection) if row[3] > 1][:2]
    filled[world.TARGET].remove([first])
    replace(filled[world.TARGET], second, b"x")
    failed(lambda: run("verify", capsys), "2 files could not be verified")
    said = sorted(reasons(connection).values())
    assert "not in the target any more" in said[1]
    assert "the copy has 1 of" in said[0]


def test_a_source_that_changed_since_the_plan(
    filled: dict[str, Store],
    places: Places,
    connection: Connection,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan(places, capsys)
    name = next(row[1] for row in mapped(connection) if row[0].endswith("attachments"))
    replace(filled[world.ATTACHMENTS], name, b"something else")
    failed(lambda: run("copy", capsys, execute=True), name)
    assert list(reasons(connection)) == [name]
    assert target_name(connection, name) not in names(filled[world.TARGET])
    plan(places, capsys)
    run("copy", capsys, execute=True)
    copied = body(filled[world.TARGET], target_name(connection, name))
    assert copied == b"something else"


def test_a_source_that_changes_while_it_is_copied(
    filled: dict[str, Store],
    places: Places,
    connection: Connection,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # One at a time and in order: the first file's copy is under way.
    monkeypatch.setenv("CARRYOVER_STORAGE_WORKERS", "1")
    plan(places, capsys)
    name = next(row[1] for row in mapped(connection) if row[0].endswith("attachments"))
    change = _once(lambda: replace(filled[world.ATTACHMENTS], name, b"changed"))
    target = filled[world.TARGET]
    if isinstance(target, LocalStore):
        copy_bytes = local._copy_bytes
        monkeypatch.setattr(
            local, "_copy_bytes", lambda s, t: (copy_bytes(s, t), change())
        )
    else:
        _before_request(monkeypatch, "CopyObject", lambda key: change())
    failed(lambda: run("copy", capsys, execute=True), name)
    assert "changed" in reasons(connection)[name]
    assert target_name(connection, name) not in names(target)
    assert len(names(target)) == sum(row[7] == "copied" for row in mapped(connection))
    assert list(reasons(connection)) == [name]


def test_a_refused_upload(
    filled: dict[str, Store],
    places: Places,
    connection: Connection,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan(places, capsys)
    refused = target_name(connection, ONE)
    target = filled[world.TARGET]
    if isinstance(target, LocalStore):
        # A file where its folder would have to be.
        replace(target, refused.rpartition("/")[0], b"in the way")
        count = sum(
            row[2].startswith(refused.rpartition("/")[0]) for row in mapped(connection)
        )
    else:
        count = 1
        _before_request(
            monkeypatch,
            "CopyObject",
            lambda key: (
                _answer(403, "AccessDenied", "no, thank you")
                if key == refused
                else None
            ),
        )
    failed(lambda: run("copy", capsys, execute=True), "could not be copied")
    assert ONE in reasons(connection)
    assert len(reasons(connection)) == count
    others = [row for row in mapped(connection) if row[7] == "copied"]
    assert len(others) == len(mapped(connection)) - count


def test_a_server_that_is_busy_for_a_while(
    s3: dict[str, str],
    connection: Connection,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    places = {n: n for n in (world.ATTACHMENTS, world.NOTES, world.TARGET)}
    fill(places, world.make(connection, 6))
    plan(places, capsys)
    busy: Iterator[Any] = iter([_answer(503, "SlowDown", "slow down")] * 2)
    _before_request(monkeypatch, "CopyObject", lambda key: next(busy, None))
    assert run("copy", capsys, execute=True)["failed"] == []


def test_somebody_elses_file_under_the_name_is_left(
    filled: dict[str, Store],
    places: Places,
    connection: Connection,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan(places, capsys)
    taken = target_name(connection, ONE)
    target = filled[world.TARGET]
    if not target.exists():
        target.make()
    replace(target, taken, b"a user's own")
    failed(lambda: run("copy", capsys, execute=True), ONE)
    assert body(target, taken) == b"a user's own"
    plan(places, capsys)
    run("copy", capsys, execute=True)
    assert target_name(connection, ONE) != taken
    run("verify", capsys)
    run("rollback", capsys, execute=True)
    assert names(target) == {taken}


def test_a_copy_that_somebody_replaced_is_not_removed(
    filled: dict[str, Store],
    places: Places,
    connection: Connection,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan(places, capsys)
    run("copy", capsys, execute=True)
    replaced = target_name(connection, ONE)
    replace(filled[world.TARGET], replaced, b"a user's own")
    left = run("rollback", capsys, execute=True)["left"]
    assert [each["reason"] for each in left] == ["it is not what we wrote"]
    assert names(filled[world.TARGET]) == {replaced}


def test_a_source_that_is_gone(
    filled: dict[str, Store],
    places: Places,
    connection: Connection,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan(places, capsys)
    filled[world.ATTACHMENTS].remove([ONE])
    failed(lambda: run("copy", capsys, execute=True), ONE)
    assert "not" in reasons(connection)[ONE].lower()


def test_a_link_in_a_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "store" / "folder").symlink_to(tmp_path, target_is_directory=True)
    store = LocalStore(tmp_path / "store")
    assert names(store) == set()
    assert store.head("link") is None


def test_a_copy_in_a_folder_is_no_link_to_its_source(tmp_path: Path) -> None:
    source, target = LocalStore(tmp_path / "a"), LocalStore(tmp_path / "b")
    world.put(source, iter([("x", b"before")]), None)
    target.make()
    entry = source.head("x")
    assert entry is not None
    target.copy(source, entry, "y")
    (tmp_path / "a" / "x").write_bytes(b"after!")
    assert (tmp_path / "b" / "y").read_bytes() == b"before"


def _once(work: Callable[[], object]) -> Callable[[], None]:
    left = [work]

    def do() -> None:
        if left:
            left.pop()()

    return do


def _before_request(
    monkeypatch: pytest.MonkeyPatch, operation: str, work: Callable[[str], Any]
) -> None:
    """Have something done, or answered, before a request leaves for the server."""
    connect = opening._connect

    def hook(request: Any, **_: Any) -> Any:
        path = request.url.split("?")[0].split("/", 4)[4]
        return work(unquote(path))

    def connected(**settings: Any) -> Any:
        client = connect.__wrapped__(**settings)
        client.meta.events.register(f"before-send.s3.{operation}", hook)
        return client

    monkeypatch.setattr(opening, "_connect", connected)


def _answer(status: int, code: str, said: str) -> AWSResponse:
    text = f"<Error><Code>{code}</Code><Message>{said}</Message></Error>".encode()

    class Raw:
        """What a response is read from."""

        def stream(self, **_: Any) -> Iterator[bytes]:
            yield text

    return AWSResponse("http://test", status, {}, Raw())


@pytest.mark.parametrize("task", ["switch", "rollback"])
def test_a_reference_that_a_rule_keeps_is_not_called_written(
    filled: dict[str, Store],
    places: Places,
    connection: Connection,
    capsys: pytest.CaptureFixture[str],
    task: str,
) -> None:
    plan(places, capsys)
    run("copy", capsys, execute=True)
    run("verify", capsys)
    if task == "rollback":
        run("switch", capsys, execute=True)
    connection.execute(
        "create rule softly as on update to chat_messages do instead nothing"
    )
    connection.commit()
    before = world.rows(connection)
    failed(
        lambda: run(task, capsys, execute=True), "the rule softly (instead of update)"
    )
    assert world.rows(connection) == before
