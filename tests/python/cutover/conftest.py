"""The published sample of a legacy chat system, and a copy of it for each test."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from harness.database import Connection, connect
from harness.security import standins
from tests.python.cutover.people import (
    MARTS,
    PEOPLE,
    SAMPLE,
    at,
    land,
    publish,
)


@pytest.fixture(scope="session")
def template(postgres_server: dict[str, str]) -> Iterator[str]:
    """The name of a database with the sample, published."""
    with psycopg.connect(make_conninfo(**postgres_server), autocommit=True) as server:
        server.execute("create database cutover_sample")
        to = at(postgres_server, "cutover_sample")
        with connect(to) as connection:
            standins.create(connection)
            connection.execute((SAMPLE / "legacy.sql").read_bytes())
            connection.execute(PEOPLE.encode())
            connection.commit()
            land(connection)
            publish(to, connection, MARTS)
        yield "cutover_sample"
        server.execute("drop database cutover_sample with (force)")


@pytest.fixture
def published(template: str, postgres_server: dict[str, str]) -> Iterator[Connection]:
    """A connection to a copy of the published sample."""
    with psycopg.connect(make_conninfo(**postgres_server), autocommit=True) as server:
        server.execute(
            f"create database cutover_copy template {template} strategy wal_log"
        )
        with connect(at(postgres_server, "cutover_copy")) as connection:
            yield connection
        server.execute("drop database cutover_copy with (force)")
