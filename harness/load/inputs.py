"""Reads the two JSON files of earlier phases: created bookings and user ids.

Owns their shapes and the errors that name the place where a file departs from its own.
Reads files; writes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from harness.errors import InputError
from harness.escaping import path_text

_BOOKINGS_SHAPE = (
    '{"results": [{"id": "<booking id>", "success": true}, …]}, with an optional '
    '"error" text'
)
_USERS_SHAPE = '{"mapping": {"<old id>": "<new id>", …}}'


@dataclass(frozen=True)
class BookingResult:
    """What became of one booking in the phase that made them."""

    id: str
    is_success: bool
    error: str | None


@dataclass(frozen=True)
class JsonFile:
    """A file that was read: its base name, size in bytes and SHA-256, and warnings."""

    name: str
    bytes: int
    sha256: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class BookingsFile:
    """``bookings-created.json``."""

    file: JsonFile
    results: tuple[BookingResult, ...]


@dataclass(frozen=True)
class UsersFile:
    """``user-id-mapping.json``: new ids by old ones."""

    file: JsonFile
    mapping: Mapping[str, str]


def read_bookings(path: str) -> BookingsFile:
    """Read ``bookings-created.json``.

    Raises ``InputError`` when it cannot be read, is no JSON or has another shape.
    """
    reading = _Reading(path, _BOOKINGS_SHAPE)
    content = reading.parse()
    results = reading.member(content, "results", list)
    parsed = []
    for index, result in enumerate(results):
        place = f"results[{index}]"
        if not isinstance(result, dict):
            reading.refuse(place, "an object", result)
        parsed.append(_booking(reading, place, result))
    succeeded = sum(result.is_success for result in parsed)
    reading.compare("total_processed", len(parsed), "results")
    reading.compare("successful_creations", succeeded, "results with success")
    reading.compare("failed_creations", len(parsed) - succeeded, "failed results")
    return BookingsFile(reading.file(), tuple(parsed))


def read_users(path: str) -> UsersFile:
    """Read ``user-id-mapping.json``.

    Raises ``InputError`` when it cannot be read, is no JSON or has another shape.
    """
    reading = _Reading(path, _USERS_SHAPE)
    content = reading.parse()
    mapping = reading.member(content, "mapping", dict)
    for old, new in mapping.items():
        if not isinstance(new, str):
            reading.refuse(f"mapping[{json.dumps(old)}]", "a text", new)
        reading.check_text(f"mapping[{json.dumps(old)}]", old)
        reading.check_text(f"mapping[{json.dumps(old)}]", new)
    folded: dict[str, str] = {}
    for old in mapping:
        other = folded.setdefault(old.lower(), old)
        if other != old and mapping[other].lower() != mapping[old].lower():
            reading.fail(
                f"mapping has the old ids {other!r} and {old!r}, which are one id, "
                "with different new ids"
            )
    reading.compare("total_mappings", len(mapping), "mappings")
    return UsersFile(reading.file(), mapping)


def _booking(reading: _Reading, place: str, result: dict[str, Any]) -> BookingResult:
    booking_id, success = result.get("id"), result.get("success")
    error = result.get("error")
    if not isinstance(booking_id, str):
        reading.refuse(f"{place}.id", "a text", booking_id)
    if not isinstance(success, bool):
        reading.refuse(f"{place}.success", "true or false", success)
    if error is not None and not isinstance(error, str):
        error = json.dumps(error, ensure_ascii=False)
    reading.check_text(f"{place}.id", booking_id)
    reading.check_text(f"{place}.error", error or "")
    return BookingResult(booking_id, success, error)


class _Repeated(Exception):
    """An object that has one key twice."""


class _Reading:
    """One file while it is read: its content, its expected shape, its warnings."""

    def __init__(self, path: str, shape: str) -> None:
        self._path = Path(path)
        self._shape = shape
        self._warnings: list[str] = []
        self._metadata: dict[str, Any] = {}
        try:
            self._data = self._path.read_bytes()
        except OSError as error:
            raise InputError(
                f"cannot read {path}: {error.strerror}. Nothing was loaded. "
                "Check the path."
            ) from None

    def parse(self) -> dict[str, Any]:
        """The object that the file holds."""
        try:
            content = json.loads(
                self._data.decode("utf-8-sig"),
                object_pairs_hook=_object,
                parse_constant=_refuse_constant,
            )
        except UnicodeDecodeError as error:
            self.fail(f"byte {error.start} is no UTF-8")
        except json.JSONDecodeError as error:
            self.fail(
                f"it is no JSON at line {error.lineno}, column {error.colno}: "
                f"{error.msg}"
            )
        except RecursionError:
            self.fail("it is nested too deeply")
        except _Repeated as repeated:
            self.fail(f"the key {str(repeated)!r} appears twice in one object")
        if not isinstance(content, dict):
            self.refuse("the file", "an object", content)
        metadata = content.get("metadata")
        self._metadata = metadata if isinstance(metadata, dict) else {}
        return content

    def member(self, content: dict[str, Any], key: str, kind: type) -> Any:
        """The member that the shape is about."""
        value = content.get(key)
        if not isinstance(value, kind):
            self.refuse(key, "a list" if kind is list else "an object", value)
        return value

    def compare(self, key: str, counted: int, what: str) -> None:
        """Warn when the file's own count is another than what was counted."""
        claimed = self._metadata.get(key)
        if isinstance(claimed, int) and claimed != counted:
            self._warnings.append(
                f"{self._path.name}: metadata.{key} is {claimed:,}, "
                f"but there are {counted:,} {what}"
            )

    def check_text(self, place: str, text: str) -> None:
        """Refuse a text that PostgreSQL cannot hold."""
        if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
            self.fail(f"{place} holds a character that no text in PostgreSQL can hold")

    def refuse(self, place: str, expected: str, found: object) -> NoReturn:
        """Raise ``InputError`` for a value of another shape."""
        shown = "nothing" if found is None else json.dumps(found, ensure_ascii=False)
        if len(shown) > 60:
            shown = shown[:60] + " …"
        self.fail(f"{place} must be {expected}, not {shown}")

    def fail(self, what: str) -> NoReturn:
        """Raise ``InputError`` about this file."""
        raise InputError(
            f"{self._path}: {what}. Nothing was loaded. Expected: {self._shape}."
        )

    def file(self) -> JsonFile:
        """The file as the ledger knows it."""
        digest = hashlib.sha256(self._data).hexdigest()
        name = path_text(self._path.name)
        return JsonFile(name, len(self._data), digest, tuple(self._warnings))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _Repeated(next(key for key in keys if keys.count(key) > 1))
    return made


def _refuse_constant(name: str) -> NoReturn:
    raise json.JSONDecodeError(f"{name} is no JSON", name, 0)
