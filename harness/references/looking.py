"""Looks at one file's text: which rules apply to it, where a use stands. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from harness.references import rules, statements
from harness.references.lexing import (
    CONFIG,
    HASH,
    PROSE,
    SQL,
    Span,
    family_of,
    inside,
    spans,
)
from harness.references.names import (
    ANY_NAME,
    CODE,
    COMMENT,
    DOCUMENTATION,
    ROUTE,
    Found,
    Reference,
)
from harness.references.tree import printable

_TEXT_LENGTH = 160
#: SQL that no quotes enclose: in comments, here-documents and settings.
_UNQUOTED = re.compile(
    r"^(?:[^\w\n]{0,12}|[ \t]*(?:-[ \t]+)?[\w-]+:[ \t]+)"
    r"(?P<sql>(?i:select|with|insert|update|delete|truncate|create|alter|drop|copy|lock"
    r"|grant|revoke|comment on|merge)\b[^;]{1,4000}?)(?=;|\n[^\w\n]*\n|\Z)",
    re.MULTILINE,
)
#: A line of a comment that goes on with no SQL: no sign, no name and comma, no keyword.
_PROSE = re.compile(
    r"^[ \t]*(?!(?:from|join|left|right|inner|full|cross|where|and|or|on|group|order"
    r"|having|limit|union|set|values|returning|using|select|case|when|then|else|end|as"
    r"|to|for|with)\b)\w[^,(.;\n]*$",
    re.MULTILINE | re.IGNORECASE,
)
_QUOTED = re.compile(r"([\"'`])(?P<sql>(?:(?!\1)[^\n]){8,})\1")
_MARKS = re.compile(r"^[ \t]*(?:--+|//+|#+|\*+/?)", re.MULTILINE)


def references(path: str, text: str, lines_before: int) -> Iterator[Reference]:
    """Find the uses of legacy names in a text, each place once.

    ``lines_before`` is the number of lines of the file that precede the text.
    """
    sections = _sections(text, path)
    places = Places(path, text, sections, lines_before)
    is_cut = lines_before > 0
    found = sorted(set(_all_found(text, path, sections, is_cut=is_cut)))
    # an address includes names, and shorter addresses
    routes = [each for each in found if each.kind == ROUTE]
    covered = {
        place
        for each in routes
        for place in range(each.start + 1, each.start + len(each.name))
    }
    starts = {each.start for each in routes}
    for each in found:
        is_first = each.kind == ROUTE or each.start not in starts
        if each.start not in covered and is_first:
            yield places.reference(each)


class Places:
    """Turns places of a text into lines, columns, and code or comment."""

    def __init__(
        self, path: str, text: str, sections: list[Span], lines_before: int = 0
    ) -> None:
        self._path, self._text, self._before = path, text, lines_before
        self._lines = [0, *(found.end() for found in re.finditer("\n", text))]
        self._comments = [each for each in sections if each.is_comment]
        self._starts = [each.start for each in self._comments]

    @classmethod
    def of(cls, path: str, text: str, lines_before: int) -> Places:
        """The places of a text whose comments are still to be found."""
        return cls(path, text, _sections(text, path), lines_before)

    def reference(self, found: Found) -> Reference:
        """Say where in the file a name stands."""
        index = bisect_right(self._lines, found.start) - 1
        start = self._lines[index]
        end = self._text.find("\n", start)
        line = self._text[start : end if end >= 0 else len(self._text)]
        # of a very long line, what stands around the name
        cut = max(0, found.start - start - _TEXT_LENGTH // 2)
        shown = line.strip()
        if len(shown) > _TEXT_LENGTH:
            shown = line[cut : cut + _TEXT_LENGTH].strip()
        return Reference(
            self._path,
            self._before + index + 1,
            found.start - start + 1,
            found.kind,
            found.name,
            self._place(found.start),
            printable(shown.replace("\t", " ")),
        )

    def _place(self, start: int) -> str:
        if family_of(self._path) == PROSE:
            return DOCUMENTATION
        index = bisect_right(self._starts, start) - 1
        is_comment = index >= 0 and start < self._comments[index].end
        return COMMENT if is_comment else CODE


def _sections(text: str, path: str) -> list[Span]:
    if family_of(path) == SQL:
        return [
            Span(start, end, is_comment=True)
            for start, end in statements.comments_of(text)
        ]
    return list(spans(text, path))


def _all_found(
    text: str, path: str, sections: list[Span], *, is_cut: bool
) -> Iterator[Found]:
    family = family_of(path)
    if family == SQL:
        yield from statements.in_sql(text, is_cut=is_cut)
    else:
        yield from rules.in_program(text, path)
    for section in sections:
        whole = text[section.start : section.end]
        if not ANY_NAME.search(whole):
            continue
        if section.is_comment or family == PROSE:
            yield from _unquoted(whole, section.start, is_comment=section.is_comment)
            for quoted in _QUOTED.finditer(whole):
                start = section.start + quoted.start("sql")
                yield from _in_statement(quoted["sql"], start)
        else:
            offset, body = inside(whole)
            yield from _in_statement(body, section.start + offset)
    if family in (HASH, CONFIG) or path.endswith(".php"):
        yield from _unquoted(text, 0)


def _unquoted(text: str, offset: int, *, is_comment: bool = False) -> Iterator[Found]:
    for found in _UNQUOTED.finditer(text):
        # the marks of a comment's lines become blanks, so that places stay
        body = _MARKS.sub(lambda mark: " " * len(mark.group()), found["sql"])
        further = body.find("\n") + 1
        prose = _PROSE.search(body, further) if is_comment and further else None
        body = body[: prose.start()] if prose else body
        yield from _in_statement(body, offset + found.start("sql"))


def _in_statement(body: str, offset: int) -> Iterator[Found]:
    if ANY_NAME.search(body) and statements.looks_like_sql(body):
        for found in statements.in_sql(body):
            yield Found(offset + found.start, found.kind, found.name)
