"""The settings that every session of ours relies on, and how a session is given them.

They are declared once, in ``sql/pin_session.sql``, and set after connecting: a pooler
takes no ``options`` at startup, and what a URL, the environment, a role or a database
says comes before. ``database.connect`` and ``audit`` call ``pin``; dbt gets the same
statements from ``profiles.yml``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import errors, sql

from harness.errors import Refused, one_line
from harness.queries import query

#: The one encoding of texts between us and the server. It goes into the startup packet,
#: where it wins over the role and the database, and every pooler takes it there.
CLIENT_ENCODING = "UTF8"


class SettingRefused(Refused):
    """A setting that we rely on has another value, and the role may not change it."""


def pin(
    connection: psycopg.Connection[Any],
    *,
    search_path: Sequence[str] | None = None,
    read_only: bool = False,
) -> None:
    """Give a new session its settings, and commit.

    ``search_path`` are the schemas to look names up in after ``pg_catalog``, by default
    the live one, ``public`` and those of extensions. Raises ``SettingRefused`` for a
    setting that the role may not change, and for a database whose encoding cannot hold
    every text.
    """
    try:
        _require_encoding(connection)
        connection.execute(query("pin_session"))
        _look_names_up(connection, search_path)
        if read_only:
            connection.execute("set default_transaction_read_only to on")
        connection.commit()
    except errors.InsufficientPrivilege as error:
        raise SettingRefused(
            f"{one_line(error.diag.message_primary or error)}, and its value changes "
            "what we would read or write. Nothing was written. Reset it where it is "
            "set, for the role (alter role) or the database (alter database), then "
            "run the command again."
        ) from None


def _require_encoding(connection: psycopg.Connection[Any]) -> None:
    """Raise ``SettingRefused`` unless the database and the session hold UTF-8."""
    held = connection.info.parameter_status("server_encoding")
    if held != CLIENT_ENCODING:
        raise SettingRefused(
            f"the database {connection.info.dbname} is encoded in {held}, which cannot "
            "hold every text. Nothing was written. Name a database in UTF8, such as "
            "one made with: create database NAME template template0 encoding 'UTF8'"
        )
    connection.execute(
        sql.SQL("set client_encoding to {}").format(sql.Literal(CLIENT_ENCODING))
    )


def _look_names_up(
    connection: psycopg.Connection[Any], schemas: Sequence[str] | None
) -> None:
    if schemas is None:
        connection.execute(query("pin_search_path"))
        return
    path = sql.SQL(", ").join(map(sql.Identifier, schemas))
    connection.execute(sql.SQL("set search_path to {}").format(path))
