"""Conservation: rows landed and rejected are those that begin in each statement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.load import DumpError
from harness.load.bulk import BulkConverter
from harness.load.reader import DumpReader
from harness.load.values import RowConverter
from tests.python.load.dumps import extended, read, table

ROWS = [(f"'it\\'s ({n}),('", str(n)) for n in range(50)]
DUMP = table() + extended("t", ROWS)


def test_every_row_that_begins_is_read() -> None:
    assert len(read(DUMP).rows["t"]) == len(ROWS)
    heads = "".join(f"INSERT INTO `t` (`b`, `a`) VALUES ({n},'(');\n" for n in range(9))
    assert len(read(table() + heads).rows["t"]) == 9


@pytest.mark.parametrize(
    ("change", "read_rows"),
    [
        (lambda text: text.replace(b"\t7\n", b"\t7"), 49),
        (lambda text: text * 2, 100),
        (lambda text: b"", 0),
    ],
)
def test_a_fault_in_reading_rows_exactly_stops_the_load(
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[bytes], bytes],
    read_rows: int,
) -> None:
    line = RowConverter.line

    def faulty(self: RowConverter, values: Any) -> bytes:
        return change(line(self, values))

    monkeypatch.setattr(RowConverter, "line", faulty)
    monkeypatch.setattr(BulkConverter, "is_able", False)
    named = f"50 rows begin, but {read_rows} were read"
    with pytest.raises(DumpError, match=named) as stopped:
        list(DumpReader([DUMP.encode()]).events())
    assert stopped.value.byte_offset


def test_a_fault_in_bulk_conversion_stops_the_load(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    joined = BulkConverter._joined

    def faulty(self: BulkConverter, *arguments: Any) -> bytes:
        lines = joined(self, *arguments).split(b"\n")
        return b"\n".join([*lines[:20], *lines[21:]])

    monkeypatch.setattr(BulkConverter, "_joined", faulty)
    with pytest.raises(DumpError, match="50 rows begin, but 49 were read"):
        list(DumpReader([DUMP.encode()]).events())
