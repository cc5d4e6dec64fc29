"""Finds legacy tables and buckets in SQL: in files, and in strings that hold it.

A table counts where a relation is named, not where its name is a column, an alias, a
common table expression, a table of another schema, or a word of a text. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from harness import settings
from harness.references import rules
from harness.references.names import ANY_BUCKET, BUCKET, BUCKETS, TABLE, TABLES, Found

_TOKEN = re.compile(
    r"""
    (?P<comment>(?:--[^\n]*(?:\n[ \t]*(?=--))?)+|/\*.*?(?:\*/|\Z))
    | (?P<text>'(?:''|[^'])*'?)
    | (?P<quoted>"(?:""|[^"\n])*"|`[^`\n]*`)
    | (?P<filled>\$\{[^}]*\}|\#?\{[^}]*\}|%[sI])
    | (?P<word>[A-Za-z_][\w$]*)
    | (?P<border>;|\$\w*\$)
    | (?P<sign>\S)
    """,
    re.VERBOSE | re.DOTALL,
)
#: A relation follows these words.
_LEADS = frozenset(
    (
        *("from", "join", "update", "table", "view", "truncate", "references", "on"),
        *("copy", "lock", "analyze", "vacuum", "using", "setof", "returns", "cluster"),
        "column",
    )
)
#: A list of relations follows these, with commas.
_LISTS = frozenset({"from", "table", "truncate", "using", "lock", "analyze"})
#: So many tokens are looked back for the head of a list, or of a parenthesis.
_BACK = 500
#: No list of relations goes on past these.
_ENDS = frozenset(
    (
        *("select", "where", "set", "values", "by", "and", "or", "on", "having"),
        *("returning", "into", "limit", "case", "then", "else"),
    )
)
_BETWEEN = frozenset({"only", "if", "not", "exists", "full", "verbose", "concurrently"})
#: Functions within which FROM names no relation.
_FROM_FUNCTIONS = frozenset({"extract", "trim", "substring", "overlay", "position"})
#: A string is a table's name after these.
_CATALOG = frozenset(
    (
        *("table_name", "tablename", "relname", "to_regclass", "regclass"),
        *("pg_get_serial_sequence", "has_table_privilege", "pg_relation_size"),
        "pg_total_relation_size",
    )
)
#: A schema that is filled in counts as the live one, unless its name says otherwise.
_ELSEWHERE = re.compile(r"archive|backup|staging|scratch|marts", re.IGNORECASE)
_IN_PATH = re.compile(rf"(?<![\w-])(?:{ANY_BUCKET})(?=/)")
_OPENING = re.compile(
    r"""\s*(?:\(\s*)*(?:
      (?P<select>select|SELECT)\b(?P<list>.*?)\b(?:from|FROM)\s
    | (?:with|WITH)\s+(?:recursive\s+|RECURSIVE\s+)?[\w"]+\s*(?:\([^)]*\)\s*)?
      (?:as|AS)\b
    | (?:insert|INSERT|merge|MERGE)\s+(?:into|INTO)\s+[^\s(]+\s*(?:\(|;|\Z|(?i:values
      |select|default|as|using|overriding|with|set)\b)
    | (?:delete\s+from|DELETE\s+FROM)\s+\S+\s*
      (?:\Z|;|(?:where|using|returning|as|WHERE|USING|RETURNING|AS)\b)
    | (?:update|UPDATE)\s+\S+(?:\s+\w+){0,2}\s+(?:set|SET)\s
    | (?:truncate|TRUNCATE)\s+\S+
    | (?:create|alter|drop|CREATE|ALTER|DROP)\s+(?:or\s+replace\s+|OR\s+REPLACE\s+)?
      (?:unique|temporary|temp|materialized|constraint|UNIQUE|MATERIALIZED|CONSTRAINT)?\s*
      (?:table|view|index|policy|trigger|function|procedure|publication|rule
      |TABLE|VIEW|INDEX|POLICY|TRIGGER|FUNCTION|PROCEDURE|PUBLICATION|RULE)\s
    | (?:grant|revoke|GRANT|REVOKE)\s.*?\b(?:on|ON)\s
    | (?:copy|lock\s+table|comment\s+on|COPY|LOCK\s+TABLE|COMMENT\s+ON)\s
    | (?:explain|begin|do|EXPLAIN|BEGIN|DO)\b.*?\b(?:from|table|update|into
      |FROM|TABLE|UPDATE|INTO)\s
    | (?i:select\s+\*\s+from\s)
    )""",
    re.VERBOSE | re.DOTALL,
)
#: A part of a statement that is put together: its keywords are written in capitals.
_PART = re.compile(
    r"\b(?:FROM|JOIN|INSERT INTO|UPDATE|TRUNCATE(?: TABLE)?|REFERENCES)\s+(?:ONLY\s+)?"
)
_PROSE = re.compile(r"\b[A-Za-z]+ +[A-Za-z]+ +[A-Za-z]+")
_SQL_WORDS = re.compile(
    r"\b(?:distinct|as|case|when|then|else|end|and|or|not|is|null|over|in|exists|all"
    r"|filter|where|within|group|order|by|on|between|interval|select|from)\b",
    re.IGNORECASE,
)


class _Token(NamedTuple):
    kind: str
    text: str
    start: int

    @property
    def word(self) -> str:
        """The token as a keyword; empty for what is none."""
        return self.text.lower() if self.kind == "word" else ""

    @property
    def name(self) -> str:
        """The token as an identifier; empty for what is none."""
        return self.text[1:-1] if self.kind == "quoted" else self.word


def looks_like_sql(text: str) -> bool:
    """Tell a statement, or a part of one, from prose that uses the same words."""
    opening = _OPENING.match(text)
    if opening is None:
        return _PART.search(text) is not None
    listed = _SQL_WORDS.sub(",", opening["list"] or "")
    return not (opening["select"] and _PROSE.search(listed))


def in_sql(text: str, *, is_cut: bool = False) -> Iterator[Found]:
    """Find what a text of SQL names; comments apart, which ``comments_of`` gives.

    ``is_cut`` when it may begin within a statement, of rows then, most likely.
    """
    tokens = [
        _Token(found.lastgroup or "", found.group(), found.start())
        for found in _TOKEN.finditer(text)
        if found.lastgroup != "comment"
    ]
    first = 0
    for index, token in enumerate([*tokens, _Token("border", ";", len(text))]):
        if token.kind == "border":
            is_data = is_cut and first == 0
            yield from _in_statement(tokens[first:index], is_data=is_data)
            first = index + 1


def comments_of(text: str) -> Iterator[tuple[int, int]]:
    """Find where the comments of a text of SQL begin and end."""
    for found in _TOKEN.finditer(text):
        if found.lastgroup == "comment":
            yield found.span()


def _in_statement(tokens: list[_Token], *, is_data: bool) -> Iterator[Found]:
    is_data = is_data or (bool(tokens) and tokens[0].word == "insert")
    expressions = set(_expressions(tokens))
    for index, token in enumerate(tokens):
        if token.kind == "text":
            yield from _in_text(tokens, index, is_data=is_data)
        elif token.name in TABLES:
            first = _first_of_name(tokens, index)
            if first is None or (first == index and token.name in expressions):
                continue
            if _is_relation(tokens, first, index):
                offset = 1 if token.kind == "quoted" else 0
                yield Found(token.start + offset, TABLE, token.name)


def _expressions(tokens: list[_Token]) -> Iterator[str]:
    """Name the common table expressions, which hide tables of their names."""
    for index, token in enumerate(tokens):
        before = tokens[index - 1].text.lower() if index else ""
        after = [next_.text.lower() for next_ in tokens[index + 1 : index + 5]]
        is_first = before in ("with", "recursive")
        is_next = before == "," and after[:1] == ["as"] and "(" in after
        if token.name and (is_first or is_next):
            yield token.name


def _first_of_name(tokens: list[_Token], index: int) -> int | None:
    """Find where a name begins, its schema included; None for another schema's."""
    if index < 2 or tokens[index - 1].text != ".":
        return index
    schema = tokens[index - 2]
    known = {"public", settings.legacy_schema()}
    if schema.kind == "filled":
        return None if _ELSEWHERE.search(schema.text) else index - 2
    return index - 2 if schema.name in known else None


def _is_relation(tokens: list[_Token], first: int, last: int) -> bool:
    after = [token.text.lower() for token in tokens[last + 1 : last + 3]]
    if after == ["%", "rowtype"]:
        return True
    before = first - 1
    while before >= 0 and tokens[before].word in _BETWEEN:
        before -= 1
    if before < 0:
        return False
    lead = tokens[before].word
    if after[:1] == ["."] and lead != "column":
        return False  # a column of it; the statement names the table elsewhere
    if tokens[before].text == ",":
        return _goes_on_list(tokens, before)
    earlier = tokens[before - 1].word if before else ""
    if lead == "into":
        return earlier in ("insert", "merge", "replace")
    if lead == "from":
        return earlier != "distinct" and not _within(tokens, before, _FROM_FUNCTIONS)
    return lead in _LEADS


def _goes_on_list(tokens: list[_Token], comma: int) -> bool:
    """Whether the list that a comma goes on with is one of relations."""
    depth = 0
    for token in reversed(tokens[max(0, comma - _BACK) : comma]):
        depth += {")": 1, "(": -1}.get(token.text, 0)
        if depth < 0 or (depth == 0 and token.word in _ENDS):
            return False
        if depth == 0 and token.word in _LISTS:
            return True
    return False


def _within(tokens: list[_Token], index: int, functions: frozenset[str]) -> bool:
    """Whether the innermost parenthesis around a token is that of a function."""
    depth = 0
    for before in range(index - 1, max(0, index - _BACK), -1):
        depth += {")": 1, "(": -1}.get(tokens[before].text, 0)
        if depth < 0:
            return tokens[before - 1].word in functions
    return False


def _in_text(tokens: list[_Token], index: int, *, is_data: bool) -> Iterator[Found]:
    """Find what a string of SQL names: a bucket, a table, or SQL once more.

    A string of ``is_data`` stands in a row: what it says is no use of anything.
    """
    token = tokens[index]
    value = token.text.strip("'")
    start = token.start + 1
    if value in BUCKETS:
        yield Found(start, BUCKET, value)
    elif value.removeprefix("public.") in TABLES:
        if _names_a_table(tokens, index):
            name = value.removeprefix("public.")
            yield Found(start + len(value) - len(name), TABLE, name)
    elif is_data:
        return
    elif looks_like_sql(value):
        for found in in_sql(token.text[1:].rstrip("'").replace("''", " '")):
            yield Found(start + found.start, found.kind, found.name)
    else:
        for route in rules.routes(value):
            yield Found(start + route.start, route.kind, route.name)
        for path in _IN_PATH.finditer(value):
            yield Found(start + path.start(), BUCKET, path.group())


def _names_a_table(tokens: list[_Token], index: int) -> bool:
    after = [token.text.lower() for token in tokens[index + 1 : index + 4]]
    if after == [":", ":", "regclass"]:
        return True
    before = index - 1
    while before >= max(0, index - _BACK) and (
        tokens[before].kind == "text"
        or tokens[before].text in "(,=["
        or tokens[before].word in ("in", "any", "array")
    ):
        before -= 1
    return before >= 0 and tokens[before].word in _CATALOG
