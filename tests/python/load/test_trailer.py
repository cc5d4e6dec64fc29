"""The line at a dump's end, as tools and editors leave it, and a dump that lacks it."""

from __future__ import annotations

import pytest

from harness.load import DumpError
from tests.python.load.dumps import read, signed, table

END = b"-- Dump completed on 2024-02-03  4:05:06\n"
DUMP = signed(table() + "INSERT INTO `t` VALUES ('x','y');\n")


@pytest.mark.parametrize(
    "line",
    [
        b"-- Dump completed\n",
        b"-- Dump completed on 2024-02-03\n",
        b"-- Dump completed on 2024-02-03 04:05:06\r\n",
        b"-- Dump completed on 2024-02-03  4:05:06",
        b"-- Dump completed on 2024-02-03 14:05:06 \t",
        b"-- Dump completed on 2024-02-03 14:05:06\r",
        b"-- Dump completed on 2024-02-03 14:05:06\x1a",
        b"-- Dump completed on 2024-02-03 14:05:06\r\n\x1a",
        b"-- Dump completed",
        b"-- Dump completed\x1a",
        b"-- Dump end time: Sat Feb  3 04:05:06 2024\n",
        b"-- Dump end time: Sat Feb  3 04:05:06 2024",
    ],
)
def test_a_whole_trailer_ends_a_dump(line: bytes) -> None:
    assert DUMP.endswith(END)
    assert read(DUMP.removesuffix(END) + line).rows["t"] == [("x", "y")]


@pytest.mark.parametrize("left", range(len(END.rstrip())))
def test_a_trailer_cut_short_does_not(left: int) -> None:
    """But for what `--skip-dump-date` writes, which is whole."""
    line = END[:left]
    if line.rstrip() == b"-- Dump completed":
        assert read(DUMP.removesuffix(END) + line).rows["t"] == [("x", "y")]
        return
    with pytest.raises(DumpError):
        read(DUMP.removesuffix(END) + line)


@pytest.mark.parametrize("line", [b"-- Dump end time: Sat Feb  3 04:05", b"-- Dump"])
def test_nor_does_one_of_mysqlpump(line: bytes) -> None:
    with pytest.raises(DumpError, match="cut short"):
        read(DUMP.removesuffix(END) + line)
