"""Writes values that came from elsewhere so that no reader takes them for more.

A dump's ids, sender types, table and file names, an operator's or a server's name are
data wherever they appear. One function for each output: terminal and JSON, Markdown,
HTML, CSV. HTML pages of our own are escaped by the template engine, which is given
``visible``; Prometheus's format is in ``harness.artifacts.prometheus``. Pure.
"""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Mapping
from typing import Any, TextIO

from psycopg import sql

#: Characters that a terminal or a browser obeys instead of showing: controls, what
#: reorders the text beside it, what is invisible, halves of surrogate pairs. Joiners
#: stay: scripts and emoji need them.
_OBEYED = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f"
)
_IN_TEXT = re.compile(f"[{_OBEYED}]")
_IN_LINE = re.compile(f"[\t\n{_OBEYED}]")

#: What Markdown, CommonMark with GitHub's extensions, reads as markup; an underscore
#: within a word is none. The colon of a URL makes a link of it, ``www.`` as well.
_MARKUP = re.compile(r"[\\`*\[\]|~#$]|(?<![^\W_])_|_(?![^\W_])|:(?=//)|(?<=www)\.")

#: What spreadsheets take for a formula at the beginning of a cell, after any space.
#: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = "^\\s*[=+@\uff1d\uff0b\uff0d\uff20-]|^[\t\r\n]"


def visible(text: str) -> str:
    r"""Show what a terminal or a browser would obey as ``\u001b``; keep line ends.

    The form is that of JSON, so that a document of JSON keeps its values.
    """
    return _IN_TEXT.sub(_code, text)


def visible_line(text: str) -> str:
    """Show line ends and tabs as well, so that the text stays on its line."""
    return _IN_LINE.sub(_code, text)


def for_stream(text: str, stream: TextIO) -> str:
    """Make text visible, and show what the stream's encoding lacks by its code."""
    shown = visible(text)
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return shown.encode(encoding, _ERRORS).decode(encoding)


def markdown(text: str) -> str:
    """Escape text for Markdown: on its line and in its cell, no markup, no HTML."""
    quoted = html.escape(visible_line(text), quote=False)
    return _MARKUP.sub(lambda found: f"\\{found.group()}", quoted)


def html_values(value: Any) -> Any:
    """Escape every text in a document of JSON for HTML, keys included."""
    if isinstance(value, str):
        return html.escape(visible(value))
    if isinstance(value, Mapping):
        return {html_values(key): html_values(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [html_values(each) for each in value]
    return value


def csv_text(column: sql.Composable) -> sql.Composed:
    """Compose a text column for a CSV file: what would be a formula gets an ``'``."""
    return sql.SQL("case when {0} ~ {1} then '''' || {0} else {0} end").format(
        column, _FORMULA
    )


def path_text(path: str) -> str:
    r"""Write a path as text that is UTF-8; bytes of it that are not as ``\xe9``.

    Python hands such bytes on as halves of surrogate pairs, and where the locale knows
    no UTF-8 those of every other name as well (PEP 383).
    """
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _code(found: re.Match[str]) -> str:
    return _codes(found.group())


def _codes(text: str) -> str:
    units = text.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{unit.hex()}" for unit in _pairs(units))


def _pairs(units: bytes) -> list[bytes]:
    return [units[i : i + 2] for i in range(0, len(units), 2)]


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return _codes(error.object[error.start : error.end]), error.end


_ERRORS = "carryover.codes"
codecs.register_error(_ERRORS, _replaced)
