"""The files of a mydumper export, which dumpling writes alike.

Owns their names and their order, what ``metadata`` tells, whether the export was
finished and how many rows each table has, and what says that a file is missing. Reads
``metadata``, names and sizes; writes nothing. Format: mydumper's documentation,
"Files"; ``metadata`` of 0.12 is in lines, with the rows of a table in a file of its
own, from 0.13 on in sections.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
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
#: What ``pscale database dump`` writes besides ``metadata``.
_PLANETSCALE = re.compile(
    r"[^.]+\.(?:.+-schema(?:-view)?\.sql|.+\.(?!00000)\d{5,}\.(?:sql|csv|json))"
)
_UNSIGNED = (
    " is an export of pscale database dump, which does not sign its end: an export "
    "that was cut short between two files could not be told from a whole one"
)
_OTHER_DATA = re.compile(r".+\.(?:dat|csv|tsv|txt|\d+\.json)" + _COMPRESSED)
_FINISHED = re.compile(r"^(?:# )?Finished dump at:", re.MULTILINE)
_SECTION = re.compile(
    r"\[[`\"]?(?P<database>[^`\"\]]+)[`\"]?\.[`\"]?(?P<table>[^`\"\]]+)[`\"]?\]"
)
_ROWS = re.compile(r"rows\s*=\s*(\d+)", re.IGNORECASE)
_REAL_NAME = re.compile(r"real_table_name\s*=\s*[`\"]?([^`\"]+)[`\"]?")
#: A file of 0.12 that holds nothing but a table's number of rows.
_ROWS_FILE = re.compile(r"(?P<database>[^.]+)\.(?P<table>.+)-metadata")
#: dumpling writes the number of a chunk and that of a file in it without a dot.
_DUMPLING_DIGITS, _DUMPLING_FILE_DIGITS = 13, 4
_AGAIN = "Nothing was loaded. Make the export again."
_COPY_AGAIN = "Nothing was loaded. Copy the directory again, or make the export again."

Table = tuple[str, str]


@dataclass(frozen=True)
class File:
    """One file that is read, and the database that its name tells."""

    name: str
    database: str


@dataclass(frozen=True)
class Export:
    """A finished export: its files in the order of reading, rows by table, views.

    ``problems`` are sentences on tables of which something is missing; ``undeclared``
    tables have rows and no schema; ``uncounted`` ones have a schema and no rows, and
    nothing tells whether there were any. ``warnings`` are on the whole export.
    """

    files: tuple[File, ...]
    rows: dict[str, int]
    views: tuple[str, ...]
    problems: tuple[tuple[str, str], ...] = ()
    undeclared: tuple[str, ...] = ()
    uncounted: tuple[str, ...] = ()
    producer: str = "mydumper"
    warnings: tuple[str, ...] = ()


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
    is_planetscale = _is_planetscale(folder, names)
    metadata = _Metadata("") if is_planetscale else _read_metadata(folder, names)
    other = sorted(name for name in names if _OTHER_DATA.fullmatch(name))
    if other:
        raise InputError(
            f"{folder} holds rows in {other[0]}, which is no SQL. Nothing was loaded. "
            "Make the export again without --load-data, --csv and --output-format."
        )
    views = {
        (view["database"], view["table"])
        for view in map(_VIEW.fullmatch, names)
        if view
    }
    schemas: dict[Table, File] = {}
    data: dict[Table, dict[tuple[int, ...], File]] = {}
    for name in sorted(names):
        if schema := _SCHEMA.fullmatch(name):
            # A view has a stand-in of the same name, a table that is none.
            table = (schema["database"], schema["table"])
            if table not in views:
                schemas[table] = File(name, schema["database"])
        elif not _NO_ROWS.fullmatch(name) and (match := _DATA.fullmatch(name)):
            chunks = data.setdefault((match["database"], match["table"]), {})
            chunks[_numbers(match["chunk"])] = File(name, match["database"])
    rows = metadata.rows(_read_rows_files(folder, names))
    counted = {table.lower() for table in rows}
    return Export(
        files=(
            *schemas.values(),
            *(file for _, of in sorted(data.items()) for _, file in sorted(of.items())),
        ),
        rows=rows,
        views=tuple(sorted(table.lower() for _, table in views)),
        problems=tuple(_problems(folder, metadata, data, counted)),
        undeclared=tuple(sorted({table.lower() for _, table in data.keys() - schemas})),
        uncounted=tuple(
            sorted({table.lower() for _, table in schemas.keys() - data} - counted)
        ),
        producer="pscale database dump" if is_planetscale else "mydumper",
        warnings=(f"{folder.name}{_UNSIGNED}",) if is_planetscale else (),
    )


def _is_planetscale(folder: Path, names: Collection[str]) -> bool:
    """Whether ``pscale database dump`` wrote this: its metadata is empty.

    It writes that file first, so that it says nothing of the end; its chunks begin at
    1 and are never compressed.
    """
    if "metadata" not in names or (folder / "metadata").stat().st_size:
        return False
    return all(map(_PLANETSCALE.fullmatch, set(names) - {"metadata"}))


def _numbers(chunk: str) -> tuple[int, ...]:
    """``.00000.00012`` as numbers; dumpling's ``.0000000120003`` as two."""
    parts = chunk.split(".")[1:]
    if len(parts) == 1 and len(parts[0]) == _DUMPLING_DIGITS:
        parts = [parts[0][:-_DUMPLING_FILE_DIGITS], parts[0][-_DUMPLING_FILE_DIGITS:]]
    return tuple(map(int, parts))


