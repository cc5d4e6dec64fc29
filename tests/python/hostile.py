"""Settings that would change what a session of ours reads or writes, by source.

A source is where a setting comes from, besides the server's configuration: the URL, the
environment, the role, the database.
"""

from __future__ import annotations

from typing import Literal

import pytest
from psycopg import sql

from harness.database import Connection, Target

Source = Literal["url", "environment", "role", "database"]

ROLE = "hostile_role"

#: One value of each setting that breaks what relies on another one. Apart are
#: ``client_encoding``, which has keywords and variables of its own, and
#: ``default_transaction_read_only``, which is obeyed.
SETTINGS = {
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "TimeZone": "America/St_Johns",
    "array_nulls": "off",
    "backslash_quote": "off",
    "bytea_output": "escape",
    "check_function_bodies": "off",
    "default_transaction_deferrable": "on",
    "default_transaction_isolation": "serializable",
    "escape_string_warning": "off",
    "exit_on_error": "on",
    "extra_float_digits": "-15",
    "gin_fuzzy_search_limit": "1",
    "idle_in_transaction_session_timeout": "300ms",
    "idle_session_timeout": "300ms",
    "lock_timeout": "1ms",
    "quote_all_identifiers": "on",
    "row_security": "on",
    "search_path": "evil, pg_catalog",
    "session_replication_role": "replica",
    "standard_conforming_strings": "off",
    "statement_timeout": "100ms",
    "timezone_abbreviations": "Australia",
    "transaction_timeout": "200ms",
    "transform_null_equals": "on",
    "xmlbinary": "hex",
    "xmloption": "document",
}

#: What a shadowed name answers when the path finds it before the catalog's.
_EVIL = """
create schema evil;
create table evil.pg_class as select * from pg_class where false;
create table evil.pg_namespace as select * from pg_namespace where false;
create table evil.pg_settings as select * from pg_settings where false;
create table evil.pg_attribute as
select attrelid, attname, attnum from pg_attribute where false;
create function evil.md5(text) returns text
language sql immutable as 'select ''evil''';
create function evil.lower(varchar) returns text
language sql immutable as 'select ''evil''';
"""


def known(connection: Connection) -> dict[str, str]:
    """The settings that this server has."""
    rows = connection.execute("select name from pg_settings").fetchall()
    names = {row[0] for row in rows}
    return {name: value for name, value in SETTINGS.items() if name in names}


def make(
    connection: Connection, source: Source, settings: dict[str, str], encoding: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Give sessions these settings; further keywords to connect with, and variables.

    The role is a superuser, or it could not have them all.
    """
    connection.execute(_EVIL.encode())
    connection.execute(
        f"do $$ begin create role {ROLE} login superuser;"
        " exception when duplicate_object then null; end $$".encode()
    )
    connection.execute(f"alter role {ROLE} reset all".encode())
    options = " ".join(f"-c {name}={_escaped(v)}" for name, v in settings.items())
    user = {"user": ROLE}
    if source in ("role", "database"):
        named = ROLE if source == "role" else connection.info.dbname
        for name, value in {**settings, "client_encoding": encoding}.items():
            connection.execute(
                sql.SQL("alter {} {} set {} to {}").format(
                    sql.SQL(source),
                    sql.Identifier(named),
                    sql.Identifier(name),
                    sql.SQL(value) if name == "search_path" else sql.Literal(value),
                )
            )
    connection.commit()
    if source == "url":
        return {**user, "options": options, "client_encoding": encoding}, {}
    if source == "environment":
        variables = {
            "PGOPTIONS": options,
            "PGCLIENTENCODING": encoding,
            "PGTZ": "America/St_Johns",
            "PGDATESTYLE": "SQL, DMY",
        }
        return user, variables
    return user, {}


def name_target(
    monkeypatch: pytest.MonkeyPatch, to: Target, variables: dict[str, str]
) -> None:
    """Let the environment name a database as a user would: by a URL alone."""
    monkeypatch.delenv("PGCLIENTENCODING", raising=False)
    for key in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("DATABASE_URL", to.url)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")
