"""Opening a dump: every compression, and what is no dump file is named."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import importlib
import io
import lzma
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from harness.errors import InputError
from harness.load import DumpError
from harness.load.dumps import find_dumps
from harness.load.source import open_dump

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CONTENT = b"INSERT INTO `t` VALUES (1,'x');\n" * 40_000
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd.compress,
}


def content(path: Path) -> bytes:
    with open_dump(str(path)) as source:
        return b"".join(source.chunks())


@pytest.mark.parametrize("kind", COMPRESSIONS)
def test_any_compression_is_read_whatever_the_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "dump"
    path.write_bytes(COMPRESSIONS[kind](CONTENT))
    assert content(path) == CONTENT


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zst"])
def test_streams_behind_one_another_are_one(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "dump"
    path.write_bytes(COMPRESSIONS[kind](b"first ") + COMPRESSIONS[kind](b"second"))
    assert content(path) == b"first second"


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zst"])
def test_compressed_data_cut_short_is_reported(tmp_path: Path, kind: str) -> None:
    packed = COMPRESSIONS[kind](CONTENT[:1000])
    path = tmp_path / "dump"
    for end in range(8, len(packed)):
        path.write_bytes(packed[:end])
        with pytest.raises(DumpError, match="dump is cut short"):
            content(path)


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zst"])
def test_damaged_compressed_data_is_reported(tmp_path: Path, kind: str) -> None:
    packed = bytearray(COMPRESSIONS[kind](CONTENT))
    middle = len(packed) // 2
    packed[middle : middle + 20] = b"\xff" * 20
    path = tmp_path / "dump"
    path.write_bytes(packed)
    with pytest.raises(DumpError, match=r"is damaged|is cut short"):
        content(path)


def test_pieces_stay_small_however_much_the_data_expands(tmp_path: Path) -> None:
    path = tmp_path / "dump"
    path.write_bytes(gzip.compress(bytes(30_000_000)))
    with open_dump(str(path)) as source:
        assert max(map(len, source.chunks())) <= 1 << 18


def test_frames_that_zstandard_skips_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "dump.zst"
    skipped = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"size"
    packed = zstd.compress(CONTENT)
    path.write_bytes(skipped + packed + skipped + packed)
    assert content(path) == CONTENT * 2


def test_a_window_too_large_for_bounded_memory_is_named(tmp_path: Path) -> None:
    path = tmp_path / "dump.zst"
    # A frame of RFC 8878, 3.1.1.1: no content size, and a window of 2 GiB.
    path.write_bytes(b"\x28\xb5\x2f\xfd" + bytes([0x00, 21 << 3]) + bytes(100))
    with pytest.raises(DumpError, match=r"dump\.zst .*zstd -dc --long=31"):
        content(path)


def test_without_zstandard_the_pipe_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> ModuleType:
        raise ModuleNotFoundError(name)

    path = tmp_path / "dump.zst"
    path.write_bytes(zstd.compress(CONTENT))
    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(DumpError, match=r"dump\.zst .*zstd -dc"):
        content(path)


def test_bytes_and_sha256_are_the_files_own(tmp_path: Path) -> None:
    path = tmp_path / "dump.sql.gz"
    path.write_bytes(gzip.compress(CONTENT))
    seen: list[tuple[int, int]] = []
    with open_dump(str(path), lambda done, total: seen.append((done, total))) as source:
        for _ in source.chunks():
            pass
    size = path.stat().st_size
    assert seen[-1] == (size, size)
    assert source.bytes_read == size
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert source.name == "dump.sql.gz"


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CONTENT)))
    with open_dump("-") as source:
        assert b"".join(source.chunks()) == CONTENT
    assert source.name == "standard input"


def folder_with(*names: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        for name in names:
            (folder / name).write_bytes(b"x")
        return folder

    return make


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda folder: folder / "missing.sql", r"no file .*missing\.sql"),
        (folder_with("other.txt"), "a directory, but neither"),
        (folder_with("@.json", "@.done.json"), "MySQL Shell dump"),
        (folder_with("t.sql", "t.txt"), "mysqldump --tab"),
    ],
)
def test_what_is_no_file_is_named(
    tmp_path: Path, make: Callable[[Path], Path], named: str
) -> None:
    with pytest.raises(InputError, match=named):
        find_dumps([str(make(tmp_path))])


@pytest.mark.parametrize(
    ("start", "named"), [(b"PK\x03\x04", "unzip -p"), (b"7z\xbc\xaf", "7z x -so")]
)
def test_archives_are_named(tmp_path: Path, start: bytes, named: str) -> None:
    path = tmp_path / "dump"
    path.write_bytes(start + bytes(100))
    with pytest.raises(DumpError, match=named):
        content(path)
