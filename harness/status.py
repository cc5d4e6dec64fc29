"""What stands in this database: the landed run, how far it has come, what comes next.

Reads the ledger, the landing tables and the marts, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import psycopg

from harness import ledger, pipelines
from harness.artifacts import read_summary
from harness.artifacts.judgement import Verdict, verdict
from harness.artifacts.verdict import notes
from harness.console import format_table
from harness.database import Connection, said_by
from harness.ledger import Run
from harness.load import LoadResult
from harness.queries import query

#: By the status of the landed run: the task that usually comes next, and its options.
_NEXT = {
    "loaded": ("build", ""),
    "built": ("publish", ""),
    "published": ("validate", ""),
    "validated": ("rollback", " (to take it back)"),
    "invalid": ("rollback", " --execute"),
    "rolled_back": ("publish", ""),
}


@dataclass(frozen=True)
class Status:
    """The landed run, its steps in their order, and the newest runs.

    ``standing`` counts the rows by live table that runs of ours have published and not
    rolled back, ``judged`` is the landed run's verdict and ``notes`` say what else is
    to be known; none while the ledger waits to be brought to this version.
    """

    landed: Run | None
    steps: Sequence[tuple[str, str, float, int | None]]
    runs: Sequence[Run]
    standing: dict[str, int]
    judged: Verdict | None = None
    notes: Sequence[str] = ()

    @property
    def next_command(self) -> str:
        """The command that usually comes next."""
        command = pipelines.current().command
        if self.landed is None:
            return command("load")
        task, options = _NEXT.get(self.landed.status, ("status", ""))
        return command(task) + options

    def as_dict(self) -> dict[str, Any]:
        """The status as JSON has it."""
        return {
            "landed_run": _run_as_dict(self.landed) if self.landed else None,
            "steps": [
                {"step": step, "status": status, "seconds": seconds, "rows": rows}
                for step, status, seconds, rows in self.steps
            ],
            "verdict": asdict(self.judged) if self.judged else None,
            "notes": list(self.notes),
            "published_rows": self.standing,
            "runs": [_run_as_dict(run) for run in self.runs],
            "next": self.next_command,
        }

    def as_text(self) -> str:
        """The status as a person reads it."""
        if self.landed is None:
            parts = ["nothing is loaded"]
        else:
            parts = [
                f"landed run {self.landed.run_id}: {self.landed.status}",
                format_table(("step", "status", "seconds", "rows"), self.steps),
            ]
        judged = [f"verdict: {self.judged}"] if self.judged else []
        if judged or self.notes:
            parts.append("\n".join((*judged, *self.notes)))
        if self.standing:
            counts = ", ".join(f"{n:,} {table}" for table, n in self.standing.items())
            parts.append(f"published and standing: {counts}")
        if self.runs:
            rows = [
                (
                    run.run_id,
                    f"{run.started_at:%Y-%m-%d %H:%M}",
                    run.pipeline,
                    run.operator,
                    run.status,
                )
                for run in self.runs
            ]
            parts.append(
                format_table(
                    ("run", "started (UTC)", "pipeline", "operator", "status"), rows
                )
            )
        return "\n\n".join([*parts, f"next: {self.next_command}"])


def read_status(connection: Connection) -> Status:
    """Read the status of this database."""
    landed = ledger.find_current_run(connection)
    steps: list[tuple[str, str, float, int | None]] = []
    standing: dict[str, int] = {}
    if ledger.exists(connection) and landed is not None:
        found = connection.execute(
            query("run_steps"), {"run_id": landed.run_id}
        ).fetchall()
        steps = [(name, state, float(s), rows) for name, state, s, rows in found]
    judged: Verdict | None = None
    known: Sequence[str] = ()
    if ledger.is_current(connection):
        standing = dict(connection.execute(query("standing_rows")).fetchall())
        if landed is not None:
            judged, known = _judge(connection, landed.run_id)
    runs = ledger.recent_runs(connection)
    connection.rollback()
    return Status(landed, steps, runs, standing, judged, known)


def _judge(connection: Connection, run_id: str) -> tuple[Verdict | None, Sequence[str]]:
    """Judge a run; without a verdict where the marts or live tables cannot be read.

    They may be of another version, be in the making, or be closed to this role.
    """
    try:
        with connection.transaction():
            summary = read_summary(connection, run_id)
    except psycopg.ProgrammingError as error:
        return None, [f"The verdict is not known: {said_by(error)}."]
    return verdict(summary), notes(summary)


def load_report(result: LoadResult) -> dict[str, Any]:
    """What ``load --json`` prints.

    A table's bytes are those of its rows as landed; those of the run are the dumps'
    own, compressed where they are.
    """
    return {
        "run_id": result.run_id,
        "tables": [
            {
                "table": table.name,
                "statements": table.statements,
                "rows": table.rows_loaded,
                "rejected": table.rows_rejected,
                "coerced": table.values_coerced,
                "bytes": table.bytes,
                "seconds": round(table.seconds, 3),
            }
            for table in result.tables
        ],
        "inputs": [
            {
                "kind": item.kind,
                "name": item.name,
                "bytes": item.bytes,
                "sha256": item.sha256,
                "rows": item.rows,
            }
            for item in result.inputs
        ],
        "producer": result.producer,
        "time_zone": result.time_zone,
        "rejected_reasons": dict(result.rejected_reasons),
        "warnings": list(result.warnings),
        "dump_verified": str(result.verified),
        "rows_verified": result.verified.rows,
        "verify_seconds": round(result.verified.seconds, 3),
        "rows": sum(table.rows_loaded for table in result.tables),
        "rejected": sum(table.rows_rejected for table in result.tables),
        "coerced": sum(table.values_coerced for table in result.tables),
        "bytes": sum(item.bytes for item in result.inputs if item.kind == "dump"),
        "seconds": round(result.seconds, 3),
    }


def _run_as_dict(run: Run) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "pipeline": run.pipeline,
        "status": run.status,
        "started_at": run.started_at.isoformat(),
        "operator": run.operator,
        "target": run.target,
    }
