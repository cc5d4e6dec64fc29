"""What libpq reads from the environment, and what it made of it for a connection.

libpq fills in from the environment, a service file and a password file what it is not
told, in every process and library that uses it: ours, dbt's, ``pg_dump``. This module
knows all of its keywords and their variables, and opens no connection.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import pq

#: They choose among servers, databases and passwords; what they chose replaces them.
_CHOOSING = frozenset(
    {
        *("host", "hostaddr", "port", "user", "dbname", "password", "passfile"),
        *("service", "servicefile", "target_session_attrs", "load_balance_hosts"),
    }
)
#: What libpq and the server read besides the variables of keywords.
_FURTHER = ("PGSERVICEFILE", "PGSYSCONFDIR", "PGTZ", "PGDATESTYLE", "PGGEQO")


def keywords() -> frozenset[str]:
    """All that a URL's query may set; ``ssl`` is there for JDBC's URLs."""
    options = pq.Conninfo.parse(b"")
    return frozenset({"ssl", *(option.keyword.decode() for option in options)})


def variables() -> dict[str, str]:
    """The variable of each keyword of libpq that has one."""
    return {
        option.keyword.decode(): option.envvar.decode()
        for option in pq.Conninfo.parse(b"")
        if option.envvar
    }


def without_variables(environment: dict[str, str]) -> dict[str, str]:
    """A copy of an environment without the variables that libpq reads."""
    ours = {*variables().values(), *_FURTHER}
    return {name: value for name, value in environment.items() if name not in ours}


@contextmanager
def clean_environment() -> Iterator[None]:
    """Keep the environment out of the connections that are opened meanwhile."""
    removed = {
        name: os.environ.pop(name)
        for name in set(os.environ) - set(without_variables(dict(os.environ)))
    }
    try:
        yield
    finally:
        os.environ.update(removed)


def resolved(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """The keywords that open another connection to the server of this one.

    Of several hosts, a service or a password file, it has what libpq chose. A value
    that is libpq's default is left out.
    """
    info = connection.info
    chosen = {
        "host": info.host,
        "hostaddr": "" if info.host.startswith("/") else info.hostaddr,
        "port": str(info.port),
        "user": info.user,
        "dbname": info.dbname,
        "password": info.password,
    }
    for option in connection.pgconn.info:
        keyword, value = option.keyword.decode(), option.val
        if value and value != option.compiled and keyword not in _CHOOSING:
            chosen[keyword] = value.decode()
    return {keyword: value for keyword, value in chosen.items() if value}
