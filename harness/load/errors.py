"""The errors of reading a dump, and how they name a place in it.

Owns ``DumpError`` and its message's shape. Writes nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from harness.errors import InputError

#: How the parts of one file are loaded as what they were.
CAT = "cat PART* | ./inv load --dump -"


class Place(NamedTuple):
    """A place in the decompressed stream: the line from 1, the byte offset from 0."""

    line: int
    byte_offset: int


class DumpError(InputError):
    """A dump that cannot be read exactly, at a place that the message names.

    ``line`` counts from 1; ``byte_offset`` counts from 0 in the decompressed stream.
    Both are ``None`` when the condition concerns the whole file.
    """

    def __init__(
        self, message: str, *, line: int | None = None, byte_offset: int | None = None
    ) -> None:
        super().__init__(message)
        self.line = line
        self.byte_offset = byte_offset


class Incomplete(Exception):
    """The bytes at hand end inside something; more of the stream decides what it is.

    Never leaves the reader: at the end of the stream it becomes a ``DumpError`` that
    says what the dump ends in the middle of.
    """

    def __init__(self, inside: str) -> None:
        super().__init__(inside)
        self.inside = inside


class Unreadable(Exception):
    """Something at ``position`` of the bytes at hand that has no exact reading.

    Never leaves the reader, which knows the line and the offset and raises a
    ``DumpError`` in its place. ``advice`` is what to do about this very cause.
    """

    def __init__(self, what: str, position: int, advice: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.position = position
        self.advice = advice
