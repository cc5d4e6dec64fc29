"""A strict reader of Prometheus's text format 0.0.4, for the tests of what is written.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

import re

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_SAMPLE = re.compile(r"(?P<name>[a-zA-Z_][a-zA-Z0-9_]*)(?:\{(?P<labels>.*)\})? (\S+)")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(,|$)')
_VALUE = re.compile(r"[+-]?(\d+(\.\d+)?([eE][+-]?\d+)?|Inf)|NaN")
_UNESCAPED = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(text: str) -> Samples:
    """Every sample by its name and its sorted labels; AssertionError for a fault.

    Each family is one HELP, one TYPE and its samples, in that order, and is alone.
    """
    assert text.endswith("\n")
    samples: Samples = {}
    seen: set[str] = set()
    family, is_typed = "", False
    for line in text.removesuffix("\n").split("\n"):
        if line.startswith("# HELP "):
            family, _, said = line.removeprefix("# HELP ").partition(" ")
            assert _NAME.fullmatch(family), line
            assert family not in seen, f"{family} stands in two places"
            assert said, line
            assert "\\" not in re.sub(r"\\[\\n]", "", said), line
            seen.add(family)
            is_typed = False
        elif line.startswith("# TYPE "):
            assert line == f"# TYPE {family} gauge"
            assert not is_typed, line
            is_typed = True
        else:
            assert is_typed, line
            name, labels, value = _sample(line)
            assert name == family, line
            assert (name, labels) not in samples, f"{line} stands twice"
            samples[name, labels] = value
    return samples


def _sample(line: str) -> tuple[str, tuple[tuple[str, str], ...], float]:
    found = _SAMPLE.fullmatch(line)
    assert found, line
    name, text, value = found.groups()
    assert _VALUE.fullmatch(value), line
    labels: dict[str, str] = {}
    place = 0
    while text and place < len(text):
        label = _LABEL.match(text, place)
        assert label, line
        key, escaped, _ = label.groups()
        assert key not in labels, line
        assert not key.startswith("__"), line
        labels[key] = re.sub(
            r'\\[\\"n]', lambda match: _UNESCAPED[match.group()], escaped
        )
        place = label.end()
    return name, tuple(sorted(labels.items())), float(value)
