"""What every store of files can do, whichever protocol it speaks.

Owns the words that the rest of the package uses: ``Entry`` for an object as a store
lists it, ``Store`` for what can be asked of one, and the errors that a single file may
end with. Nothing here reads or writes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from harness.errors import HarnessError, Refused

#: What is held of a file at once, in bytes: a part of an upload, too. S3's parts have
#: at least 5 MB, and at most 10,000 make an object.
PART_BYTES = 8 * 1024 * 1024
CHUNK_BYTES = 256 * 1024

#: An ETag that is the MD5 of the bytes; one of several parts has a dash and a number.
_MD5 = re.compile(r"[0-9a-f]{32}")


class FileFailed(HarnessError):
    """One file could not be moved; the others go on."""


class FileMissing(FileFailed):
    """The store has no object of this name."""


class SourceChanged(FileFailed):
    """The source is not what was planned, or changed while it was copied."""


class FileRefused(FileFailed):
    """The store does not take the file, and would not if it were asked again."""


class StoreUnusable(Refused):
    """A store cannot be reached or listed; nothing was changed."""


@dataclass(frozen=True)
class Entry:
    """An object as its store has it.

    ``name`` is exact, byte for byte. ``etag`` changes with the content; ``md5`` is the
    content's where the store is known to have it. ``attributes`` are what the store
    keeps beside the bytes: headers by name, and metadata of the application's.
    """

    name: str
    size: int
    etag: str
    content_type: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def md5(self) -> str | None:
        """The MD5 of the bytes, when the ETag is one."""
        return self.etag if _MD5.fullmatch(self.etag) else None


@dataclass(frozen=True)
class Content:
    """A file that is being read: what it is, and its bytes in chunks."""

    entry: Entry
    chunks: Iterable[bytes]


class Store(Protocol):
    """A bucket, or a folder, or a part of one.

    ``url`` names it as an operator does; ``service`` tells whether another store can
    be copied from without the bytes coming here.
    """

    url: str

    @property
    def service(self) -> str:
        """What two stores must share for a copy on the server's side."""
        ...

    @property
    def bucket(self) -> str:
        """What references call this store: its bucket, or its folder's name."""
        ...

    def exists(self) -> bool:
        """Whether the bucket or folder is there."""
        ...

    def make(self) -> None:
        """Make it, private to us."""
        ...

    def remove_if_empty(self) -> bool:
        """Remove the bucket or folder when nothing is in it; whether it is gone."""
        ...

    def entries(self, beneath: str = "") -> Iterator[Entry]:
        """List every object, recursively, page by page."""
        ...

    def head(self, name: str) -> Entry | None:
        """Look at one object, with its content type; None when it is not there."""
        ...

    def read(
        self, name: str, etag: str | None = None
    ) -> AbstractContextManager[Content]:
        """Read an object, as it is under this ETag.

        Raises ``FileMissing``, and ``SourceChanged`` when it is another by now.
        """
        ...

    def write(self, name: str, content: Content) -> Entry:
        """Write an object whole or not at all, and check that the store got it.

        Raises ``FileRefused`` when the store does not take it.
        """
        ...

    def copy(self, source: Store, entry: Entry, name: str) -> Entry:
        """Copy from a store of the same service, without the bytes coming here.

        Raises ``SourceChanged`` when the source is not ``entry`` any more.
        """
        ...

    def remove(self, names: list[str]) -> dict[str, str]:
        """Remove objects; returns by name what went wrong. One that is gone is fine."""
        ...

    def forget_unfinished(self, name: str, size: int) -> None:
        """Clear what an interrupted write of this object, so large, left behind."""
        ...


class Digested:
    """Chunks that are hashed as they pass; ``md5`` is of those that have."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self._md5 = hashlib.md5(usedforsecurity=False)
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        """Give the chunks on."""
        for chunk in self._chunks:
            self._md5.update(chunk)
            self.size += len(chunk)
            yield chunk

    @property
    def md5(self) -> str:
        """The hash, in hexadecimal digits."""
        return self._md5.hexdigest()


def md5_of(store: Store, name: str, etag: str | None = None) -> tuple[str, int]:
    """Read an object and hash it: its MD5 and its size.

    Raises what ``Store.read`` does.
    """
    with store.read(name, etag) as content:
        chunks = Digested(content.chunks)
        for _ in chunks:
            pass
    return chunks.md5, chunks.size


def is_text(name: str) -> bool:
    """Whether the database can hold a name: UTF-8 without NUL."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in name
