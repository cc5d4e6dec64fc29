"""Which tables of a dump are landed, and what must be among them.

Owns the meaning of ``--tables`` and the check that the models, or the operator, get
what they asked for. Pure: no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness import settings
from harness.errors import UsageError
from harness.load.errors import DumpError
from harness.load.schema import Table

EVERY_TABLE = "*"


@dataclass(frozen=True)
class Selection:
    """The wanted tables' lower-case names, ``None`` for every table of the dump.

    ``is_for_models`` says that nobody named tables, so that those which the models read
    must be there, with their columns.
    """

    names: frozenset[str] | None
    is_for_models: bool = False


FOR_MODELS = Selection(
    frozenset([*settings.REQUIRED_COLUMNS, *settings.OPTIONAL_TABLES]),
    is_for_models=True,
)


def parse_tables(text: str | None) -> Selection:
    """Read ``--tables``: names between commas, ``*`` for all, ``None`` for the models'.

    Raises ``UsageError`` when it names no table, or tables beside the star.
    """
    if text is None:
        return FOR_MODELS
    names = frozenset(name.strip().lower() for name in text.split(",")) - {""}
    if names == {EVERY_TABLE}:
        return Selection(None)
    if not names or EVERY_TABLE in names:
        raise UsageError(
            f"--tables {text!r} names no tables. Nothing was loaded. "
            "Write --tables chat,message, or --tables '*' for every table."
        )
    return Selection(names)


def check_selection(
    selection: Selection,
    name: str,
    found: Sequence[str],
    views: Sequence[str],
    tables: Mapping[str, Table],
) -> None:
    """Raise ``DumpError`` unless what was selected is there.

    ``found`` and ``views`` are all that the dump creates, ``tables`` the landed ones.
    """
    if selection.is_for_models:
        required = settings.REQUIRED_COLUMNS
        advice = (
            "Dump the whole database of the chat system, or name the tables that you "
            "want: --tables"
        )
    else:
        required = dict.fromkeys(sorted(selection.names or ()), ())
        advice = "Name tables that are there: --tables"
    shown = ", ".join(found) or "none"
    for table, columns in required.items():
        if table not in tables:
            kind = "only a view" if table in views else "no table"
            raise DumpError(
                f"{name} has {kind} {table}; tables found: {shown}. Nothing was "
                f"loaded. {advice}"
            )
        missing = missing_columns(tables[table], columns)
        if missing:
            raise DumpError(
                f"the table {table} in {name} has no column {', '.join(missing)}; "
                f"tables found: {shown}. Nothing was loaded. "
                "Dump the database of the chat system in the version that is specified."
            )


def missing_columns(table: Table, required: Sequence[str]) -> list[str]:
    """The required columns that a table does not have."""
    has = {column.name for column in table.columns}
    return [column for column in required if column not in has]
