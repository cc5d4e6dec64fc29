"""Follows table names that a program keeps in constants, across files.

``const T = 'messages'`` is a reference when somewhere in the tree a client reads
``from(T)``; so is a member of an object or an enumeration, and a list that a loop goes
through. Pure: collects what files declare and use, and resolves it when all are seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from harness.references.looking import Places
from harness.references.names import (
    ANY_BUCKET,
    ANY_TABLE,
    BUCKET,
    TABLE,
    Found,
    Reference,
)

_NAME = rf"[\"'`](?P<name>{ANY_TABLE}|{ANY_BUCKET})[\"'`]"
_USE = re.compile(
    r"(?:\.|->)(?:from|From|from_|table|Table)(?:<[^()\n]{0,80}>)?"
    r"\(\s*\$?(?P<used>[A-Za-z_][\w$]*(?:(?:\.|::)[A-Za-z_][\w$]*)*)\s*[,)]"
)
_CONSTANT = re.compile(
    r"(?P<exported>\bexport\s+|^(?=[A-Z_]+\b))?(?:\b(?:const|let|var|val|final|static"
    r"|define|def)\s+)*\$?(?<!\w)(?P<word>[A-Za-z_]\w*)(?:\s*:\s*[\w.<>|'\" ]{1,40}?)?"
    rf"\s*:?=\s*{_NAME}",
    re.MULTILINE,
)
_OBJECT = re.compile(
    r"\b(?P<object>[A-Za-z_]\w*)(?:\s*:\s*[\w<>, ]{1,40}?)?\s*=\s*(?:Object\.freeze\()?"
    r"\{(?P<body>[^{}]{1,4000})\}|\b(?:enum|class|object)\s+(?P<enum>\w+)[^{\n]*"
    r"\{(?P<enum_body>[^{}]{1,4000})\}"
)
_MEMBER = re.compile(rf"\b(?P<word>[A-Za-z_]\w*)[\"']?(?:\s*:\s*\w+)?\s*[:=]\s*{_NAME}")
_LOOP = re.compile(
    r"(?:\bfor\s*\(?\s*(?:const|let|var|final|val)?\s*(?P<loop>\w+)\s+(?:of|in)\s*"
    r"(?:\w+\()?[\[(](?P<listed>[^\[\]()]{1,2000})[\])]"
    r"|\[(?P<array>[^\[\]()]{1,2000})\]\s*\.\s*(?:forEach|map|flatMap|each)\s*\(\s*"
    r"(?:async\s*)?\(?\s*(?P<each>\w+))"
)
_CLASS = re.compile(r"^class (\w+)[^\n{]*:[ \t]*\r?$", re.MULTILINE)
#: What an imported constant of a table is called, so that a mere "key" is not followed.
_TELLING = re.compile(r"^[A-Z_]+$|(?i:table|message|voice|bucket)")
_LISTED = re.compile(_NAME)


@dataclass(frozen=True)
class Declared:
    """A constant: where its file names a table, and by which words it is used."""

    reference: Reference
    words: frozenset[str]
    is_exported: bool


@dataclass
class Constants:
    """What the files of a tree keep in constants, and which words clients use."""

    declared: list[Declared] = field(default_factory=list)
    used: dict[str, set[str]] = field(default_factory=dict)

    def collect(
        self, path: str, text: str, lines_before: int, *, has_names: bool
    ) -> None:
        """Note what a file uses and, where it has legacy names, declares."""
        for use in _USE.finditer(text):
            parts = re.split(r"\.|::", use["used"])
            self.used.setdefault(".".join(parts[-2:]), set()).add(path)
        declared = list(_declared(text)) if has_names else []
        if declared:
            places = Places.of(path, text, lines_before)
            for found, words, is_exported in declared:
                self.declared.append(
                    Declared(places.reference(found), words, is_exported)
                )

    def resolve(self) -> Iterator[Declared]:
        """Give the constants that a client uses, in their file or in another."""
        for constant in self.declared:
            users = {
                path for word in constant.words for path in self.used.get(word, ())
            }
            if constant.reference.path in users or (constant.is_exported and users):
                yield constant


def _declared(text: str) -> Iterator[tuple[Found, frozenset[str], bool]]:
    """Give constants: where the name is, the words of its use, whether exported."""
    for found in _CONSTANT.finditer(text):
        word = found["word"]
        words = frozenset({word, f"{_class_around(text, found.start())}.{word}"})
        is_exported = (
            found["exported"] is not None and _TELLING.search(word) is not None
        )
        yield _found(found, 0), words, is_exported
    for outer in _OBJECT.finditer(text):
        owner = outer["object"] or outer["enum"]
        group = "body" if outer["object"] else "enum_body"
        for member in _MEMBER.finditer(outer[group]):
            word = f"{owner}.{member['word']}"
            yield _found(member, outer.start(group)), frozenset({word}), True
    for loop in _LOOP.finditer(text):
        group = "listed" if loop["loop"] else "array"
        word = loop["loop"] or loop["each"]
        for item in _LISTED.finditer(loop[group]):
            yield _found(item, loop.start(group)), frozenset({word}), False


def _class_around(text: str, start: int) -> str:
    """Name the Python class in which a constant may stand; empty outside of one."""
    line = text.rfind("\n", 0, start) + 1
    if not text[line:start].isspace() and text[line : line + 1] not in (" ", "\t"):
        return ""
    classes = _CLASS.findall(text, max(0, line - 4000), line)
    return str(classes[-1]) if classes else ""


def _found(found: re.Match[str], offset: int) -> Found:
    kind = BUCKET if re.fullmatch(ANY_BUCKET, found["name"]) else TABLE
    return Found(offset + found.start("name"), kind, found["name"])
