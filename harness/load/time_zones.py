"""The time zone of a dump's TIMESTAMPs: how it is written, and where it is missing.

Owns the reading of MySQL's ``time_zone`` and the sentences about it. Asks PostgreSQL
which zones it knows; writes nothing.
"""

from __future__ import annotations

import re

import psycopg

from harness.load.errors import DumpError
from harness.load.events import DumpSummary
from harness.load.selection import Selection
from harness.variables import source_timezone

_OFFSET = re.compile(r"([+-])0*(\d{0,2}):(\d{1,2})")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+/-]*")
#: In minutes; MariaDB, and MySQL before 8.0.19, end an hour earlier on both sides.
_WEST, _EAST = 13 * 60 + 59, 14 * 60
#: ``at time zone`` takes these names for offsets without summer time.
_WITH_SUMMER = {
    "cet": "Europe/Brussels",
    "met": "Europe/Brussels",
    "eet": "Europe/Athens",
    "wet": "Europe/Lisbon",
}
#: How many columns a warning names.
_NAMED = 12


def read_time_zone(text: str | None) -> str | None:
    """What MySQL makes of a value of ``time_zone``: ``+05:30`` of ``+5:30``.

    ``None`` for SYSTEM, the zone of a server that the dump does not name. What is no
    offset stays as it is written.
    """
    if text is None or text.upper() == "SYSTEM":
        return None
    return _offset(text) or text


def known_time_zone(connection: psycopg.Connection, summary: DumpSummary) -> str | None:
    """The dump's zone as PostgreSQL reads it, ``None`` where the dump names none.

    Raises ``DumpError`` when TIMESTAMPs are in a zone that PostgreSQL does not know.
    """
    zone = summary.time_zone
    if zone is None or not summary.timestamps or _offset(zone):
        return zone
    if zone.lower() in _WITH_SUMMER:
        return _WITH_SUMMER[zone.lower()]
    row = connection.execute(
        "select name from pg_timezone_names where lower(name) = lower(%s)", [zone]
    ).fetchone()
    if row is None:
        raise DumpError(_unknown(zone, "PostgreSQL does not know"))
    return str(row[0])


def impossible_time_zone(summary: DumpSummary, selection: Selection) -> str | None:
    """Why ``load`` would refuse the zone, as far as can be told without a database."""
    zone = summary.time_zone
    if zone is None or _offset(zone) or _NAME.fullmatch(zone):
        return None
    is_used = bool(_timestamps(summary, selection))
    return _unknown(zone, "MySQL does not know") if is_used else None


def unnamed_time_zone(summary: DumpSummary, selection: Selection) -> list[str]:
    """The warning that the dump names no zone for TIMESTAMPs of the selected tables."""
    columns = _timestamps(summary, selection)
    if summary.time_zone is not None or not columns:
        return []
    shown = ", ".join(columns[:_NAMED])
    if len(columns) > _NAMED:
        shown += f" and {len(columns) - _NAMED} more"
    return [
        f"the dump names no time zone for its TIMESTAMPs ({shown}): they are taken as "
        f"{source_timezone()}, which source_timezone in dbt_project.yml decides"
    ]


def _timestamps(summary: DumpSummary, selection: Selection) -> list[str]:
    return [
        f"{table}.{column}"
        for table, column in summary.timestamps
        if selection.names is None or table in selection.names
    ]


def _offset(text: str) -> str | None:
    """An offset in the spelling ``+05:30``, ``None`` for what MySQL takes for none."""
    found = _OFFSET.fullmatch(text)
    if found is None:
        return None
    sign, hours, minutes = found[1], int(found[2] or 0), int(found[3])
    total = hours * 60 + minutes
    if minutes > 59 or total > (_EAST if sign == "+" else _WEST):
        return None
    return f"{sign if total else '+'}{hours:02}:{minutes:02}"


def _unknown(zone: str, who: str) -> str:
    return (
        f"the TIMESTAMPs are in the time zone {zone!r}, which {who}. Nothing was "
        "loaded. Write an offset such as '+02:00', or a zone such as 'Europe/Berlin', "
        "into the dump's SET TIME_ZONE, and load it again."
    )
