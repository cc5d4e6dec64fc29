"""How values are shown to readers: numbers, times, sizes. Pure."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal

_DASH = "\N{EN DASH}"


def show(value: object) -> str:
    """Write a value for a reader: separators in numbers, UTC times, a dash for null."""
    if value is None:
        return _DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, (float, Decimal)):
        return f"{value:,.2f}"
    if isinstance(value, datetime):
        return show_time(value)
    return str(value)


def show_time(value: datetime) -> str:
    """Write a time in UTC, without the fraction of a second."""
    return f"{value.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


def show_bytes(count: int | None) -> str:
    """Write a number of bytes in the largest unit that leaves it at 1 or more."""
    if count is None:
        return _DASH
    size, units = float(count), ["bytes", "kB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:
        size, _ = size / 1000, units.pop(0)
    return (
        f"{size:,.0f} {units[0]}" if units[0] == "bytes" else f"{size:,.1f} {units[0]}"
    )


def humanize(name: str) -> str:
    """Turn a name of the database into words: ``rows_read`` into ``Rows read``."""
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def percent(part: int | None, whole: int | None) -> float:
    """The share of ``part`` in ``whole`` in percent; 0 where either is unknown or 0."""
    return 100 * part / whole if part and whole else 0.0
