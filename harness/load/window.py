"""The stretch of the dump that is being read, and where it stands in the stream.

Owns the unread bytes, byte offsets and line numbers. Everything else in the reader
looks at ``data`` from ``position`` on and moves ``position`` forward. Reads an iterable
of bytes and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable

from harness.load.errors import Unreadable

#: The longest row in bytes: PostgreSQL takes no longer line, MySQL no longer packet.
LONGEST = 1 << 30
_TOO_LONG = "a row or a statement of more than 1 GiB, which PostgreSQL cannot hold,"
_SHORTEN = (
    "Shorten that value in MySQL or leave its table out (--tables), and make the dump "
    "again"
)


class Window:
    """A view of the stream that forgets what was read and grows when it must.

    ``data`` holds the unread bytes from ``position`` on. Indexes into ``data`` are
    valid until ``grow`` is called. ``kept`` is the index from which on bytes are not
    forgotten although they were read; ``None`` keeps none.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._base = 0
        self._line = 1
        self.data = b""
        self.position = 0
        self.kept: int | None = None
        self.at_end = False

    @property
    def base(self) -> int:
        """The byte offset of ``data`` in the stream, from 0."""
        return self._base

    @property
    def line(self) -> int:
        """The line at which ``data`` begins, from 1."""
        return self._line

    @property
    def unread(self) -> int:
        """How many bytes are at hand and not read, in bytes."""
        return len(self.data) - self.position

    def grow(self) -> bool:
        """Forget what was read and append more; ``False`` at the end of the stream.

        Raises ``Unreadable`` when what is unread is longer than any row may be.

        At least as much is appended as was unread, so that reading one long value costs
        time in proportion to its length, however often it is begun again.
        """
        first = self.position
        if self.kept is not None:
            first, self.kept = self.kept, 0
        # For the few line ends of a dump, several times as fast as bytes.count.
        self._line += len(self.data[:first].split(b"\n")) - 1
        self._base += first
        rest = self.data[first:]
        self.position -= first
        if len(rest) - self.position >= LONGEST:
            self.data = rest
            raise Unreadable(_TOO_LONG, self.position, _SHORTEN)
        parts, wanted = [rest], max(min(len(rest), LONGEST - len(rest)), 1)
        while wanted > 0:
            chunk = next(self._chunks, None)
            if chunk is None:
                self.at_end = True
                break
            parts.append(chunk)
            wanted -= len(chunk)
        self.data = b"".join(parts)
        return len(self.data) > len(rest)

    def offset_of(self, index: int) -> int:
        """The byte offset in the stream, from 0, of an index into ``data``."""
        return self._base + index

    def line_of(self, index: int) -> int:
        """The line in the stream, from 1, of an index into ``data``."""
        return self._line + self.data.count(b"\n", 0, index)
