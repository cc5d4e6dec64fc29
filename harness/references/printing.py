"""What ``legacy-references`` prints: text for a person, JSON for a program. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from harness.console import Console, counted
from harness.references import References
from harness.references.names import CODE, COMMENT, DOCUMENTATION, KINDS, replacement

_PLACES = (CODE, COMMENT, DOCUMENTATION)
_SHOWN_SKIPS = 20


def as_dict(result: References) -> dict[str, Any]:
    """The result as ``--json`` prints it; lines and columns count from 1."""
    return {
        "path": str(result.tree.root),
        "files": result.files,
        "bytes": result.bytes,
        "listed_by": result.tree.listed_by,
        "left": len(result.left),
        "references": [
            {**asdict(each), "replacement": each.replacement} for each in result.found
        ],
        "counts": [
            {
                "kind": kind,
                "name": name,
                **dict(zip(_PLACES, counts, strict=True)),
                "replacement": replacement(kind, name),
            }
            for (kind, name), counts in _counts(result)
        ],
        "skipped": [asdict(each) for each in result.tree.skipped],
    }


def print_references(console: Console, result: References) -> None:
    """Print each use, the sums by name, what was passed over, and what to do next."""
    for each in result.found:
        place = "" if each.place == CODE else f" ({each.place})"
        console.result(
            f"{each.path}:{each.line}:{each.column}: {each.kind} {each.name}{place}"
            f" -> {each.replacement}\n    {each.text}"
        )
    if result.found:
        console.result("")
        console.table(
            ("kind", "name", "in code", "in comments", "in docs", "replace by"),
            [
                (kind, name, *counts, replacement(kind, name))
                for (kind, name), counts in _counts(result)
            ],
        )
    _print_skipped(console, result)
    looked = f"looked at {counted(result.files, 'file')}, {result.bytes:,} bytes"
    by_git = ", those that git does not ignore"
    console.note(looked + (by_git if result.tree.listed_by == "git" else ""))
    if not (result.left or result.unread):
        console.result("no legacy name is left in use")
    console.note(_next(result))


def _counts(result: References) -> list[tuple[tuple[str, str], tuple[int, ...]]]:
    counts = Counter((each.kind, each.name, each.place) for each in result.found)
    names = {(each.kind, each.name) for each in result.found}
    return [
        (name, tuple(counts[(*name, place)] for place in _PLACES))
        for name in sorted(names, key=lambda each: (KINDS.index(each[0]), each[1]))
    ]


def _print_skipped(console: Console, result: References) -> None:
    skipped = result.tree.skipped
    for each in [one for one in skipped if one.is_unread]:
        console.warn(f"{each.path} {each.reason}")
    told = [one for one in skipped if not one.is_unread]
    for each in told[:_SHOWN_SKIPS]:
        console.note(f"not looked at: {each.path} ({each.reason})")
    if len(told) > _SHOWN_SKIPS:
        more = Counter(each.reason for each in told[_SHOWN_SKIPS:])
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in sorted(more.items()))
        console.note(
            f"not looked at: {sum(more.values()):,} more ({reasons}), see --json"
        )


def _next(result: References) -> str:
    if result.left:
        return (
            "next: change these uses, then run this again; until then the views of "
            "./inv cutover keep the legacy tables' names working"
        )
    return "next: the legacy names may go, once no deployed client uses them"
