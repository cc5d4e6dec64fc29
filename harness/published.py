"""The words in which a pipeline says what it publishes: tables, columns, indexes.

Only declarations; ``pipelines.py`` makes them. Nothing here touches a database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class PublishedTable:
    """A mart and the live table that it is published into.

    ``name`` is the mart's, and what the ledger calls its rows; ``live`` is the live
    table's where that is another. ``columns`` maps each column to its type in the mart;
    those in ``optional`` are published where the live table has them. ``references``
    maps a column to the live table whose ``id`` it names, ``further_references`` those
    that the live table has and the mart has not; ``key_names`` and ``on_delete`` map
    such a column to the name of its foreign key and to what that does when the parent
    goes, as PostgreSQL writes it. ``unique`` lists columns that no two rows may share,
    ``unique_together`` columns whose combination none may share.

    A mart that ``extends`` holds no rows of its own: it brings existing live rows
    forward to a newer time in its only other column, and touches nothing else of them.
    """

    name: str
    columns: Mapping[str, str]
    optional: frozenset[str] = frozenset()
    references: Mapping[str, str] = field(default_factory=dict)
    further_references: Mapping[str, str] = field(default_factory=dict)
    key_names: Mapping[str, str] = field(default_factory=dict)
    on_delete: Mapping[str, str] = field(default_factory=dict)
    unique: tuple[str, ...] = ()
    unique_together: tuple[str, ...] = ()
    live: str = ""
    extends: bool = False

    @property
    def live_name(self) -> str:
        """What the live table is called."""
        return self.live or self.name

    @property
    def all_references(self) -> dict[str, str]:
        """The references of the mart's columns and of the live table's others."""
        return {**self.references, **self.further_references}

    @property
    def extended_column(self) -> str:
        """The column of an extending mart beside the id."""
        return next(column for column in self.columns if column != "id")


@dataclass(frozen=True)
class Index:
    """An index that a specification asks for.

    ``predicate`` is SQL, for a partial one; ``method`` is the access method.
    """

    name: str
    table: str
    columns: tuple[str, ...]
    predicate: str | None = None
    method: str = "btree"


@dataclass(frozen=True)
class AllowedValues:
    """A check constraint: the values that a text column of a live table may have.

    Values that live rows have besides are allowed as well: rows are never lost to it.
    """

    name: str
    table: str
    column: str
    values: tuple[str, ...]


#: The types of a live column that take a mart's type without losing anything. A text
#: column may also be an enumeration or a varchar, whose length is checked row by row;
#: so is the range of a narrower integer.
FITTING_TYPES: dict[str, frozenset[str]] = {
    "uuid": frozenset({"uuid"}),
    "uuid[]": frozenset({"uuid[]"}),
    "boolean": frozenset({"boolean"}),
    "integer": frozenset({"integer", "bigint", "numeric"}),
    "bigint": frozenset({"integer", "bigint", "numeric"}),
    "jsonb": frozenset({"jsonb"}),
    "timestamptz": frozenset(
        {"timestamp with time zone", "timestamp without time zone"}
    ),
    "text": frozenset({"text", "character varying"}),
}
