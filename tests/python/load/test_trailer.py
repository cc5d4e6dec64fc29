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
    ],
)
def test_a_whole_trailer_ends_a_dump(line: bytes) -> None:
    assert DUMP.endswith(END)
    assert read(DUMP.removesuffix(END) + line).rows["t"] == [("x", "y")]


@pytest.mark.parametrize("left", range(len(END)))
def test_a_trailer_cut_short_does_not(left: int) -> None:
    with pytest.raises(DumpError):
        read(DUMP.removesuffix(END) + END[:left])
