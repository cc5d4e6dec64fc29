"""What each ``--dump`` names: a file, standard input or a mydumper directory.

Owns the parts of a dump and the order in which they are read, and the refusal of what
is no dump, with the sentence that says what to do. Looks at names and sizes; reads no
dump and writes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.errors import InputError, UsageError
from harness.escaping import path_text
from harness.load import mydumper
from harness.load.source import STANDARD_INPUT

_INTO_ONE_FILE = "mysqldump --result-file=FILE DATABASE"
_MYSQL_SHELL = (
    "a MySQL Shell dump (util.dumpInstance, util.dumpSchemas), whose rows are no "
    "INSERTs. Nothing was loaded. Load it into a MySQL server with util.loadDump and "
    f"dump that into one file: {_INTO_ONE_FILE}"
)
_TAB = (
    "the output of mysqldump --tab, whose .txt files do not say in which character "
    "set and between which delimiters they were written. Nothing was loaded. Make the "
    f"dump again without --tab: {_INTO_ONE_FILE}"
)
_DIR = (
    "the output of mariadb-dump --dir, whose .txt files do not say in which character "
    "set and between which delimiters they were written. Nothing was loaded. Make the "
    "dump again without --dir: mariadb-dump --result-file=FILE DATABASE"
)
_SEVERAL = (
    "a directory, but neither of mydumper nor of another tool that is known. Nothing "
    "was loaded. Name the files in it: --dump FILE --dump FILE"
)


@dataclass(frozen=True)
class Part:
    """One file of a dump.

    ``path`` is what ``open_dump`` opens and ``name`` what errors call it. ``database``
    is the one that the file's name tells; ``may_be_empty`` says that a part without a
    single byte is no sign of loss.
    """

    path: str
    name: str
    bytes: int
    database: str | None = None
    may_be_empty: bool = False


@dataclass(frozen=True)
class Dump:
    """What one ``--dump`` names, in the order in which it is read.

    ``is_finished`` says that its producer has signed the end of the whole, so that its
    parts need not. ``expected_rows`` counts the rows by lower-case table name, where
    the producer tells; ``views`` are those that no part creates. ``problems`` say of a
    table what is missing; ``undeclared`` ones have rows and no schema, ``uncounted``
    ones no rows and nothing that tells whether there were any. ``warnings`` are what
    to know of the whole.
    """

    name: str
    parts: tuple[Part, ...]
    producer: str | None = None
    is_finished: bool = False
    expected_rows: Mapping[str, int] = field(default_factory=dict)
    views: tuple[str, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()
    undeclared: tuple[str, ...] = ()
    uncounted: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def is_one_file(self) -> bool:
        """Whether it is one file that can be opened again, no standard input."""
        paths = [part.path for part in self.parts]
        return len(paths) == 1 and not self.is_finished and STANDARD_INPUT not in paths


def require_dumps(paths: Sequence[str]) -> list[str]:
    """Return the ``--dump`` arguments; raises ``UsageError`` when there is none."""
    if not paths:
        raise UsageError("no dump was given. Name one, or several: --dump FILE")
    return list(paths)


def find_dumps(paths: Sequence[str]) -> tuple[Dump, ...]:
    """Work out what is to be read for these ``--dump`` arguments, in their order.

    Raises ``InputError`` when one is missing, is given twice or is no dump.
    """
    seen: set[str] = set()
    for path in paths:
        key = path if path == STANDARD_INPUT else str(Path(path).resolve())
        if key in seen:
            shown = "standard input (-)" if path == STANDARD_INPUT else path
            raise InputError(
                f"{shown} was given twice as a dump, which would load its rows twice. "
                "Nothing was loaded. Name each dump once."
            )
        seen.add(key)
    found = _distinct(paths, [_dump(path) for path in paths])
    return tuple(_renamed(dump, path_text(dump.name)) for dump in found)


def _distinct(paths: Sequence[str], dumps: Sequence[Dump]) -> tuple[Dump, ...]:
    """Call dumps of one name by their paths: the ledger tells them apart by name."""
    names = Counter(dump.name for dump in dumps)
    return tuple(
        _renamed(dump, path) if names[dump.name] > 1 else dump
        for path, dump in zip(paths, dumps, strict=True)
    )


def _renamed(dump: Dump, name: str) -> Dump:
    parts = (
        replace(part, name=path_text(name + part.name[len(dump.name) :]))
        for part in dump.parts
    )
    return replace(dump, name=name, parts=tuple(parts))


def total_bytes(dumps: Sequence[Dump]) -> int:
    """How many bytes the files have in all; 0 when one of them does not tell."""
    sizes = [part.bytes for dump in dumps for part in dump.parts]
    known = all(
        part.bytes or part.may_be_empty for dump in dumps for part in dump.parts
    )
    return sum(sizes) if known else 0


def _dump(path: str) -> Dump:
    if path == STANDARD_INPUT:
        return Dump("standard input", (Part(STANDARD_INPUT, "standard input", 0),))
    file = Path(path)
    if not file.exists():
        raise InputError(
            f"there is no file {path}. Nothing was loaded. Check the path of the dump."
        )
    if file.is_dir():
        return _directory(file)
    if file.name.startswith("@."):
        raise InputError(f"{path} is part of {_MYSQL_SHELL}.")
    return Dump(file.name, (Part(path, file.name, file.stat().st_size),))


def _directory(path: Path) -> Dump:
    try:
        names = {entry.name for entry in path.iterdir()}
    except OSError as error:
        raise InputError(
            f"cannot read the directory {path}: {error.strerror}. Nothing was loaded."
        ) from None
    if any(name.startswith("@.") for name in names):
        raise InputError(f"{path} is {_MYSQL_SHELL}.")
    _check_files(path, names)
    if mydumper.is_export(names):
        return _mydumper(path, names)
    if _has_tabbed_rows(path):
        raise InputError(f"{path} is {_TAB}.")
    folders = [path / name for name in sorted(names) if (path / name).is_dir()]
    if any(map(_has_tabbed_rows, folders)):
        raise InputError(f"{path} is {_DIR}.")
    raise InputError(f"{path} is {_SEVERAL}.")


def _check_files(path: Path, names: Collection[str]) -> None:
    """Raise ``InputError`` for what would be read and is no file of this directory."""
    root = path.resolve()
    for name in sorted(names):
        entry = path / name
        if entry.is_symlink() and not entry.resolve().is_relative_to(root):
            raise InputError(
                f"{entry} is a symbolic link to a file outside of the directory. "
                "Nothing was loaded. Put the file itself in its place, or take the "
                "link out of the directory."
            )
        if not (entry.is_file() or entry.is_dir()):
            raise InputError(
                f"{entry} is no file that can be read: a broken link, a pipe or a "
                "device. Nothing was loaded. Take it out of the directory."
            )


def _has_tabbed_rows(path: Path) -> bool:
    """Whether a table's rows are in a .txt file beside its .sql file."""
    try:
        names = {entry.name for entry in path.iterdir()}
    except OSError:
        return False
    stems = {name[: -len(".sql")] for name in names if name.endswith(".sql")}
    return any(f"{stem}.txt" in names for stem in stems)


def _mydumper(path: Path, names: set[str]) -> Dump:
    export = mydumper.read_export(path, names)
    parts = [
        Part(
            str(path / file.name),
            f"{path.name}/{file.name}",
            (path / file.name).stat().st_size,
            database=file.database,
            # --build-empty-files makes files for tables without rows.
            may_be_empty=True,
        )
        for file in export.files
    ]
    return Dump(
        path.name,
        tuple(parts),
        producer=export.producer,
        is_finished=True,
        expected_rows=export.rows,
        views=export.views,
        problems=export.problems,
        undeclared=export.undeclared,
        uncounted=export.uncounted,
        warnings=export.warnings,
    )
