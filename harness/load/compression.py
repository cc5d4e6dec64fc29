"""Decompresses a stream in pieces of bounded size, whatever it was compressed with.

Owns the magic numbers and the decompressors. Memory stays bounded however much a piece
of input expands to. Reads an iterable of bytes and nothing else.
"""

from __future__ import annotations

import bz2
import importlib
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

from harness.load.archives import is_tar, only_member
from harness.load.errors import CAT, DumpError

_PIECE_BYTES = 1 << 18
#: What zstd says of a frame whose window is larger than it accepts unasked.
_TOO_LARGE = "requires too much memory"


class Decompressor(Protocol):
    """What the standard library's decompressors have in common."""

    @property
    def eof(self) -> bool:
        """Whether the compressed stream has ended."""

    @property
    def needs_input(self) -> bool:
        """Whether more output needs more input."""

    @property
    def unused_data(self) -> bytes:
        """What follows the end of the compressed stream."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Decompress to at most ``max_length`` bytes."""


class _Gzip:
    """zlib's decompressor with the interface of the others."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        piece = self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)
        rest = self._zlib.unconsumed_tail
        self.needs_input = not rest and len(piece) < max_length
        return piece


class _Codec(NamedTuple):
    """How to begin a stream, and what its decompressor raises on damaged data."""

    make: Callable[[], Decompressor]
    damage: type[Exception]


def _zstandard() -> _Codec:
    """Zstandard from the standard library (3.14) or from its backport, if installed."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError:
            continue
        return _Codec(module.ZstdDecompressor, module.ZstdError)
    raise DumpError(
        "is compressed with Zstandard, which this Python cannot read. Nothing was "
        "loaded. Pipe it: zstd -dc FILE | ./inv load --dump -"
    )


_SKIPPABLE = range(0x50, 0x60)
#: The beginning of a file, what it is called, and how it is decompressed.
_FORMATS: tuple[tuple[bytes, str, Callable[[], _Codec]], ...] = (
    (b"\x1f\x8b", "gzip", lambda: _Codec(_Gzip, zlib.error)),
    (b"BZh", "bzip2", lambda: _Codec(bz2.BZ2Decompressor, OSError)),
    (b"\xfd7zXZ\x00", "xz", lambda: _Codec(lzma.LZMADecompressor, lzma.LZMAError)),
    (b"\x28\xb5\x2f\xfd", "Zstandard", _zstandard),
    # A frame to be skipped, RFC 8878, 3.1.2: pzstd begins with one.
    *((bytes([low]) + b"\x2a\x4d\x18", "Zstandard", _zstandard) for low in _SKIPPABLE),
)
_ARCHIVES = ((b"PK\x03\x04", "zip", "unzip -p"), (b"7z\xbc\xaf", "7z", "7z x -so"))
#: How many layers are taken off: .sql.gz in .tar.gz has three.
_MOST_LAYERS = 4


def decompressed(blocks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Yield the bytes that a stream stands for, in pieces; plain bytes as they are.

    What is compressed twice, or is the one file in a tar archive, is unpacked as well.
    ``name`` is what errors call the file. Raises ``DumpError`` when a compressed stream
    is cut short, is damaged, or is an archive that holds no single dump.
    """
    stream = iter(blocks)
    for _ in range(_MOST_LAYERS):
        first, stream = _begun(stream)
        layer = _layer(first, stream, name)
        if layer is None:
            return stream
        stream = layer
    raise DumpError(
        f"{name} is compressed more than {_MOST_LAYERS} times. Nothing was loaded. "
        "Unpack it, and load what comes of it."
    )


def _begun(stream: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes of a stream, enough to know its format, and the whole of it."""
    first = next(stream, b"")
    while 0 < len(first) < tarfile.BLOCKSIZE and (more := next(stream, b"")):
        first += more
    return first, _chain(first, stream)


def _layer(first: bytes, stream: Iterator[bytes], name: str) -> Iterator[bytes] | None:
    """The stream without its outermost layer; ``None`` when it has none."""
    for magic, archive, command in _ARCHIVES:
        if first.startswith(magic):
            raise DumpError(
                f"{name} is a {archive} archive. Nothing was loaded. "
                f"Pipe it: {command} {name} | ./inv load --dump -"
            )
    if is_tar(first):
        return only_member(stream, name)
    for magic, called, find_codec in _FORMATS:
        if first.startswith(magic):
            try:
                codec = find_codec()
            except DumpError as error:
                raise DumpError(f"{name} {error}") from None
            return _inflate(stream, codec, called, name)
    return None


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _inflate(
    blocks: Iterator[bytes], codec: _Codec, called: str, name: str
) -> Iterator[bytes]:
    """Decompress one or more streams that stand one behind the other."""
    decompressor = None
    for block in blocks:
        rest = block
        while rest:
            if decompressor is None:
                # Some writers pad a stream with zeros.
                rest = rest.lstrip(b"\0")
                if not rest:
                    break
                decompressor = codec.make()
            yield from _pieces(decompressor, rest, codec, called, name)
            rest = decompressor.unused_data if decompressor.eof else b""
            if decompressor.eof:
                decompressor = None
    if decompressor is not None:
        raise DumpError(
            f"{name} is cut short: its {called} data ends too early. "
            "Nothing was loaded. Copy the file again. Of a dump split into parts give "
            f"all, in their order: {CAT}"
        )


def _pieces(
    decompressor: Decompressor, block: bytes, codec: _Codec, called: str, name: str
) -> Iterator[bytes]:
    """Decompress one block of input, a bounded piece at a time."""
    while True:
        try:
            piece = decompressor.decompress(block, _PIECE_BYTES)
        except codec.damage as error:
            if _TOO_LARGE in str(error):
                raise DumpError(
                    f"{name} was compressed with so large a window (zstd --long) that "
                    "reading it would take more than 128 MiB. Nothing was loaded. "
                    f"Pipe it: zstd -dc --long=31 {name} | ./inv load --dump -"
                ) from None
            raise DumpError(
                f"{name} is damaged: its {called} data cannot be decompressed "
                f"({error}). Nothing was loaded. Copy the file again."
            ) from None
        if piece:
            yield piece
        if decompressor.eof or decompressor.needs_input:
            return
        block = b""
