"""What a run decided of the live rows, and what makes it safe: the records of it.

Owns the frozen records of the preflight, the backup, the publish's decisions, the
rollback and the restores, and reads the ledger's details into them. A detail may be of
an older run and lack any key. Pure: reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from harness import pipelines
from harness.candidates import ACTIONS

#: Rows of earlier runs that are not as the source has them, and are left.
LEFT = ("changed live", "conflict", "removed", "gone")
#: The ledger's first version said "published" for what is "identical" now.
_FORMER_NAMES = {"published": "identical"}


@dataclass(frozen=True)
class Delta:
    """What the newest publish did with the rows of one live table, by action."""

    table: str
    counts: Mapping[str, int]

    @property
    def left(self) -> int:
        """Rows that the run found otherwise than the source has them, and left."""
        return sum(self.counts[action] for action in LEFT)


@dataclass(frozen=True)
class Preflight:
    """The newest preflight: how many checks, and what those that did not pass said."""

    passed: bool
    checks: int
    warnings: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Backup:
    """The backup that a publish rests on; sizes in bytes, the archive's where it is."""

    backup_id: str
    taken_at: datetime
    operator: str
    status: str
    seconds: float
    rows: int
    size: int
    archive: str | None = None
    archive_size: int | None = None

    @property
    def is_verified(self) -> bool:
        """Whether counts, hashes and a trial restore have shown that it holds."""
        return self.status == "verified"


@dataclass(frozen=True)
class Rollback:
    """The newest rollback: rows by table and action, what was dropped, and the proof.

    ``after`` names the check whose failure it followed. ``is_proved`` is None where
    there was nothing to compare with; ``differences`` say what differs from before.
    """

    tables: Mapping[str, Mapping[str, int]]
    dropped: tuple[str, ...] = ()
    after: str | None = None
    is_forced: bool = False
    is_proved: bool | None = None
    differences: tuple[str, ...] = ()

    def rows(self, *actions: str) -> int:
        """Count the rows of all tables with one of these actions."""
        return sum(
            counts.get(action, 0)
            for counts in self.tables.values()
            for action in actions
        )


@dataclass(frozen=True)
class Restore:
    """A backup that was brought back after the run had begun."""

    backup_id: str
    restored_at: datetime
    operator: str
    seconds: float


@dataclass(frozen=True)
class Safety:
    """Everything of this kind that is known of a run."""

    preflight: Preflight | None = None
    backup: Backup | None = None
    deltas: tuple[Delta, ...] = ()
    changes: tuple[str, ...] = ()
    rollback: Rollback | None = None
    restores: tuple[Restore, ...] = field(default=())

    def delta(self, action: str) -> int | None:
        """Count the rows of all live tables with an action; None before a publish."""
        if not self.deltas:
            return None
        return sum(delta.counts[action] for delta in self.deltas)

    @property
    def left(self) -> int:
        """Rows of earlier runs that the publish left otherwise than the source."""
        return sum(delta.left for delta in self.deltas)


def deltas(detail: Mapping[str, Any]) -> tuple[Delta, ...]:
    """Read what a publish decided out of its step's detail."""
    found = dict(_mapping(detail, "tables"))
    # The ledger keeps them in no order; parents come first.
    tables = [table.name for table in pipelines.current().tables]
    known = [table for table in tables if table in found]
    others = [table for table in found if table not in tables]
    return tuple(Delta(table, _counts(found[table])) for table in (*known, *others))


def _counts(found: Mapping[str, Any]) -> dict[str, int]:
    counts = dict.fromkeys(ACTIONS, 0)
    for name, count in found.items():
        action = _FORMER_NAMES.get(name, name)
        if action in counts:
            counts[action] += int(count or 0)
    return counts


def preflight(status: str, detail: Mapping[str, Any]) -> Preflight:
    """Read a preflight out of its step's status and detail."""
    checks = [check for check in detail.get("checks") or () if isinstance(check, dict)]
    return Preflight(
        passed=status == "done",
        checks=len(checks),
        warnings=_said(checks, "warn"),
        failures=_said(checks, "fail"),
    )


def _said(checks: list[dict[str, Any]], status: str) -> tuple[str, ...]:
    return tuple(
        f"{check.get('name', 'a check')}: {check.get('said', status)}"
        for check in checks
        if check.get("status") == status
    )


def rollback(detail: Mapping[str, Any], after: str | None) -> Rollback:
    """Read a rollback out of its step's detail."""
    proof = detail.get("proof") or {}
    return Rollback(
        tables=dict(_mapping(detail, "tables")),
        dropped=tuple(detail.get("dropped") or ()),
        after=after,
        is_forced=bool(detail.get("force")),
        is_proved=proof.get("holds"),
        differences=(
            *map(str, proof.get("differences") or ()),
            *(
                _difference(name, table)
                for name, table in _mapping(proof, "tables")
                if not table.get("is_same", True)
            ),
        ),
    )


def _difference(name: str, table: Mapping[str, Any]) -> str:
    """Say how a live table differs from what it was before the run."""
    kinds = ("added", "changed", "deleted")
    known = [f"{table[kind]:,} {kind}" for kind in kinds if table.get(kind)]
    if known:
        return f"rows of {name} that are not the run's: {', '.join(known)}"
    before, now = table.get("rows_before"), table.get("rows_now")
    if before is None or now is None:
        return f"{name} is not what it was before the run"
    return f"{name} had {before:,} rows before the run and has {now:,} now"


def _mapping(
    detail: Mapping[str, Any], key: str
) -> list[tuple[str, Mapping[str, Any]]]:
    found = detail.get(key) or {}
    return [(name, value) for name, value in found.items() if isinstance(value, dict)]
