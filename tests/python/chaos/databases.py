"""Databases in which a pipeline has come to a stage, made as copies of templates.

Everything up to a stage is done once, and not for every test that needs it done. A
pipeline says how its first two or three stages are made; the others are tasks.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Protocol

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from harness import ledger, pipelines
from harness.database import Connection
from harness.pipelines import Pipeline
from harness.security import standins
from harness.server import Server
from tests.python import world
from tests.python.chaos import legacy_system
from tests.python.chaos.source import Source
from tests.python.chaos.tasks import FULL, Operator, watcher

_numbers = itertools.count(1)

#: Rows that the application has of its own, which no migration may touch.
_OWN_ROWS = """
    insert into profiles (id, role) values
    ('99999999-0000-4000-8000-000000000001', 'customer');
    insert into bookings (id, status)
    select format('88888888-0000-4000-8000-%s', lpad(n::text, 12, '0'))::uuid, 'new'
    from generate_series(1, 20) as n;
    insert into chats (id, booking_id)
    select format('77777777-0000-4000-8000-%s', lpad(n::text, 12, '0'))::uuid,
        format('88888888-0000-4000-8000-%s', lpad(n::text, 12, '0'))::uuid
    from generate_series(1, 20) as n;
    insert into chat_messages (id, chat_id, sender_id, content)
    select gen_random_uuid(), id, '99999999-0000-4000-8000-000000000001', 'our own'
    from chats, generate_series(1, 10)
"""
#: Where dbt would enter what became of each test; all have passed.
_AUDITS = """
    drop table if exists {marts}.audit_results;
    create table {marts}.audit_results (
        node_id text primary key, resource_type text not null, name text not null,
        status text not null, severity text, failures bigint, message text,
        run_id text not null, recorded_at timestamptz not null
    )
"""


class World(Protocol):
    """What is peculiar to a pipeline: its application, its input, its tasks."""

    pipeline: Pipeline
    #: Deletes what the application has of its own, and a key: only a restore mends it.
    damage: str
    #: Takes rows from what is landed.
    unland: str

    def inputs(self, stage: str) -> tuple[str, ...]:
        """The flags that name files to a task."""

    def make(self, operator: Operator) -> None:
        """Make the application in an empty database."""

    def build(self, connection: Connection, run_id: str) -> None:
        """Make what is published by the validation's derivation, without dbt."""


class OfMigration:
    """The rehearsal's tables with rows of their own, and a dump."""

    pipeline = pipelines.MIGRATION
    damage = """
        delete from chat_messages where content = 'our own';
        alter table chats drop constraint chats_pkey cascade
    """
    unland = "delete from staging.message where is_unread = '1'"

    def __init__(self, source: Source) -> None:
        self._source = source

    def inputs(self, stage: str) -> tuple[str, ...]:
        """The dump and the bookings, for tasks that load."""
        return tuple(self._source.arguments) if stage in ("load", "migrate") else ()

    def make(self, operator: Operator) -> None:
        """Make the rehearsal's tables, fill them by a load and forget that."""
        operator.run("target.create")
        operator.run("load", *self._source.arguments)
        with watcher(operator) as connection:
            connection.execute(_OWN_ROWS)
            connection.execute("drop schema staging cascade")
            connection.execute("drop schema carryover cascade")

    def build(self, connection: Connection, run_id: str) -> None:
        """Make the three published marts."""
        world.build_marts(connection, run_id)


class OfConsolidation:
    """A legacy chat system in use, where Supabase's roles and schemas are."""

    pipeline = pipelines.CONSOLIDATION
    damage = """
        delete from chat_messages where content = 'our own';
        alter table chat_sessions drop constraint chat_sessions_pkey cascade
    """
    unland = "delete from staging.legacy_messages where is_read"

    def inputs(self, stage: str) -> tuple[str, ...]:
        """Nothing: what is carried is in the database."""
        del stage
        return ()

    def make(self, operator: Operator) -> None:
        """Make the legacy chat system."""
        with watcher(operator) as connection:
            standins.create(connection)
            legacy_system.make(connection)

    def build(self, connection: Connection, run_id: str) -> None:
        """Make the marts that publishing, the cutover and the artifacts read."""
        legacy_system.build_marts(connection, run_id)


