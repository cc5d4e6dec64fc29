"""Which names of the dump a landing table can have.

Owns the names that are taken and the length of a name. Pure: no I/O.
"""

from __future__ import annotations

from collections import Counter

from harness import settings
from harness.load.errors import DumpError
from harness.load.schema import Table

#: The tables that every load writes besides the dump's own.
OWN_TABLES = (
    "rejected_rows",
    "coerced_values",
    "loaded_tables",
    "loaded_columns",
    "loaded_checksums",
    "loads",
    "bookings_created",
    "user_id_mapping",
)
#: The landing tables of the other pipeline, which stand in the same schema.
LEGACY_LANDING_TABLES = tuple(
    settings.legacy_landing(name)
    for name in (*settings.LEGACY_TABLES, "tables", "loads")
)
#: The column that numbers the rows, and those that PostgreSQL keeps for itself.
_RESERVED_COLUMNS = frozenset(
    {"_row", "ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"}
)
#: PostgreSQL would cut a longer name short, in bytes of UTF-8.
_LONGEST_NAME = 63
_ADVICE = (
    "Nothing was loaded. Rename it in MySQL and dump it again, or leave the table out: "
    "--tables"
)


def check_names(table: Table) -> None:
    """Raise ``DumpError`` when the table or a column cannot be landed by its name."""
    if table.name in OWN_TABLES:
        raise DumpError(
            f"the dump's table {table.name} has the name of a table that every load "
            f"writes. {_ADVICE}"
        )
    if table.name in LEGACY_LANDING_TABLES:
        raise DumpError(
            f"the dump's table {table.name} has the name of a table that consolidating "
            f"a legacy chat system lands. {_ADVICE}"
        )
    _check_length(table.name, f"the name of the table {table.name}")
    columns = [column.name for column in table.columns]
    for name in columns:
        what = f"the name of the column {name} in the table {table.name}"
        _check_length(name, what)
        if name in _RESERVED_COLUMNS:
            raise DumpError(f"{what} is taken in every landing table. {_ADVICE}")
    twice = [name for name, count in Counter(columns).items() if count > 1]
    if twice:
        raise DumpError(
            f"the table {table.name} has columns whose names differ only in case, in "
            f"PostgreSQL one name: {', '.join(twice)}. {_ADVICE}"
        )


def _check_length(name: str, what: str) -> None:
    length = len(name.encode())
    if length > _LONGEST_NAME:
        raise DumpError(
            f"{what} is {length} bytes long, PostgreSQL allows {_LONGEST_NAME}. "
            f"{_ADVICE}"
        )
