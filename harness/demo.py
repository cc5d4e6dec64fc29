"""Where the demos work: each sample in a database of its own in the embedded server.

A database that ``DATABASE_URL`` or the ``PG*`` variables name is taken as it is. Makes
databases in the embedded server, and writes nothing else.
"""

from __future__ import annotations

import os

from psycopg import sql

from harness import database, embedded
from harness.console import Console
from harness.database import Target

#: The sample that ``./inv demo`` carries is where tasks look when nothing is named.
_DATABASES = {"marketplace": embedded.DATABASE}


def target_of(sample: str) -> Target:
    """The database of a sample's demo, made if it is not there.

    It becomes the target of this process, and of the programs that it starts.
    """
    if any(os.environ.get(name) for name in ("DATABASE_URL", "PGDATABASE", "PGHOST")):
        return database.target()
    name = _DATABASES.get(sample, sample)
    own = database.of_embedded(embedded.DATABASE)
    with database.connect(own, autocommit=True) as connection:
        row = connection.execute(
            "select exists (select from pg_database where datname = %s)", [name]
        ).fetchone()
        if row == (False,):
            connection.execute(
                sql.SQL("create database {}").format(sql.Identifier(name))
            )
    to = database.of_embedded(name)
    os.environ.update(to.environment)
    return to


def say_where(console: Console, to: Target, tasks: str) -> None:
    """Say which database the demo worked in, and how to look at it."""
    name = to.parameters.get("dbname", "")
    console.note(f"the sample is in {to}")
    if to.is_embedded and name != embedded.DATABASE:
        console.note(f'next: eval "$(./inv db.env --database {name})"')
        console.note(f"then: {tasks}")
    else:
        console.note(f"next: {tasks}")
