"""What a validation finds, and how its faults are said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import sql

from harness import pipelines
from harness.database import Connection
from harness.errors import CheckFailed, HarnessError
from harness.published import PublishedTable

#: How many ids a list of the results names at most; the counts are always whole.
LISTED = 10_000

#: ``altered`` is a row that stood before we came and is not as it was.
FAULTS = ("missing", "different", "extra", "orphaned", "altered")

#: The last three are no faults: rows that the application wrote since, rows that it
#: changed or deleted since, and those that publish found so and left.
FINDINGS = (*FAULTS, "newer", "changed", "left")


class ValidationFailed(HarnessError):
    """The database could not compare; nothing was changed."""


@dataclass(frozen=True)
class Validation:
    """The outcome: ``findings`` by table and kind; ``result`` is the artifact.

    ``failed`` counts the rows that could not be published, which are not expected to be
    live; ``notes`` say what has changed about the live tables since and is no fault.
    """

    run_id: str
    is_valid: bool
    findings: dict[str, dict[str, int]]
    errors: tuple[str, ...]
    notes: tuple[str, ...]
    failed: int
    result: dict[str, Any]


@dataclass(frozen=True)
class PublishRecord:
    """What the newest publish entered in the ledger.

    ``columns`` are those that it wrote, by mart; ``objects`` what the live tables were
    when it ended, as ``structure.as_rows`` has it: empty for earlier versions.
    """

    published_at: datetime | None = None
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    objects: Sequence[Sequence[str]] = ()


@dataclass(frozen=True)
class Scope:
    """What is compared: the landed run, and what may have happened since it published.

    ``record`` is the newest publish that is not rolled back. With ``in_use`` what
    happened since is the application's own doing.
    """

    run_id: str
    record: PublishRecord
    in_use: bool

    @property
    def published_at(self) -> datetime | None:
        """When rows were last published; None when none are."""
        return self.record.published_at


#: What a live table is read from.
Relation = Callable[[str], sql.Composable]


@dataclass(frozen=True)
class Rules:
    """What the two pipelines validate in different ways.

    - ``derive`` works out what must be live, in temporary tables.
    - ``is_within`` composes whether a live row stands where the pipeline publishes,
      ``is_landed`` whether it is one of the source that must not be live.
    - ``examine`` looks at what only this pipeline promises: it adds findings and
      returns further faults in words, and entries of the artifact. It reads the live
      tables by ``relation``, which knows of lost columns.
    - ``result`` assembles the artifact around findings and faults.
    """

    derive: Callable[[Connection], None]
    is_within: Callable[[PublishedTable], sql.Composable]
    is_landed: Callable[[PublishedTable], sql.Composable]
    examine: Callable[[Connection, Scope, Relation], tuple[list[str], dict[str, Any]]]
    result: Callable[[Connection, dict[str, Any], Relation], dict[str, Any]]


def require_valid(validation: Validation) -> None:
    """Raise ``CheckFailed`` with the first faults when the result is not valid."""
    if validation.is_valid:
        return
    results = {"migration": "chat", "consolidation": "consolidation"}
    name = f"{results[pipelines.current().name]}-validation-results.json"
    raise CheckFailed(
        f"{faults(validation)}. They were only read. See {name}, and roll the publish "
        f"back with: {pipelines.current().command('rollback')} --execute"
    )


def faults(validation: Validation) -> str:
    """Name the first faults of a result that is not valid."""
    shown = "; ".join(validation.errors[:4])
    more = len(validation.errors) - 4
    return f"the live tables are not as the source has it: {shown}" + (
        f"; and {more} more" if more > 0 else ""
    )
