"""Tells the strings and comments of a program from its code, by the file's language.

Not a parser: what a language quotes in ways of its own is taken as code, and a string
of one line ends with it, so that a mistake does not outlive its line. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

#: The families of languages.
CURLY, HASH, CONFIG, SQL, MARKUP, PROSE = (
    "curly",
    "hash",
    "config",
    "sql",
    "markup",
    "prose",
)
_SUFFIXES = {
    SQL: "sql psql pgsql ddl dml",
    HASH: "py pyi rb rake ex exs sh bash zsh fish pl pm r jl ps1 tf hcl nix cr nim",
    CONFIG: "yaml yml toml ini cfg conf env properties tfvars",
    MARKUP: "html htm vue svelte astro xml xhtml svg erb ejs hbs twig",
    PROSE: "md mdx markdown rst txt adoc log",
}
_FAMILIES = {
    suffix: family for family, listed in _SUFFIXES.items() for suffix in listed.split()
}
_NAMES = {"dockerfile": HASH, "makefile": HASH, "rakefile": HASH, "gemfile": HASH}

_STRINGS = (
    r'(?P<string>"""(?:\\.|[^\\])*?(?:"""|\Z)|\'\'\'(?:\\.|[^\\])*?(?:\'\'\'|\Z)'
    r'|"(?:\\.|[^"\\\n])*"?|\'(?:\\.|[^\'\\\n])*\'?'
)
_SLASHED = r"//[^\n]*|/\*.*?(?:\*/|\Z)"
_HASHED = r"(?<![\w$&{(\"'/-])\#[^\n]*"
_TAGGED = r"<!--.*?(?:-->|\Z)"
_TICKED = r"|`(?:\\.|[^`\\])*`?"
_SPANS = {
    CURLY: re.compile(f"(?P<comment>{_SLASHED})|{_STRINGS}{_TICKED})", re.DOTALL),
    HASH: re.compile(f"(?P<comment>{_HASHED})|{_STRINGS})", re.DOTALL),
    CONFIG: re.compile(f"(?P<comment>{_HASHED})|{_STRINGS})", re.DOTALL),
    MARKUP: re.compile(
        f"(?P<comment>{_TAGGED}|(?<![:\\w])//[^\\n]*|/\\*.*?(?:\\*/|\\Z))"
        f"|{_STRINGS}{_TICKED})",
        re.DOTALL,
    ),
}
_PHP = re.compile(
    f"(?P<comment>{_SLASHED}|{_HASHED})|{_STRINGS}|<<<['\"]?(\\w+).*?\\n\\s*\\3\\b)",
    re.DOTALL,
)
_FENCE = re.compile(r"^(```+|~~~+).*?$(?P<inside>.*?)^\1", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Span:
    """A string or comment of a program, from its first character to past its last."""

    start: int
    end: int
    is_comment: bool


def family_of(path: str) -> str:
    """Tell a file's family of languages by its name; most are of curly braces."""
    name = PurePosixPath(path).name.lower()
    if name.startswith(".env"):
        return CONFIG
    suffix = name.rpartition(".")[2]
    return _NAMES.get(name) or _FAMILIES.get(suffix, CURLY)


def spans(text: str, path: str) -> Iterator[Span]:
    """Find the strings and comments of a program; fenced blocks count as strings."""
    family = family_of(path)
    if family == PROSE:
        for fence in _FENCE.finditer(text):
            yield Span(*fence.span("inside"), is_comment=False)
        return
    pattern = _PHP if path.endswith(".php") else _SPANS[family]
    for found in pattern.finditer(text):
        yield Span(*found.span(), is_comment=found["comment"] is not None)


def inside(text: str) -> tuple[int, str]:
    """Take the quotes off a string: where its text begins, and the text.

    An escaped quote becomes a blank and a quote, so that places stay as they are.
    """
    quote = text[:3] if text[:3] in ('"""', "'''") else text[:1]
    if quote[:1] not in "\"'`":
        return 0, text
    body = text[len(quote) :]
    return len(quote), body.removesuffix(quote).replace('\\"', ' "').replace(
        "\\n", " \n"
    )
