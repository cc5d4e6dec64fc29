"""Finds every use of legacy tables, buckets and routes in a source tree.

Owns ``./inv legacy-references``: what is left to change in the application before the
compatibility views and the legacy buckets can go. Reads the files of the tree; writes
nothing, and needs no database.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.console import counted
from harness.errors import CheckFailed
from harness.references import rules
from harness.references.constants import Constants
from harness.references.looking import references
from harness.references.names import ANY_NAME, CODE, ROUTE, Reference
from harness.references.tree import (
    Skipped,
    Tree,
    decode,
    list_tree,
    printable,
    read_blocks,
    utf_16,
    why_unfit,
)

__all__ = ["References", "find", "require_none"]

_START_BYTES = 1 << 16


@dataclass
class References:
    """What a look at a tree found, and what it did not look at."""

    tree: Tree
    found: list[Reference] = field(default_factory=list)
    files: int = 0
    bytes: int = 0

    @property
    def left(self) -> list[Reference]:
        """The references in code: those that break when the legacy names go."""
        return [each for each in self.found if each.place == CODE]

    @property
    def unread(self) -> list[Skipped]:
        """The files that could not be read."""
        return [each for each in self.tree.skipped if each.is_unread]


def find(
    root: Path, *, all_files: bool = False, exclude: Sequence[str] = ()
) -> References:
    """Look for legacy names in a file, or in all files below a folder.

    ``all_files`` takes what git ignores and build output as well; ``exclude`` holds
    patterns of paths from the root to pass over.

    Raises ``UsageError`` for a path that does not exist.
    """
    tree = list_tree(root, all_files=all_files, exclude=exclude)
    search = _Search(References(tree))
    for name in tree.files:
        try:
            search.look_at(name)
        except OSError as error:
            reason = f"cannot be read: {error.strerror or error}"
            tree.skipped.append(Skipped(printable(name), reason, is_unread=True))
    tree.skipped.sort()
    return search.finish()


def require_none(result: References) -> None:
    """Raise ``CheckFailed`` when uses are left, or when files could not be read."""
    if result.left:
        files = len({each.path for each in result.left})
        raise CheckFailed(
            f"{counted(len(result.left), 'use')} of legacy names "
            f"{'is' if len(result.left) == 1 else 'are'} left in "
            f"{counted(files, 'file')} below {result.tree.root}; nothing was changed. "
            "Change them as the list says, then run the command again."
        )
    if result.unread:
        first = result.unread[0]
        raise CheckFailed(
            f"{counted(len(result.unread), 'file')} below {result.tree.root} could not "
            f"be looked at, first {first.path}, which {first.reason}: no use was found "
            "in the others. Make them readable, then run the command again."
        )


@dataclass
class _Search:
    """A search that goes on: references by their places, and constants to follow."""

    result: References
    constants: Constants = field(default_factory=Constants)
    seen: dict[tuple[str, int, int], Reference] = field(default_factory=dict)

    def look_at(self, name: str) -> None:
        """Look at a file of the tree."""
        tree = self.result.tree
        path = tree.path(name)
        shown = printable(path.name if name == "." else name)
        with path.open("rb") as stream:
            start = stream.read(_START_BYTES)
        reason = why_unfit(shown, start)
        if reason:
            tree.skipped.append(Skipped(shown, reason))
            return
        self.result.files += 1
        self.result.bytes += path.stat().st_size
        route = rules.in_path(path.resolve().as_posix())
        if route:
            self._add([Reference(shown, 1, 1, ROUTE, route, CODE, shown)])
        blocks: Iterable[tuple[int, bytes]] = read_blocks(path)
        if utf_16(start):
            blocks = [(0, path.read_bytes().decode("utf-16", "replace").encode())]
        for lines, block in blocks:
            text = decode(block)
            has_names = ANY_NAME.search(text) is not None
            if has_names:
                self._add(references(shown, text, lines))
            self.constants.collect(shown, text, lines, has_names=has_names)

    def finish(self) -> References:
        """Follow the constants, now that all files are seen."""
        self._add(each.reference for each in self.constants.resolve())
        self.result.found = sorted(self.seen.values())
        return self.result

    def _add(self, found: Iterable[Reference]) -> None:
        for each in found:
            self.seen.setdefault((each.path, each.line, each.column), each)
