"""Whether a dump goes on in another file, because it was split.

Owns that decision, by the beginning and the end of its bytes. Pure: no I/O.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.load.producer import TAIL_BYTES, has_header, has_trailer

_HEAD_BYTES = 1 << 12


class Ends:
    """Looks at the beginning and the end of a stream as it passes by."""

    def __init__(self) -> None:
        self._head = self._tail = b""

    @property
    def are_open(self) -> bool:
        """Whether the header that was seen promises a trailer that was not."""
        return has_header(self._head) and not has_trailer(self._tail)

    def watch(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Pass the chunks on."""
        for chunk in chunks:
            if len(self._head) < _HEAD_BYTES:
                self._head += chunk[:_HEAD_BYTES]
            self._tail = (self._tail + chunk[-TAIL_BYTES:])[-TAIL_BYTES:]
            yield chunk
