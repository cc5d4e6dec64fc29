"""A dump that was split: its parts are read as what they were, or the way is named."""

from __future__ import annotations

import gzip
from itertools import pairwise
from pathlib import Path

import pytest

from harness.load import DumpError
from harness.load.dumps import find_dumps
from harness.load.parts import sha256_of
from tests.python.load.dumps import extended, signed, table
from tests.python.load.test_parts import load, write

UTC = "/*!40103 SET TIME_ZONE='+00:00' */;\n"
DUMP = signed(
    UTC
    + table()
    + extended("t", [("'a;\n'", "'1'"), (r"'it\'s'", "'2'")])
    + extended("t", [("'é'", "'3'")])
)
ROWS = [("a;\n", "1"), ("it's", "2"), ("é", "3")]
BETWEEN = DUMP.index(b"INSERT", DUMP.index(b"INSERT") + 1)


def parts_of(folder: Path, *cuts: int) -> list[Path]:
    edges = [0, *cuts, len(DUMP)]
    return [
        write(folder / f"part{n}", DUMP[start:end])
        for n, (start, end) in enumerate(pairwise(edges))
    ]


@pytest.mark.parametrize("cut", range(60, len(DUMP) - 1, 5))
def test_two_parts_are_read_as_one_wherever_the_cut_is(
    tmp_path: Path, cut: int
) -> None:
    paths = parts_of(tmp_path, cut)
    loaded = load(*paths)
    assert loaded.rows == {"t": ROWS}
    outcome = loaded.outcome
    assert [dump.bytes for dump in outcome.dumps] == [cut, len(DUMP) - cut]
    assert [dump.rows for dump in outcome.dumps] == [3, 0]
    assert outcome.sha256 == sha256_of(find_dumps([str(path) for path in paths]))
    assert outcome.summary.has_trailer
    (warning,) = outcome.summary.warnings
    assert "part1 was read as the rest of part0" in warning


def test_three_parts_and_another_dump(tmp_path: Path) -> None:
    other = write(
        tmp_path / "other", signed(UTC + table("u") + extended("u", [("1", "2")]))
    )
    paths = parts_of(tmp_path, 300, BETWEEN)
    assert load(*paths, other).rows == load(other, *paths).rows
    assert load(*paths, other).rows == {"t": ROWS, "u": [("1", "2")]}


def test_parts_that_are_compressed_one_by_one(tmp_path: Path) -> None:
    paths = parts_of(tmp_path, 300, BETWEEN)
    for path in paths:
        write(path, gzip.compress(path.read_bytes()))
    assert load(*paths).rows == {"t": ROWS}


@pytest.mark.parametrize("cut", [300, BETWEEN, DUMP.index(b"it"), len(DUMP) - 20])
def test_a_part_alone_or_without_its_last_names_the_way(
    tmp_path: Path, cut: int
) -> None:
    first, _ = parts_of(tmp_path, cut)
    with pytest.raises(DumpError, match=r"cut short.*cat PART\* \| \./inv load"):
        load(first)
    middle = write(tmp_path / "x", b"INSERT INTO `t` VALUES (1,2);\n")
    with pytest.raises(DumpError):
        load(first, middle)


def test_parts_of_one_compressed_file_name_the_way(tmp_path: Path) -> None:
    packed = gzip.compress(DUMP)
    paths = [write(tmp_path / "a", packed[:99]), write(tmp_path / "b", packed[99:])]
    with pytest.raises(DumpError, match=r"cat PART\*"):
        load(*paths)


def test_a_dump_cut_short_is_not_completed_by_another_dump(tmp_path: Path) -> None:
    cut = write(tmp_path / "a", DUMP[:BETWEEN])
    with pytest.raises(DumpError, match="a is cut short"):
        load(cut, write(tmp_path / "b", signed(table("u"))))
