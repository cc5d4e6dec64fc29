"""How a dump's tables differ from what the models need.

Owns the expected types; the tables and columns are those of ``settings``. Pure: no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness import settings
from harness.load.schema import Column, Table

_TEXT = frozenset(
    ["char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum"]
)
_ID = _TEXT | {"binary", "varbinary"}
_FLAG = frozenset(
    ["bit", "bool", "boolean", "tinyint", "smallint", "mediumint", "int", "bigint"]
)
_TIME = frozenset(["datetime", "timestamp"])


@dataclass(frozen=True)
class Difference:
    """One thing that is not as the models need it.

    ``column`` is ``None`` when the table is missing; ``stops_load`` says that the dump
    cannot be loaded for the models.
    """

    table: str
    column: str | None
    expected: str
    found: str
    stops_load: bool

    def __str__(self) -> str:
        place = self.table if self.column is None else f"{self.table}.{self.column}"
        return f"{place}: expected {self.expected}, found {self.found}"


def differences(tables: Mapping[str, Table]) -> list[Difference]:
    """Compare the tables of a dump with those that the models read."""
    found: list[Difference] = []
    for name, required in settings.REQUIRED_COLUMNS.items():
        table = tables.get(name)
        if table is None:
            found.append(Difference(name, None, "a table", "none", stops_load=True))
            continue
        columns = {column.name: column for column in table.columns}
        for column in required:
            difference = _difference(name, column, columns.get(column))
            if difference:
                found.append(difference)
    for name in settings.OPTIONAL_TABLES:
        if name not in tables:
            expected = "a table, for the names of people"
            found.append(Difference(name, None, expected, "none", stops_load=False))
    return found


def _difference(table: str, name: str, column: Column | None) -> Difference | None:
    expected, bases = _expected(name)
    if column is None:
        return Difference(table, name, expected, "no column", stops_load=True)
    if column.mysql_type is None:
        return Difference(table, name, expected, "no declared type", stops_load=False)
    base = column.mysql_type.partition("(")[0].partition(" ")[0]
    # A character type in the character set "binary" holds bytes.
    if base in bases and not (bases is _TEXT and column.family == "binary"):
        return None
    return Difference(table, name, expected, column.mysql_type, stops_load=False)


def _expected(name: str) -> tuple[str, frozenset[str]]:
    if name.endswith("_at"):
        return "a datetime or timestamp", _TIME
    if name.startswith("is_") and name != "is_from":
        return "a flag of 0 or 1", _FLAG
    if name == "id" or name.endswith("_id"):
        return "a UUID, as text or in 16 bytes", _ID
    return "a character type", _TEXT
