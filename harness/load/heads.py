"""Recognises how an INSERT or REPLACE begins: its target and its list of columns.

Owns that grammar and the reading of lists of identifiers. Pure: no I/O.
"""

from __future__ import annotations

import re
from functools import lru_cache

from harness.load.charsets import client_decoder
from harness.load.lexer import Mode, tokenize

_NAME = rb"(?:`(?:[^`]|``)+`|\"(?:[^\"]|\"\")+\"|[\w$\x80-\xff]+)"
#: White space and comments; versioned ones are entered and stand in no head.
_GAP = rb"(?:\s|/\*(?!M?!)[^*]*\*+(?:[^/*][^*]*\*+)*/|(?:#|--[ \t])[^\n]*\n)*"
_INTO = (
    rb"(?:INSERT|REPLACE)\b(?:" + _GAP + rb"\b(?:LOW_PRIORITY|DELAYED|HIGH_PRIORITY))?"
    rb"(?:"
    + _GAP
    + rb"\bIGNORE\b)?(?:"
    + _GAP
    + rb"\bINTO\b)?"
    + _GAP
    + rb"(?P<name>"
    + _NAME
    + rb"(?:\s*\.\s*"
    + _NAME
    + rb")?)"
)
_LIST = _NAME + rb"(?:" + _GAP + rb"," + _GAP + _NAME + rb")*"
#: A whole head, up to its first row.
HEAD = re.compile(
    _INTO + rb"(?:\s*PARTITION\s*\([^)]*\))?"
    rb"(?:"
    + _GAP
    + rb"\((?P<columns>"
    + _GAP
    + rb"(?:"
    + _LIST
    + rb")?)"
    + _GAP
    + rb"\))?"
    + _GAP
    + rb"VALUES?(?="
    + _GAP
    + rb"\()",
    re.IGNORECASE,
)
#: The part that names the table, whatever follows.
TARGET = re.compile(_INTO, re.IGNORECASE)


@lru_cache
def listed(names: bytes, charset: str) -> tuple[str, ...]:
    """The identifiers of ``a, `b``` or ``a.b``, as written."""
    tokens = tokenize(names, Mode(ansi_quotes=True), client_decoder(charset))
    return tuple(token.text for token in tokens if token.kind != "operator")
