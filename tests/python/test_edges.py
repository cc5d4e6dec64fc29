"""What lies at the edge: errors that could quote a secret, rows that could be hidden.

Whatever the database or libpq says, a task ends with a sentence that names no password
and no message, and never takes a row that it may not see for one that is missing.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest
from psycopg import sql

from harness import database, rollback, settings, target, validate
from harness.database import Connection, Target
from harness.errors import UsageError
from harness.publish import PublishFailed
from harness.rollback import RollbackFailed
from harness.validate import ValidationFailed
from tests.python import world

SECRET = "s3cr&t"  # noqa: S105 - the test's own


@pytest.fixture
def plain_role(
    connection: Connection, database: dict[str, str]
) -> Iterator[dict[str, str]]:
    """A role without any right of its own; libpq's keywords to connect as it."""
    role = sql.Identifier("edge_role")
    connection.execute(sql.SQL("create role {} login").format(role))
    connection.commit()
    yield {**database, "user": "edge_role"}
    connection.rollback()
    connection.execute(sql.SQL("drop owned by {}").format(role))
    connection.execute(sql.SQL("drop role {}").format(role))
    connection.commit()


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://me:{SECRET}@host/chats",
        f"postgresql://me:{SECRET}@host/chats?nothing=1",
        f"postgresql://me:{SECRET}%@host/chats",
    ],
)
def test_an_unreadable_url_is_not_quoted(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(UsageError, match="DATABASE_URL cannot be read") as error:
        database.target()
    assert SECRET not in str(error.value)


def test_a_refused_row_is_not_quoted(connection: Connection) -> None:
    world.rehearse(connection)
    connection.execute("create unique index short on chat_messages (left(content, 3))")
    connection.commit()
    with pytest.raises(PublishFailed, match='constraint "short"') as error:
        world.publish(connection)
    assert "message 1" not in str(error.value)


def test_a_load_that_the_database_refuses_is_one_sentence(
    connection: Connection, plain_role: Mapping[str, str]
) -> None:
    """Such as on live bookings that the role may not read."""
    target.create(connection)
    connection.execute(
        sql.SQL("grant create on database {} to edge_role").format(
            sql.Identifier(connection.info.dbname)
        )
    )
    connection.commit()
    to = Target(dict(plain_role), is_embedded=False)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "harness",
            "load",
            "--dump",
            str(settings.SAMPLES / "marketplace" / "marketplace.sql"),
        ],
        cwd=settings.PROJECT_ROOT,
        env={**os.environ, **to.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "error: loading failed in the database: permission denied" in done.stderr
    assert "Traceback" not in done.stderr
    found = connection.execute("select to_regnamespace('staging')").fetchone()
    assert found == (None,)


def test_a_hidden_row_is_not_taken_for_a_missing_one(
    connection: Connection, plain_role: Mapping[str, str]
) -> None:
    """A rollback under a row-level policy would call every row gone, and forget it."""
    world.rehearse(connection)
    world.publish(connection)
    connection.execute(
        "alter table chats owner to edge_role; alter table chat_messages owner to"
        " edge_role; alter table media owner to edge_role;"
        "alter table chats enable row level security, force row level security;"
        "grant usage on schema carryover, staging, marts to edge_role;"
        "grant all on all tables in schema public, carryover to edge_role"
    )
    connection.commit()
    with (
        database.connect(Target(dict(plain_role), is_embedded=False)) as restricted,
        pytest.raises(RollbackFailed, match="row-level security"),
    ):
        rollback.rollback(restricted)
    standing = connection.execute(
        "select count(*) from carryover.published_rows where rolled_back_at is null"
    ).fetchone()
    assert standing == (3 + 12 + 3,)


def test_a_validation_that_cannot_be_done_is_one_sentence(
    connection: Connection,
) -> None:
    """Such as where a table that ours refer to has lost its key since."""
    world.rehearse(connection)
    world.publish(connection)
    connection.execute("alter table profiles rename id to profile_id")
    connection.commit()
    with pytest.raises(ValidationFailed, match=r"id does not exist\. Nothing"):
        validate.validate(connection)


@pytest.mark.usefixtures("environment")
def test_on_a_database_that_is_read_only_tasks_say_so_or_read(
    connection: Connection,
) -> None:
    world.rehearse(connection)
    name = sql.Identifier(connection.info.dbname)
    connection.execute(
        sql.SQL("alter database {} set default_transaction_read_only to on").format(
            name
        )
    )
    connection.commit()
    dump = str(settings.SAMPLES / "marketplace" / "marketplace.sql")
    for argv, code in (
        (["load", "--dump", dump], 4),
        (["rollback", "--execute"], 4),
        (["audit.live"], 4),
        (["validate"], 1),
        (["preflight"], 3),
        (["status"], 0),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "harness", *argv],
            cwd=settings.PROJECT_ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, (argv, done.stdout + done.stderr)
        assert "Traceback" not in done.stderr
        if code in (1, 4):
            assert re.search("read.only", done.stderr.splitlines()[-1])
