"""How chats find their booking: the strategies, and which one the marts are built with.

Reads ``marts.loaded_run`` and the project's variables; writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness import pipelines, settings
from harness.database import Connection
from harness.errors import UsageError
from harness.published import PublishedTable
from harness.queries import query
from harness.variables import default_linkage

STRICT, INFER, PARTICIPANTS = STRATEGIES = ("strict", "infer", "participants")


@dataclass(frozen=True)
class Linkage:
    """A strategy; with ``merges`` what 'infer' leaves over goes into another chat."""

    strategy: str = STRICT
    merges: bool = False

    def __str__(self) -> str:
        return f"{self.strategy} and merge" if self.merges else self.strategy

    @property
    def by_participants(self) -> bool:
        """Whether a chat is keyed by its customer and stylist, and has no booking."""
        return self.strategy == PARTICIPANTS

    @property
    def variables(self) -> dict[str, str | bool]:
        """The variables of dbt that choose it."""
        return {"linkage": self.strategy, "linkage_merge": self.merges}

    @property
    def options(self) -> str:
        """The options of a task that choose it."""
        return f"--linkage {self.strategy}" + (
            " --linkage-merge" if self.merges else ""
        )


def parse(strategy: str | None, *, merges: bool = False) -> Linkage:
    """Read a task's options; what they leave out is as ``dbt_project.yml`` has it.

    Raises ``UsageError`` for an unknown strategy, or when merging goes with none.
    """
    default, default_merges = default_linkage()
    chosen = Linkage(
        strategy or default,
        merges or (default_merges and strategy in (None, default)),
    )
    if chosen.strategy not in STRATEGIES:
        raise UsageError(
            f"there is no linkage {chosen.strategy}; there are {', '.join(STRATEGIES)}."
            " Nothing was changed."
        )
    if chosen.merges and chosen.strategy != INFER:
        raise UsageError(
            f"--linkage-merge goes with --linkage infer, not {chosen.strategy}. "
            "Nothing was changed."
        )
    return chosen


def built(connection: Connection) -> Linkage:
    """The linkage that the marts are built with.

    It is the project's own before a build, and for a role that may not look.
    """
    readable = connection.execute(
        "select count(*) from pg_class where relname = 'loaded_run'"
        " and relnamespace = to_regnamespace(quote_ident(%s))"
        " and has_schema_privilege(relnamespace, 'usage')"
        " and has_table_privilege(oid, 'select')",
        [settings.marts_schema()],
    ).fetchone()
    row = (
        connection.execute(query("built_linkage")).fetchone()
        if readable == (1,)
        else None
    )
    return Linkage(*(row or default_linkage()))


def tables(connection: Connection) -> tuple[PublishedTable, ...]:
    """The tables of the pipeline at work, keyed as the marts' linkage keys them."""
    at_work = pipelines.current()
    if at_work is pipelines.MIGRATION and built(connection).by_participants:
        return pipelines.by_participants(at_work.tables)
    return at_work.tables
