"""The files of a mydumper export, which dumpling writes alike.

Owns their names and their order, and what ``metadata`` tells: whether the export was
finished, and how many rows each table has. Reads ``metadata`` and names; writes
nothing. Format: mydumper's documentation, "Files"; ``metadata`` of 0.12 is in lines,
from 0.13 on in sections.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from harness.errors import InputError

_COMPRESSED = r"(?:\.(?:gz|zst|xz|bz2))?"
_SCHEMA = re.compile(r"(?P<database>[^.]+)\.(?P<table>.+)-schema\.sql" + _COMPRESSED)
_VIEW = re.compile(r"(?P<database>[^.]+)\.(?P<table>.+)-schema-view\.sql" + _COMPRESSED)
#: Databases, triggers, routines, sequences, keys made afterwards: none holds rows.
_NO_ROWS = re.compile(
    r".+-schema-(?:create|view|triggers|post|sequence|indexes|constraints|tablespace)"
    r"\.sql" + _COMPRESSED
)
_DATA = re.compile(
    r"(?P<database>[^.]+)\.(?P<table>.+?)(?P<chunk>(?:\.\d+)*)\.sql" + _COMPRESSED
)
_OTHER_DATA = re.compile(r".+\.(?:dat|csv|tsv|txt)" + _COMPRESSED)
_FINISHED = re.compile(r"^(?:# )?Finished dump at:", re.MULTILINE)
_SECTION = re.compile(
    r"\[[`\"]?(?P<database>[^`\"\]]+)[`\"]?\.[`\"]?(?P<table>[^`\"\]]+)[`\"]?\]"
)
_ROWS = re.compile(r"rows\s*=\s*(\d+)")
_AGAIN = "Nothing was loaded. Make the export again."


@dataclass(frozen=True)
class File:
    """One file that is read, and the database that its name tells."""

    name: str
    database: str


@dataclass(frozen=True)
class Export:
    """A finished export: its files in the order of reading, rows by table, views."""

    files: tuple[File, ...]
    rows: dict[str, int]
    views: tuple[str, ...]


def is_export(names: Collection[str]) -> bool:
    """Whether these are the names of an export's files."""
    return any(_SCHEMA.fullmatch(name) for name in names) or (
        "metadata.partial" in names
        or ("metadata" in names and any(map(_DATA.fullmatch, names)))
    )


def read_export(folder: Path, names: Collection[str]) -> Export:
    """Put the files of an export in order: every table's columns, then the rows.

    Raises ``InputError`` when the export was not finished or holds rows in files that
    are no SQL.
    """
    rows = _read_metadata(folder, names)
    other = sorted(name for name in names if _OTHER_DATA.fullmatch(name))
    if other:
        raise InputError(
            f"{folder} holds rows in {other[0]}, which is no SQL. Nothing was loaded. "
            "Make the export again without --load-data and --csv."
        )
    views = {
        (view["database"], view["table"])
        for view in map(_VIEW.fullmatch, names)
        if view
    }
    schemas, data = [], []
    for name in sorted(names):
        if schema := _SCHEMA.fullmatch(name):
            # A view has a stand-in of the same name, a table that is none.
            if (schema["database"], schema["table"]) not in views:
                schemas.append(File(name, schema["database"]))
        elif not _NO_ROWS.fullmatch(name) and (match := _DATA.fullmatch(name)):
            chunk = tuple(int(number) for number in match["chunk"].split(".")[1:])
            order = (match["database"], match["table"], chunk)
            data.append((order, File(name, match["database"])))
    return Export(
        files=(*schemas, *(file for _, file in sorted(data, key=lambda item: item[0]))),
        rows=rows,
        views=tuple(sorted(table.lower() for _, table in views)),
    )


def _read_metadata(folder: Path, names: Collection[str]) -> dict[str, int]:
    """Check that the export was finished, and return the rows by table's name."""
    if "metadata.partial" in names:
        raise InputError(
            f"{folder} is an export that mydumper did not finish: its metadata is "
            f"still metadata.partial. {_AGAIN}"
        )
    try:
        text = (folder / "metadata").read_text(encoding="utf-8", errors="replace")
    except OSError:
        raise InputError(
            f"{folder} has no file metadata, which mydumper writes when it has "
            f"finished: it cannot be told whether every file is there. {_AGAIN}"
        ) from None
    if not _FINISHED.search(text):
        raise InputError(
            f"{folder / 'metadata'} has no line 'Finished dump at': mydumper did not "
            f"finish the export. {_AGAIN}"
        )
    return _rows_by_table(text)


def _rows_by_table(text: str) -> dict[str, int]:
    """The rows that ``metadata`` tells; a name in two databases is left out."""
    rows: dict[str, int] = {}
    met: Counter[str] = Counter()
    table: str | None = None
    for line in map(str.strip, text.splitlines()):
        if section := _SECTION.fullmatch(line):
            table = section["table"].lower()
            met[table] += 1
        elif line.startswith("["):
            table = None
        elif table is not None and (count := _ROWS.fullmatch(line)):
            rows[table] = int(count[1])
    return {name: count for name, count in rows.items() if met[name] == 1}
