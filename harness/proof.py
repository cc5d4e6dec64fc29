"""Proves that a rollback left the live schema as it was before the run.

``state`` is taken before a run's first write and again at the end of its rollback; the
two are compared hash for hash. Where the application has gone on working in between,
its own changes are counted against the backup's copy of the tables, so that what
differs is explained. Reads the live tables, the ledger and the backup; writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from psycopg import sql

from harness import backup, hashing, settings, structure, target
from harness.database import Connection
from harness.errors import HarnessError
from harness.queries import query


@dataclass(frozen=True)
class TableProof:
    """One live table after a rollback, against what it was before the run.

    ``added``, ``changed`` and ``deleted`` count rows against the backup that the run
    was published on; ``None`` when the content is the same or that backup is gone.
    """

    name: str
    is_same: bool
    rows_before: int
    rows_now: int
    added: int | None = None
    changed: int | None = None
    deleted: int | None = None


@dataclass(frozen=True)
class Proof:
    """Whether the live schema is what it was, and what differs by name."""

    tables: tuple[TableProof, ...] = ()
    differences: tuple[str, ...] = field(default=())
    is_structure_same: bool = True

    @property
    def holds(self) -> bool:
        """Whether structure and content are those from before the run."""
        return self.is_structure_same and all(table.is_same for table in self.tables)

    def as_dict(self) -> dict[str, Any]:
        """The proof as the ledger keeps it."""
        return {
            "holds": self.holds,
            "structure": self.is_structure_same,
            "differences": list(self.differences),
            "tables": {table.name: asdict(table) for table in self.tables},
        }

    def sentences(self) -> list[str]:
        """What a person reads of it."""
        if self.holds:
            rows = sum(table.rows_now for table in self.tables)
            return [
                "proved: structure, keys, policies, grants and the content of "
                f"{rows:,} rows are what they were before the run, hash for hash"
            ]
        said = [f"not as before the run: {each}" for each in self.differences]
        if not self.is_structure_same and not self.differences:
            said.append("the structure of the live tables is not that of before")
        said.extend(_sentence(table) for table in self.tables if not table.is_same)
        return said


def state(connection: Connection, columns: Mapping[str, list[str]]) -> dict[str, Any]:
    """What stands in the live tables: rows and hash of each, and of their structure.

    ``columns`` are those hashed, by table; ``hashing.fix_session`` must have been
    called.
    """
    objects = structure.read(connection, list(columns))
    return {
        "tables": {
            name: {
                **asdict(hashing.table_state(connection, _live(name), hashed)),
                "columns": hashed,
            }
            for name, hashed in columns.items()
        },
        "structure": structure.fingerprint(objects),
    }


def prove(connection: Connection, run_id: str) -> Proof | None:
    """Compare the live tables with those from before the run's first publish.

    ``None`` when the run has left no state to compare with, as runs of the ledger's
    first version.
    """
    row = connection.execute(query("state_before"), {"run_id": run_id}).fetchone()
    if row is None:
        return None
    before, backup_id = row
    standing = structure.read(connection, list(before["tables"]))
    is_same = structure.fingerprint(standing) == before["structure"]
    saved = _find(connection, backup_id)
    differences: tuple[str, ...] = ()
    if saved and not is_same:
        # A backup holds tables, too, that the run reads and never writes.
        others = set(saved.names) - set(before["tables"])
        kept = [
            each
            for each in backup.objects_of(connection, saved)
            if each.table not in others
        ]
        differences = tuple(structure.differences(kept, standing))
    tables = tuple(
        _table(connection, name, then, saved) for name, then in before["tables"].items()
    )
    return Proof(tables, differences, is_same)


def _table(
    connection: Connection,
    name: str,
    then: Mapping[str, Any],
    saved: backup.Backup | None,
) -> TableProof:
    live = {column.name for column in target.describe(connection, name)}
    if not set(then["columns"]) <= live:
        now = hashing.TableState(_count(connection, name), "")
    else:
        now = hashing.table_state(connection, _live(name), then["columns"])
    is_same = (now.rows, now.content_hash) == (then["rows"], then["content_hash"])
    if is_same or saved is None:
        return TableProof(name, is_same, then["rows"], now.rows)
    unlike = backup.rows_unlike(connection, saved, name)
    return TableProof(
        name,
        is_same,
        then["rows"],
        now.rows,
        added=unlike.added,
        changed=unlike.changed,
        deleted=unlike.missing,
    )


def _find(connection: Connection, backup_id: str | None) -> backup.Backup | None:
    """The backup that the run was published on, if its copies still stand."""
    try:
        return backup.find(connection, backup_id) if backup_id else None
    except HarnessError:
        return None


def _sentence(table: TableProof) -> str:
    if table.added is None:
        return (
            f"{table.name} has {table.rows_now:,} rows, and had {table.rows_before:,} "
            "before the run; without its backup nothing more can be said"
        )
    parts = [
        f"{count:,} {what}"
        for count, what in (
            (table.added, "added"),
            (table.changed, "changed"),
            (table.deleted, "deleted"),
        )
        if count
    ]
    found = ", ".join(parts) or "no row"
    return (
        f"{table.name}: since the backup before the run, the application and the rows "
        f"that are left account for {found}; all else is as it was"
    )


def _count(connection: Connection, name: str) -> int:
    row = connection.execute(
        sql.SQL("select count(*) from {}").format(_live(name))
    ).fetchone()
    return int(row[0]) if row else 0


def _live(name: str) -> sql.Identifier:
    return sql.Identifier(settings.live_schema(), name)
