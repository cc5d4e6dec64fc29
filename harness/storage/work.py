"""What a task of storage works on: the newest plan's stores, and the database.

Opens and prepares them, takes the preparation back, and writes the mapping log when a
task ends.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from harness import ledger, pipelines, settings, stages
from harness.console import Console, json_text
from harness.database import Connection, committed
from harness.errors import Refused, UsageError
from harness.queries import query
from harness.stages import Session
from harness.storage import limits, mapping, planning, policies
from harness.storage.opening import DEFAULT_SOURCES, DEFAULT_TARGET, open_store
from harness.storage.referring import CONSOLIDATION, MIGRATION, Referring
from harness.storage.referring import referring as find_referring
from harness.storage.stores import Store, StoreUnusable


@dataclass(frozen=True)
class Work:
    """What a task works on."""

    session: Session
    referring: Referring
    run_id: str
    plan_id: int
    sources: Mapping[str, Store]
    target: Store

    @property
    def connection(self) -> Connection:
        """The one connection."""
        return self.session.connection

    @property
    def pipeline(self) -> str:
        """The pipeline's name."""
        return self.referring.pipeline


@contextmanager
def opened(
    task: str, pipeline: str | None, *, execute: bool, as_json: bool
) -> Iterator[Work]:
    """Open what the newest plan of the pipeline names, and a connection.

    ``execute`` is for tasks that write: nobody else runs one meanwhile. Raises
    ``Refused`` when nothing is planned, or a store is now elsewhere than planned.
    """
    referring = find_referring(pipeline)
    with session_of(task, referring, execute=execute, as_json=as_json) as session:
        yield _planned(session, referring)


@contextmanager
def session_of(
    task: str, referring: Referring, *, execute: bool, as_json: bool
) -> Iterator[Session]:
    """A connection for a task on a pipeline, closed at the end."""
    with pipelines.working_on(pipelines.PIPELINES[referring.pipeline]):
        session = stages.open_session(Console(quiet=as_json), task, exclusive=execute)
        with closing(session.connection) as connection:
            try:
                yield session
            finally:
                # A server notices the end of a connection late: the next task is told
                # that nobody is at work any more.
                with suppress(psycopg.Error):
                    connection.rollback()
                    connection.execute("select pg_advisory_unlock_all()")
                    connection.commit()


def _planned(session: Session, referring: Referring) -> Work:
    connection = session.connection
    row = None
    if ledger.is_current(connection):
        row = connection.execute(
            query("storage_newest_plan"), {"pipeline": referring.pipeline}
        ).fetchone()
    connection.rollback()
    if row is None:
        raise Refused(
            f"no files of the {referring.pipeline} are planned in this database. "
            "Nothing was changed. Run: ./inv storage.plan"
        )
    plan_id, run_id, sources, target, services = row
    opened = {url: open_store(url, "source") for url in sources}
    to = open_store(target, "target")
    for store in (*opened.values(), to):
        if planning.place_of(store) != services[store.url]:
            raise Refused(
                f"{store.url} was planned at {services[store.url]}, and is now at "
                f"{planning.place_of(store)}. Nothing was changed. Set "
                "CARRYOVER_STORAGE_ENDPOINT as for the plan, or plan again: "
                "./inv storage.plan"
            )
    return Work(session, referring, run_id, plan_id, opened, to)


def open_target(named: str | None) -> Store:
    """Open the target that is named, or that the environment says, or chat-files."""
    place = named or os.environ.get("CARRYOVER_STORAGE_TARGET") or DEFAULT_TARGET
    return open_store(place, "target")


def open_sources(
    named: Sequence[str], referring: Referring
) -> tuple[list[Store], list[str]]:
    """Open the sources; of the defaults, those that do not exist are passed over."""
    configured = os.environ.get("CARRYOVER_STORAGE_SOURCES", "")
    chosen = list(named) or [part for part in configured.split(",") if part.strip()]
    is_default = not chosen
    if is_default and referring.pipeline == MIGRATION:
        raise UsageError(
            "nobody says where the chat images are. Nothing was changed. Name them: "
            "./inv storage.plan --pipeline migration --source file:///folder"
        )
    opened = [
        open_store(place.strip(), "source") for place in chosen or DEFAULT_SOURCES
    ]
    there = [store for store in opened if store.exists()]
    missing = [store.url for store in opened if store not in there]
    if missing and (not is_default or not there):
        raise StoreUnusable(
            f"there is no {' and no '.join(missing)}. Nothing was changed. "
            "Check --source and CARRYOVER_STORAGE_ENDPOINT, and run again."
        )
    return there, missing


def prepare(work: Work) -> None:
    """Make the target, private and guarded, before the first file goes there."""
    connection, target = work.connection, work.target
    with work.session.console.step("preparing the target") as step:
        taken = limits.find(connection, target.bucket)
        if not target.exists():
            with committed(connection):
                connection.execute(
                    sql.SQL(
                        "update {} set made_target = true where plan_id = %s"
                    ).format(sql.Identifier(settings.ledger_schema(), "storage_plans")),
                    [work.plan_id],
                )
            target.make()
            step.detail = f"{target.url} made"
        if work.pipeline == CONSOLIDATION:
            with committed(connection):
                ledger.take_lock(connection)
                added = policies.apply_policies(
                    connection, work.run_id, target.bucket, taken
                )
            if added:
                step.detail += f"{', ' if step.detail else ''}{len(added)} changes of "
                step.detail += "storage's policies"
        step.detail = step.detail or f"{target.url} stands"


def undo_target(work: Work, *, execute: bool) -> list[str]:
    """Take back policies, and the bucket that we made when nothing is in it."""
    connection = work.connection
    with committed(connection):
        undone = policies.undo_policies(connection, execute=execute)
        row = connection.execute(
            query("storage_made_target"),
            {"pipeline": work.pipeline, "target": work.target.url},
        ).fetchone()
    if execute and row and row[0] and work.target.exists():
        if work.target.remove_if_empty():
            undone.append(work.target.url)
        else:
            work.session.console.warn(f"{work.target.url} is left: it is not empty")
    return undone


def finish(
    work: Work, result: dict[str, Any], *, as_json: bool, writes: bool = True
) -> None:
    """Write the mapping log anew, and print the result when it is asked for."""
    if writes:
        mapping.write(work.connection, work.run_id, work.pipeline)
    if as_json:
        print_json(work.session.console, result)


def print_json(console: Console, value: Any) -> None:
    """Print a result as JSON."""
    console.result(json_text(value))
