"""Compares the linkages on a dump before anything is decided: ``./inv linkage``.

With a dump it lands it in schemas of its own, builds there what the comparison needs,
reads it and drops them again: what is landed, the marts, the ledger and the live tables
stay as they are. Without one it reads the marts that stand.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from harness import build as dbt
from harness import database, linkage, settings
from harness.artifacts.linkage import (
    CONFIDENCES,
    Comparison,
    advice,
    read_comparison,
)
from harness.console import Console
from harness.errors import Refused
from harness.landed import require_landed
from harness.load import landing
from harness.load.source import Progress
from harness.stages import Inputs, LoadFailed, Session

#: What is built for it: these models and what they read, tests left out.
_MODELS = ("+linkage_strategies", "+linkage_reasons", "+inferred_links")


def of_marts(session: Session) -> Comparison:
    """Read the comparison of what is built; raises ``Refused`` when nothing is."""
    found = read_comparison(session.connection)
    session.connection.rollback()
    if found is None:
        raise Refused(
            f"the schema {settings.marts_schema()} has no comparison of linkages. "
            "Nothing was changed. Run ./inv build first, or name a dump: "
            "./inv linkage --dump FILE"
        )
    return found


def of_dump(session: Session, inputs: Inputs) -> Comparison:
    """Compare the linkages on files that are not landed, and leave nothing behind.

    Raises what ``landing.load`` raises, ``LoadFailed`` when the database refuses and
    ``BuildFailed`` or ``CheckFailed`` when the models cannot be built.
    """
    live = settings.live_schema()
    with _scratch(session.connection):
        with session.console.step("loading into scratch schemas") as step:
            _land(session, inputs, live, step.progress)
        with session.console.step("building what is compared") as step:
            variables = {
                **linkage.parse(None).variables,
                "schema_prefix": settings.schema_prefix(),
            }
            chosen = ["--select", *_MODELS, "--exclude-resource-type", "test"]
            result = dbt.build(
                session.target,
                [*chosen, "--vars", json.dumps(variables)],
                step.progress,
            )
            step.detail = f"{result.models} models"
        dbt.require_built(result)
        return of_marts(session)


def _land(session: Session, inputs: Inputs, live: str, on_progress: Progress) -> None:
    connection = session.connection
    try:
        with database.committed(connection):
            landing.load(
                connection,
                run_id="comparison",
                dumps=inputs.dumps,
                bookings=inputs.bookings,
                users=inputs.users,
                live_schema=live,
                on_progress=on_progress,
            )
    except psycopg.Error as error:
        raise LoadFailed(
            f"loading failed in the database: {database.said_by(error)}. The scratch "
            "schemas are dropped, nothing was changed. Mend the cause and run the "
            "command again."
        ) from error
    require_landed(connection)
    connection.rollback()


@contextmanager
def _scratch(connection: database.Connection) -> Iterator[None]:
    """Let all schemas of ours have other names for a while, and drop those."""
    name = "CARRYOVER_SCHEMA_PREFIX"
    before = os.environ.get(name)
    os.environ[name] = f"linkage_{secrets.token_hex(4)}_"
    schemas = [
        settings.staging_schema(),
        f"{settings.staging_schema()}_loading",
        settings.transform_schema(),
        settings.marts_schema(),
    ]
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
        connection.rollback()
        with database.committed(connection):
            connection.execute("set local client_min_messages = warning")
            for schema in schemas:
                connection.execute(
                    sql.SQL("drop schema if exists {} cascade").format(
                        sql.Identifier(schema)
                    )
                )


def print_comparison(console: Console, found: Comparison) -> None:
    """Print all strategies side by side, and one sentence of advice."""
    console.table(
        (
            "linkage",
            "chats kept",
            "merged",
            "left behind",
            "messages carried",
            "messages left",
        ),
        [
            (
                each.strategy + (" (chosen)" if each.is_chosen else ""),
                each.chats_kept,
                each.chats_merged,
                each.chats_skipped,
                each.messages_carried,
                each.messages_skipped,
            )
            for each in found.outcomes
        ],
    )
    console.result("")
    console.table(
        ("linkage", "table", "left behind because", "rows"),
        [
            (left.strategy, left.table, left.reason, left.rows)
            for each in found.outcomes
            for left in found.reasons_of(each.strategy)
        ],
    )
    console.result("")
    console.table(
        ("inferred links", *CONFIDENCES),
        [
            (method, *(counts[level] for level in CONFIDENCES))
            for method, counts in found.confidence.items()
        ],
    )
    for each in found.outcomes:
        console.result("")
        for example in found.examples_of(each.strategy):
            console.result(f"{each.strategy}: {example.said}")
    console.result(f"\n{advice(found)}")
