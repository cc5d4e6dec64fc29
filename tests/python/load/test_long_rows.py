"""A row longer than PostgreSQL can hold is refused before it fills the memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest

from harness.load import DumpError, inserts, window
from tests.python.load.dumps import read, table

LIMIT = 1 << 21


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "LONGEST", LIMIT)
    monkeypatch.setattr(inserts, "_LARGEST_BULK", LIMIT // 64)


def endless(start: str, piece: bytes) -> Iterator[bytes]:
    """A dump whose one value has 64 times the limit."""
    yield (table() + start).encode()
    for _ in range(64 * LIMIT // len(piece)):
        yield piece


@pytest.mark.parametrize(
    "start",
    [
        "INSERT INTO `t` VALUES ('",
        "INSERT INTO `t` VALUES ('a','b'),('",
        "INSERT INTO `t` VALUES (0x",
        "INSERT INTO `unwanted` VALUES ('",
        "CREATE TABLE u (a int COMMENT '",
        "/* ",
    ],
)
def test_a_value_without_an_end_is_refused_in_bounded_memory(start: str) -> None:
    tracemalloc.start()
    with pytest.raises(DumpError, match="more than 1 GiB") as refused:
        read(b"", chunks=endless(start, b"a" * (1 << 16)), tables={"t"})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused.value.line == 5
    assert "--tables" in str(refused.value)
    assert peak < 8 * LIMIT


@pytest.mark.parametrize("size", [LIMIT // 3, LIMIT - 100])
def test_a_value_below_the_limit_is_read(size: int) -> None:
    long = "a" * size
    dump = table() + f"INSERT INTO `t` VALUES ('{long}','1'),('b','2');\n"
    chunks = (dump.encode()[at : at + 9999] for at in range(0, len(dump), 9999))
    assert read(b"", chunks=chunks).rows["t"] == [(long, "1"), ("b", "2")]


def test_many_rows_may_be_longer_together() -> None:
    rows = ",".join(["('" + "a" * 9000 + "','1')"] * (2 * LIMIT // 9000))
    dump = (table() + f"INSERT INTO `t` VALUES {rows};\n").encode()
    chunks = (dump[at : at + 65536] for at in range(0, len(dump), 65536))
    assert len(read(b"", chunks=chunks).rows["t"]) == 2 * LIMIT // 9000
