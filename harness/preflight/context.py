"""What the checks share: the connection, and facts that several of them need.

Reads the database and writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from psycopg import sql

from harness import ledger, pipelines, publish, settings, target
from harness.constraints import Change
from harness.cutover import state
from harness.database import Connection, Target
from harness.preflight.report import Check
from harness.queries import query

if TYPE_CHECKING:
    from typing_extensions import LiteralString  # of Python 3.11

#: A line names this many things; the count is always whole.
NAMED = 5

_PREFIXES = (("GB", 1024**3), ("MB", 1024**2), ("kB", 1024))


@dataclass(frozen=True)
class LiveTable:
    """A live table as the catalog has it; ``kind`` is ``pg_class.relkind``.

    ``is_owned`` tells that the connected role is the owner or a member of it;
    ``hides_rows`` that row level security applies to the role.
    """

    name: str
    kind: str
    owner: str
    is_owned: bool
    hides_rows: bool
    is_forced: bool
    can_be_updated: bool
    triggers: tuple[str, ...]
    rules: tuple[str, ...]
    publications: tuple[str, ...]


@dataclass
class Context:
    """One preflight: where it looks, and what it has found out so far."""

    connection: Connection
    target: Target
    needs_backup: bool
    #: Rows that publishing would insert or update; None until that is known.
    writes: int | None = None

    @cached_property
    def tables(self) -> dict[str, LiveTable]:
        """The live tables that stand, by name."""
        names = pipelines.current().live_tables
        rows = self.rows("preflight_tables", names=sql.Literal(list(names)))
        found = {row[0]: LiveTable(*row) for row in rows}
        return {name: found[name] for name in names if name in found}

    @cached_property
    def written(self) -> list[LiveTable]:
        """Those of them that publishing writes."""
        names = pipelines.current().written
        return [table for name, table in self.tables.items() if name in names]

    @cached_property
    def legacy(self) -> dict[str, LiveTable]:
        """The tables that are landed from their own schema, and backed up, by name."""
        at_work = pipelines.current()
        names = [name for name in at_work.backed_up if name not in at_work.written]
        if not names:
            return {}
        rows = self.rows(
            "preflight_tables",
            live_name=sql.Literal(self.legacy_schema),
            names=sql.Literal(names),
        )
        return {row[0]: LiveTable(*row) for row in rows}

    @cached_property
    def legacy_schema(self) -> str:
        """Where these are: views may have taken their place."""
        return state.legacy_schema(self.connection)

    @cached_property
    def coming(self) -> list[str]:
        """The live tables that are made before the publish, which are not there yet."""
        return target.missing_chat_tables(self.connection)

    @cached_property
    def stand(self) -> bool:
        """Whether all live tables stand, as tables."""
        return len(self.tables) == len(pipelines.current().live_tables) and all(
            table.kind in ("r", "p") for table in self.tables.values()
        )

    @cached_property
    def changes(self) -> Sequence[Change]:
        """The keys, indexes, policies and the like that publishing would add."""
        return publish.missing_changes(self.connection)

    @cached_property
    def ours(self) -> set[tuple[str, str, str]]:
        """Triggers and memberships that an earlier publish made: table, kind, name."""
        at_work = pipelines.current()
        if at_work is pipelines.MIGRATION or not ledger.is_current(self.connection):
            return set()
        rows = self.connection.execute(
            sql.SQL(
                "select table_name, kind, name from {} where rolled_back_at is null"
                " and kind in ('trigger', 'publication')"
            ).format(sql.Identifier(settings.ledger_schema(), "schema_changes"))
        ).fetchall()
        return {(row[0], row[1], row[2]) for row in rows}

    @cached_property
    def run(self) -> ledger.Run | None:
        """The landed run, if there is one."""
        return ledger.find_current_run(self.connection)

    @cached_property
    def is_built(self) -> bool:
        """Whether the marts are those of the landed run."""
        marts = pipelines.current().marts()
        if self.run is None or not self.exists(marts, "loaded_run"):
            return False
        row = self.connection.execute(query("built_run")).fetchone()
        return bool(row and row[0] == self.run.run_id)

    def rows(self, name: str, **parts: sql.Composable) -> list[tuple[Any, ...]]:
        """Run one of ``harness/sql`` and return its rows."""
        return self.connection.execute(query(name, **parts)).fetchall()

    def row(
        self, text: LiteralString | sql.Composed, parameters: Sequence[object] = ()
    ) -> tuple[Any, ...]:
        """Run a query of exactly one row."""
        found = self.connection.execute(text, parameters or None).fetchone()
        return tuple(found) if found else ()

    def exists(self, schema: str, relation: str) -> bool:
        """Whether a relation stands, without needing any right on its schema."""
        return bool(
            self.row(
                "select exists (select from pg_class as rel inner join pg_namespace"
                " as nsp on rel.relnamespace = nsp.oid"
                " where nsp.nspname = %s and rel.relname = %s)",
                [schema, relation],
            )[0]
        )


def live(name: str, schema: str | None = None) -> str:
    """Write a live table's name as SQL takes it, or that of a table elsewhere."""
    return sql.Identifier(schema or settings.live_schema(), name).as_string()


def mart(name: str) -> str:
    """Write a mart's name as SQL takes it."""
    return sql.Identifier(pipelines.current().marts(), name).as_string()


def rejected_rows() -> str:
    """Write the name of the table of rejected rows."""
    return sql.Identifier(settings.staging_schema(), "rejected_rows").as_string()


def command(task: str) -> str:
    """What an operator runs for a task of the pipeline at work."""
    return pipelines.current().command(task)


def rehearsal() -> str:
    """What rehearses the whole pipeline at work."""
    dump = " --dump FILE" if pipelines.current() is pipelines.MIGRATION else ""
    return f"{command('migrate')}{dump} --execute"


def makes_relation(change: Change) -> bool:
    """Whether a change makes something that shares its schema's names with tables."""
    return change.kind in ("index", "table") or " unique " in f" {change.ddl} "


def quoted(name: str) -> str:
    """Write any other name as SQL takes it."""
    return sql.Identifier(name).as_string()


def listed(names: Sequence[str], separator: str = ", ") -> str:
    """Name the first of several things, and count the others."""
    more = len(names) - NAMED
    shown = separator.join(names[:NAMED])
    return f"{shown}{separator}and {more:,} more" if more > 0 else shown


def size(count: float) -> str:
    """Write a number of bytes as a person reads it."""
    for unit, factor in _PREFIXES:
        if count >= factor:
            return f"{count / factor:,.1f} {unit}"
    return f"{count:,.0f} bytes"


def not_looked_at(name: str, why: str = "the live tables do not all stand") -> Check:
    """The line of a check that has nothing to look at yet."""
    return Check(name, "warn", f"not looked at: {why}")
