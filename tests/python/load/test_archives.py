"""Archives and layers of compression: the one dump in them is read, several not."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.load import DumpError
from tests.python.load.dumps import extended, signed, table
from tests.python.load.test_parts import load, write

DUMP = signed(table() + extended("t", [("'a'", "'1'")]))
LARGE = signed(table() + extended("t", [(f"'{n}'", "'x'") for n in range(60_000)]))
EXPECTED = {"t": [("a", "1")]}


def tarred(files: dict[str, bytes], form: int = tarfile.USTAR_FORMAT) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=form) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            if name.endswith("/"):
                member.type = tarfile.DIRTYPE
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def zipped(files: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", kind) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


BESIDE = {"backup/": b"", "backup/._shop.sql": b"\0", "backup/shop.sql": DUMP}
WRAPPED: dict[str, bytes] = {
    "tar": tarred({"shop.sql": DUMP}),
    "tar.gz": gzip.compress(tarred({"shop.sql": DUMP})),
    "tar.bz2 of a large name": bz2.compress(
        tarred({"x" * 200 + ".sql": DUMP}, tarfile.GNU_FORMAT)
    ),
    "tar with what macOS adds": tarred(BESIDE, tarfile.PAX_FORMAT),
    "gz in tar.gz": gzip.compress(tarred({"shop.sql.gz": gzip.compress(DUMP)})),
    "gz in gz": gzip.compress(gzip.compress(DUMP)),
    "bz2 in gz": gzip.compress(bz2.compress(DUMP)),
    "gz in gz in gz": gzip.compress(gzip.compress(gzip.compress(DUMP))),
    "zip": zipped({"shop.sql": DUMP}),
    "stored zip": zipped({"shop.sql": DUMP}, zipfile.ZIP_STORED),
    "zip with what macOS adds": zipped({**BESIDE, "__MACOSX/shop.sql": b"\0"}),
    "gz in zip": zipped({"shop.sql.gz": gzip.compress(DUMP)}),
}


@pytest.mark.parametrize("kind", WRAPPED)
def test_the_one_dump_inside_is_read(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / "dump", WRAPPED[kind])
    loaded = load(path)
    assert loaded.rows == EXPECTED
    (dump,) = loaded.outcome.dumps
    assert dump.bytes == len(WRAPPED[kind])
    assert dump.sha256 == hashlib.sha256(WRAPPED[kind]).hexdigest()


@pytest.mark.parametrize("wrap", [tarred, zipped])
def test_a_large_dump_inside_is_read_in_pieces(
    tmp_path: Path, wrap: Callable[[dict[str, bytes]], bytes]
) -> None:
    assert len(load(write(tmp_path / "dump", wrap({"s": LARGE}))).rows["t"]) == 60_000


def test_a_tar_archive_comes_through_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(WRAPPED["tar.gz"]))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert load(Path("-")).rows == EXPECTED


TWO = {"a.sql": DUMP, "b.sql": DUMP}


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (tarred(TWO), r"tar archive of several files: a\.sql, b\.sql\."),
        (gzip.compress(tarred(TWO)), r"several files: a\.sql, b\.sql\."),
        (zipped(TWO), r"zip archive of several files: a\.sql, b\.sql\."),
        (
            tarred({"e/metadata": b"Started dump at: 2025\n", "e/d.t.0.sql": DUMP}),
            "the directory of mydumper",
        ),
        (tarred({"t.sql": DUMP, "t.txt": b"1\ta\n"}), r"t\.sql, t\.txt"),
        (zipped({f"{n}.sql": DUMP for n in range(9)}), "and 4 more"),
        (tarred({"backup/": b""}), "without a file"),
        (zipped({"backup/": b""}), "without a file"),
    ],
)
def test_several_files_are_refused_by_name(
    tmp_path: Path, content: bytes, named: str
) -> None:
    with pytest.raises(DumpError, match=named):
        load(write(tmp_path / "dump", content))


@pytest.mark.parametrize("kind", ["tar", "zip", "tar.gz", "gz in gz"])
def test_an_archive_cut_short_is_reported(tmp_path: Path, kind: str) -> None:
    whole = WRAPPED[kind]
    last = 512 + len(DUMP) if kind == "tar" else len(whole)
    for end in range(20, last, 7):
        with pytest.raises(DumpError):
            load(write(tmp_path / "dump", whole[:end]))


def test_an_encrypted_zip_names_the_pipe(tmp_path: Path) -> None:
    packed = bytearray(zipped({"a.sql": DUMP}))
    packed[6] |= 1
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(DumpError, match=r"unzip -p dump"):
        load(write(tmp_path / "dump", bytes(packed)))


def test_too_many_layers_are_refused(tmp_path: Path) -> None:
    packed = DUMP
    for _ in range(9):
        packed = gzip.compress(packed)
    with pytest.raises(DumpError, match="compressed more than 4 times"):
        load(write(tmp_path / "dump", packed))


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_what_was_packed_empty_names_the_command_before(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(DumpError, match=r"holds nothing.*before the pipe failed"):
        load(write(tmp_path / "dump.sql.gz", pack(b"")))
