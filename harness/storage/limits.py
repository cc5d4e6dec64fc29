"""What the target takes: how large a file may be, and of which types.

Reads the environment and Supabase's own table of buckets; writes nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from harness.database import Connection
from harness.errors import UsageError

#: What a bucket that we make takes, where nobody says otherwise.
DEFAULT_BYTES = 250 * 1024 * 1024
DEFAULT_TYPES = (
    "image/*",
    "audio/*",
    "video/*",
    "text/plain",
    "application/pdf",
    "application/octet-stream",
    "application/zip",
    "application/msword",
    "application/vnd.*",
)
_UNLIMITED = 5 * 1024**4


@dataclass(frozen=True)
class Limits:
    """The most bytes, and the types with ``*`` for any; no types means every type."""

    max_bytes: int
    types: tuple[str, ...]

    @property
    def patterns(self) -> list[str]:
        """The types as patterns of LIKE; an object without a type has an empty one."""
        escaped = [
            t.lower().replace("\\", "\\\\").replace("_", "\\_") for t in self.types
        ]
        return [t.replace("%", "\\%").replace("*", "%") for t in escaped] or ["%"]

    @property
    def is_sized(self) -> bool:
        """Whether there is a limit on size at all."""
        return self.max_bytes < _UNLIMITED


def find(connection: Connection, bucket: str) -> Limits:
    """The limits of the target: the environment's, else the bucket's own, else ours.

    Ours hold only for a bucket that is still to be made in Supabase.
    """
    standing = None
    if has_storage(connection):
        standing = connection.execute(
            "select file_size_limit, allowed_mime_types from storage.buckets"
            " where id = %s",
            [bucket],
        ).fetchone() or (DEFAULT_BYTES, list(DEFAULT_TYPES))
    size, types = standing or (None, None)
    return Limits(
        _bytes() or size or _UNLIMITED,
        tuple(_types() or types or ()),
    )


def has_storage(connection: Connection) -> bool:
    """Whether this database has Supabase's tables of buckets and objects."""
    row = connection.execute(
        "select to_regclass('storage.buckets') is not null"
        " and to_regclass('storage.objects') is not null"
    ).fetchone()
    return bool(row and row[0])


def _bytes() -> int | None:
    text = os.environ.get("CARRYOVER_STORAGE_MAX_BYTES")
    if not text:
        return None
    if not text.isdecimal() or not int(text):
        raise UsageError(
            f"CARRYOVER_STORAGE_MAX_BYTES is {text!r}. Nothing was changed. "
            "Set it to a number of bytes."
        )
    return int(text)


def _types() -> list[str]:
    text = os.environ.get("CARRYOVER_STORAGE_TYPES", "")
    return [part.strip() for part in text.split(",") if part.strip()]
