"""Checks of the room on disk. Reads sizes from the catalog, and this machine's disk.

SQL does not tell how much of a disk is free. Where the server is this machine's own,
reached over a socket, its data directory is looked at; elsewhere the need is stated.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
from psycopg import sql

from harness import pipelines, settings
from harness.preflight.context import Context, size
from harness.preflight.report import Check

#: What is written once as rows is written again as WAL, and indexed.
_WRITTEN_TWICE = 2
#: A backup is a copy, and its trial restore is another.
_COPIES = 2
#: Below this many times what is needed the room is called scarce.
_AMPLE = 2


@dataclass(frozen=True)
class Need:
    """The bytes that a publish and its backup take; ``said`` says how they come."""

    bytes: int
    rows_bytes: int
    said: str


def disk_room(context: Context) -> Iterator[Check]:
    """Compare the room that is needed with what is free, where that can be known."""
    need = _need(context)
    free, place = _free(context)
    if free is None:
        (used,) = context.row("select pg_database_size(current_database())")
        yield Check(
            "disk_room",
            "warn",
            f"{need.said}; the database has {size(used)} now, and how much is free "
            "cannot be seen from here",
            f"Make sure that the server has {size(_AMPLE * need.bytes)} free: in your "
            f"provider's dashboard, or on the server with:\ndf -h {place}",
        )
        return
    said = f"{need.said}; {size(free)} free at {place}"
    if free < _AMPLE * need.bytes:
        yield Check(
            "disk_room",
            "fail" if free < need.bytes else "warn",
            said,
            f"Free {size(_AMPLE * need.bytes - free)} on the disk of the server:\n"
            f"df -h {place}",
        )
    else:
        yield Check("disk_room", "pass", said)


def temp_files(context: Context) -> Iterator[Check]:
    """See that sorting and hashing what is published may use the disk."""
    (setting,) = context.row(
        "select setting::bigint * 1024 from pg_settings where name = 'temp_file_limit'"
    )
    need = _need(context).rows_bytes
    if setting < 0:
        yield Check("temp_files", "pass", "without a limit")
    elif setting < need:
        (user,) = context.row("select current_user")
        role = sql.Identifier(user).as_string()
        yield Check(
            "temp_files",
            "warn",
            f"temp_file_limit is {size(setting)}, less than the {size(need)} of rows "
            "that may have to be sorted",
            f"As a superuser:\nalter role {role} set temp_file_limit = -1;",
        )
    else:
        yield Check("temp_files", "pass", f"temp_file_limit is {size(setting)}")


def _need(context: Context) -> Need:
    at_work = pipelines.current()
    found = dict(
        context.rows(
            "preflight_room",
            names=sql.Literal(list(at_work.backed_up)),
            marts_name=sql.Literal(at_work.marts()),
            staging_name=sql.Literal(settings.staging_schema()),
        )
    )
    live = int(found.get(settings.live_schema(), 0))
    landed = int(found.get(settings.staging_schema(), 0))
    rows = int(found.get(at_work.marts(), 0)) if context.is_built else landed
    total = _WRITTEN_TWICE * rows + _COPIES * live
    if context.is_built:
        of_rows = f"{size(_WRITTEN_TWICE * rows)} for the rows and their WAL"
    elif landed:
        of_rows = f"about {size(_WRITTEN_TWICE * rows)} for the rows, by what is landed"
    else:
        of_rows = "an unknown part for the rows, because nothing is landed yet"
    said = f"needed: {of_rows}, {size(_COPIES * live)} for a backup and its trial"
    return Need(total, rows, said)


def _free(context: Context) -> tuple[int | None, str]:
    """The free bytes where the data are, or None; and the folder."""
    place = _data_directory(context)
    if place is None:
        return None, "the data directory"
    if not context.connection.info.host.startswith("/"):
        return None, place
    try:
        return shutil.disk_usage(place).free, place
    except OSError:
        return None, place


def _data_directory(context: Context) -> str | None:
    """Where the database's files are; None where the role may not know."""
    (tablespace,) = context.row(
        "select pg_tablespace_location(dattablespace) from pg_database"
        " where datname = current_database()"
    )
    if tablespace:
        return str(tablespace)
    try:
        with context.connection.transaction():
            return str(context.row("show data_directory")[0])
    except psycopg.errors.InsufficientPrivilege:
        return None