class Databases:
    """Databases of one world at any stage.

    Stages: ``empty`` (the application, with rows of its own), ``landed``, ``built``,
    ``backed_up``, ``published`` and, of a consolidation, ``cut_over``.
    """

    def __init__(self, server: Server, of: World, folder: Path) -> None:
        self.world = of
        self.pipeline = of.pipeline
        self._server = server
        self._folder = folder
        self._made: list[str] = []
        self._copies: list[str] = []

    def task(self, stage: str) -> tuple[str, ...]:
        """What an operator writes to do a stage: the task and its flags."""
        if stage == "undo":
            return ("cutover", "--undo", "--execute")
        name, *_ = self.pipeline.commands.get(stage, stage).split()
        flags = [] if stage in ("load", "build") else ["--execute"]
        return (name, *self.world.inputs(stage), *flags)

    def hint(self, stage: str) -> str:
        """What an error says to run."""
        return f"./inv {self.task(stage)[0]}"

    def at(self, stage: str) -> Operator:
        """Make a database at this stage, and the operator who works on it."""
        operator = self._copy(self._template(stage), f"chaos_{next(_numbers)}")
        self._copies.append(operator.parameters["dbname"])
        with watcher(operator) as connection:
            _set_landing(connection, "unlogged")
        return operator

    def reference(self, stage: str) -> Operator:
        """The database that others at this stage are copies of; only to be read."""
        return self._operator(self._template(stage))

    def build_without_dbt(self, operator: Operator) -> None:
        """Make the marts of what is landed by other means than dbt, in a second."""
        with (
            pipelines.working_on(self.pipeline),
            psycopg.connect(make_conninfo(**operator.parameters)) as connection,
        ):
            run = ledger.current_run(connection)
            self.world.build(connection, run.run_id)
            marts = sql.Identifier(self.pipeline.marts())
            connection.execute(sql.SQL(_AUDITS).format(marts=marts))

    def drop(self) -> None:
        """Drop the copies."""
        for name in self._copies:
            statement = sql.SQL("drop database {} with (force)")
            self._execute(statement.format(sql.Identifier(name)))
        self._copies.clear()

    def _template(self, stage: str) -> str:
        name = f"{self.pipeline.name}_{stage}"
        if stage not in self._made:
            getattr(self, f"_make_{stage}")(name)
            self._made.append(stage)
        return name

    def _make_empty(self, name: str) -> None:
        self._execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        self.world.make(self._operator(name))

    def _make_landed(self, name: str) -> None:
        operator = self._copy(self._template("empty"), name)
        operator.run(*self.task("load"))
        # An immediate restart would empty unlogged tables here as well.
        with watcher(operator) as connection:
            _set_landing(connection, "logged")

    def _make_built(self, name: str) -> None:
        operator = self._copy(self._template("landed"), name)
        if FULL:
            operator.run(*self.task("build"))
        else:
            self.build_without_dbt(operator)

    def _make_backed_up(self, name: str) -> None:
        self._run(self._template("built"), name, "backup")

    def _make_published(self, name: str) -> None:
        self._run(self._template("backed_up"), name, "publish")

    def _make_cut_over(self, name: str) -> None:
        self._run(self._template("published"), name, "cutover")

    def _run(self, template: str, name: str, stage: str) -> None:
        self._copy(template, name).run(*self.task(stage))

    def _copy(self, template: str, name: str) -> Operator:
        # Copied by way of the WAL, a sequence may go back when the server crashes.
        statement = sql.SQL("create database {} template {} strategy file_copy")
        self._execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return self._operator(name)

    def _operator(self, name: str) -> Operator:
        parameters = {**self._server.start(), "dbname": name}
        return Operator(parameters, self._folder / name)

    def _execute(self, statement: sql.Composed) -> None:
        where = make_conninfo(**self._server.start())
        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute(statement)


def _set_landing(connection: Connection, how: str) -> None:
    """Make the landing tables logged, or unlogged as a load makes them."""
    for (name,) in connection.execute(
        "select relname from pg_class where relkind = 'r'"
        " and relnamespace = to_regnamespace('staging')"
    ).fetchall():
        table = sql.Identifier("staging", name)
        connection.execute(sql.SQL(f"alter table {{}} set {how}").format(table))
