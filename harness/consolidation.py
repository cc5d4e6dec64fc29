"""The stages of the consolidation: each works, reports and enters the ledger.

``tasks.py`` calls these one at a time. A stage prints its own line and leaves results
to its return value. Nothing here writes a table of the application.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from harness import ledger, legacy, settings, stages
from harness.build import BuildResult
from harness.database import Connection
from harness.legacy import Landing
from harness.stages import Session

#: What dbt is to build for it; selectors.yml says what that is.
SELECTOR = ("--selector", "consolidation")


def land(session: Session) -> Landing:
    """Land the legacy tables of the target as a new run.

    Raises what ``legacy.land`` raises.
    """
    with session.console.step("landing the legacy tables") as step:
        landed = legacy.land(session.connection, target=str(session.target))
        messages, notes = (landed.tables[name] for name in ("messages", "voice_notes"))
        step.detail = f"{messages.rows:,} messages, {notes.rows:,} voice notes"
    return landed


def build(
    session: Session, arguments: Sequence[str] = (), *, with_unit_tests: bool = False
) -> BuildResult:
    """Build and test the consolidation's models; raises ``CheckFailed`` if one fails.

    ``arguments`` select others for dbt. Raises ``Refused`` when nothing is landed.
    """
    run = ledger.current_run(session.connection, ledger.CONSOLIDATION)
    session.connection.rollback()
    return stages.build_models(
        session,
        run,
        arguments or SELECTOR,
        with_unit_tests=with_unit_tests,
        command="./inv consolidate.build",
    )


def reconciliation(connection: Connection) -> list[tuple[str, int, int, int, int]]:
    """Of each legacy table that moves: rows read, kept, merged and skipped."""
    rows = connection.execute(
        sql.SQL(
            "select origin, rows_read, rows_kept, rows_merged, rows_skipped"
            " from {} order by origin"
        ).format(
            sql.Identifier(settings.consolidated_schema(), "legacy_reconciliation")
        )
    ).fetchall()
    connection.rollback()
    return rows
