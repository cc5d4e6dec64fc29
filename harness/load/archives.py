"""Takes the one dump out of a tar or zip archive.

Owns what an archive may hold: one file. Several would be read in an order that the
archive does not tell, so they are refused by their names. Writes nothing to disk.
"""

from __future__ import annotations

import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import PurePosixPath
from typing import BinaryIO

from harness.load.errors import DumpError

#: How a zip archive begins.
ZIP = b"PK\x03\x04"
_PIECE_BYTES = 1 << 18
_MOST_NAMED = 5


def is_tar(head: bytes) -> bool:
    """Whether this is the first block of a tar archive: its checksum says so."""
    with suppress(tarfile.HeaderError):
        tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
        return True
    return False


def only_member(stream: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Yield the bytes of the one file in a tar archive, reading it once.

    Raises ``DumpError`` when there is none, when there are several, which is known at
    the archive's end, or when the archive is cut short.
    """
    found: list[str] = []
    held = b""
    try:
        with tarfile.open(fileobj=_Reader(stream), mode="r|") as archive:
            for member in archive:
                if not member.isfile() or _is_by_the_way(member.name):
                    continue
                found.append(member.name)
                file = archive.extractfile(member) if len(found) == 1 else None
                if file and member.size <= _PIECE_BYTES:
                    # Others that follow are known before anything is read.
                    held = file.read()
                while file and (piece := file.read(_PIECE_BYTES)):
                    yield piece
    except tarfile.TarError as error:
        raise DumpError(
            f"{name} is cut short or damaged: its tar archive cannot be read "
            f"({error}). Nothing was loaded. Copy the file again."
        ) from None
    # What is behind the archive's end belongs to the file.
    for _ in stream:
        pass
    _check_one(found, name, "tar", "mkdir DIRECTORY; tar -xf FILE -C DIRECTORY")
    if held:
        yield held


def only_zipped(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """Yield the bytes of the one file in a zip archive, as ``only_member`` does."""
    pipe = f"Pipe it: unzip -p {name} | ./inv load --dump -"
    try:
        with zipfile.ZipFile(stream) as archive:
            found = [
                member.filename
                for member in archive.infolist()
                if not member.is_dir() and not _is_by_the_way(member.filename)
            ]
            _check_one(found, name, "zip", "unzip FILE -d DIRECTORY")
            with archive.open(found[0]) as file:
                while piece := file.read(_PIECE_BYTES):
                    yield piece
    except RuntimeError as error:
        raise DumpError(
            f"{name} is a zip archive that Python cannot read ({error}). Nothing was "
            f"loaded. {pipe}"
        ) from None
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise DumpError(
            f"{name} is cut short or damaged: its zip archive cannot be read "
            f"({error}). Nothing was loaded. Copy the file again. {pipe}"
        ) from None


def _is_by_the_way(name: str) -> bool:
    """Whether macOS put it beside the files."""
    path = PurePosixPath(name)
    is_fork = path.name.startswith("._") or "__MACOSX" in path.parts
    return is_fork or path.name == ".DS_Store"


def _check_one(found: Sequence[str], name: str, kind: str, unpack: str) -> None:
    if not found:
        raise DumpError(
            f"{name} is a {kind} archive without a file. Nothing was loaded. Make the "
            "dump again."
        )
    if len(found) > 1:
        shown = ", ".join(found[:_MOST_NAMED])
        if len(found) > _MOST_NAMED:
            shown += f" and {len(found) - _MOST_NAMED} more"
        raise DumpError(
            f"{name} is a {kind} archive of several files: {shown}. Nothing was "
            f"loaded. Unpack it ({unpack}) and name the directory of mydumper, or the "
            "files in their order: --dump FILE --dump FILE"
        )


class _Reader(io.RawIOBase):
    """Chunks as the file that tarfile wants to read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        """It can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Read ``size`` bytes, fewer at the end only."""
        parts, missing = [self._rest[:size]], size - len(self._rest[:size])
        self._rest = self._rest[size:]
        while missing > 0 and (chunk := next(self._chunks, b"")):
            parts.append(chunk[:missing])
            self._rest = chunk[missing:]
            missing -= len(parts[-1])
        return b"".join(parts)