def _problems(
    folder: Path,
    metadata: _Metadata,
    data: Mapping[Table, Mapping[tuple[int, ...], File]],
    counted: Collection[str],
) -> Iterator[tuple[str, str]]:
    """What says that files of a table are missing or cut, where no count decides."""
    for table, chunks in sorted(data.items()):
        name = table[1].lower()
        sizes = {
            file.name: (folder / file.name).stat().st_size for file in chunks.values()
        }
        for file, size in sizes.items():
            is_packed = not file.endswith(".sql")
            is_alone = len(sizes) == 1 and not is_packed
            if not size and not is_alone and (is_packed or name not in counted):
                yield (
                    name,
                    f"{folder / file} is empty: it was cut short. {_COPY_AGAIN}",
                )
        if metadata.tables and table not in metadata.tables and any(sizes.values()):
            yield (
                name,
                f"{folder} has files of {'.'.join(table)}, of which its metadata says "
                "nothing: they are not of this export. Nothing was loaded. Take them "
                "out of the directory.",
            )
        if name not in counted and (missing := _missing_chunk(chunks)):
            yield (
                name,
                f"{folder} has no chunk {missing} of {'.'.join(table)}, but later "
                "ones, and no count of rows tells whether it was empty. Nothing was "
                "loaded. "
                "Copy the directory again. If nothing is missing, which --rows may "
                "come to, name its files instead: --dump FILE --dump FILE",
            )


def _missing_chunk(chunks: Collection[tuple[int, ...]]) -> str | None:
    """The first number that is missing among its like; they begin at 0 or 1."""
    siblings: dict[tuple[int, ...], set[int]] = {}
    for numbers in chunks:
        for level, number in enumerate(numbers):
            siblings.setdefault(numbers[:level], set()).add(number)
    for before, found in sorted(siblings.items()):
        expected = range(min(min(found), 1), max(found) + 1)
        for number in expected:
            if number not in found:
                return ".".join(f"{each:05}" for each in (*before, number))
    return None


class _Metadata:
    """What ``metadata`` tells of tables: those that it names, and their rows."""

    def __init__(self, text: str) -> None:
        self.tables: set[Table] = set()
        self._rows: list[tuple[str, int]] = []
        table: Table | None = None
        name = ""
        for line in map(str.strip, text.splitlines()):
            if section := _SECTION.fullmatch(line):
                table = (section["database"], section["table"])
                self.tables.add(table)
                name = table[1]
            elif line.startswith("["):
                table = None
            elif real := _REAL_NAME.fullmatch(line):
                name = real[1]
            elif table is not None and (count := _ROWS.fullmatch(line)):
                self._rows.append((name.lower(), int(count[1])))

    def rows(self, others: Sequence[tuple[str, int]]) -> dict[str, int]:
        """Rows by table's name; a name in two databases is left out."""
        rows = [*self._rows, *others]
        met = Counter(name for name, _ in rows)
        return {name: count for name, count in rows if met[name] == 1}


def _read_rows_files(folder: Path, names: Collection[str]) -> list[tuple[str, int]]:
    found = []
    for match in map(_ROWS_FILE.fullmatch, sorted(names)):
        if match:
            text = (folder / match[0]).read_text(encoding="utf-8", errors="replace")
            if text.strip().isdigit():
                found.append((match["table"].lower(), int(text)))
    return found


def _read_metadata(folder: Path, names: Collection[str]) -> _Metadata:
    """Check that the export was finished, and return what it tells of tables."""
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
    return _Metadata(text)
