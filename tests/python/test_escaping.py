"""No value of a dump is more than text where it is written, whatever the output."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from psycopg import sql

from harness.artifacts.csv_file import write_csv
from harness.console import Console
from harness.database import Connection
from harness.errors import HarnessError
from harness.escaping import html_values, markdown, path_text, visible, visible_line

#: An escape sequence, a title, a C1 introducer, a bell, an override of direction.
DRIVING = "a\x1b[31mb\x1b]0;t\x07c\x9b2Jd\u202eb"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (DRIVING, "a\\u001b[31mb\\u001b]0;t\\u0007c\\u009b2Jd\\u202eb"),
        ("\r\x08\x00", "\\u000d\\u0008\\u0000"),
        ("tags \U000e0041", "tags \\udb40\\udc41"),
        ("half \udc80", "half \\udc80"),
        ("line\u2028end \u2066x\u2069", "line\\u2028end \\u2066x\\u2069"),
        ("Zoë 👩‍👧 नमस्ते\n\tkept", "Zoë 👩‍👧 नमस्ते\n\tkept"),
    ],
)
def test_what_drives_a_terminal_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_document_of_json_keeps_its_values() -> None:
    document = {"id": DRIVING, "é": ["\x85", "👩"]}
    assert json.loads(visible(json.dumps(document, ensure_ascii=False))) == document


def test_a_line_stays_a_line() -> None:
    assert visible_line("a\nb\tc") == "a\\u000ab\\u0009c"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_the_console_writes_whatever_its_stream_can_hold(encoding: str) -> None:
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2))
    console = Console(out, err)
    console.header("load", "tëst/数据")
    with console.step(f"loading 数据{DRIVING}\n.sql") as step:
        step.detail = f"1 数据{DRIVING}"
    console.warn(f"数据{DRIVING}")
    console.table(("tâble",), [(f"数\n据{DRIVING}",)])
    console.result(json.dumps({"x": "数据é"}, ensure_ascii=False))
    for stream in (out, err):
        stream.flush()
        written = stream.buffer.getvalue().decode(encoding)
        assert not set(written) & set(DRIVING) & set("\x1b\x07\x9b\u202e")
    document = out.buffer.getvalue().decode(encoding)
    assert json.loads(document.splitlines()[-1]) == {"x": "数据é"}
    assert len(document.splitlines()) == 4


def test_an_error_drives_no_terminal() -> None:
    assert str(HarnessError(f"no file {DRIVING}")) == f"no file {visible(DRIVING)}"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("[a](http://e.com)", r"\[a\](http\://e.com)"),
        ("![a](x) <http://e.com>", r"!\[a\](x) &lt;http\://e.com&gt;"),
        ("a | b\n# c", r"a \| b\\u000a\# c"),
        ("`code` *b* _i_ ~~s~~ $m$", r"\`code\` \*b\* \_i\_ \~\~s\~\~ \$m\$"),
        ("www.e.com &amp; \\", r"www\.e.com &amp;amp; \\"),
        ("chat_messages, 1.5 % (a-b): 20260102T030405Z-00ff", None),
    ],
)
def test_markdown_holds_no_markup_of_a_value(text: str, written: str | None) -> None:
    assert markdown(text) == (text if written is None else written)


def test_every_text_of_a_document_is_escaped_for_html() -> None:
    document = {"<b>": ["<i>", {"x": '"&'}, 1, None, True]}
    assert html_values(document) == {
        "&lt;b&gt;": ["&lt;i&gt;", {"x": "&quot;&amp;"}, 1, None, True]
    }


FORMULAS = [
    "=HYPERLINK(1)",
    "+1",
    "-1",
    "@x",
    "\tx",
    "\rx",
    "\nx",
    " =1",
    "\uff1d1",
    "\uff0b1",
]


def test_no_cell_is_a_formula(connection: Connection, tmp_path: Path) -> None:
    plain = ["a=b", "", "1-2", 'say "x", y', "two\nlines", None]
    connection.execute("create table cells (place int, 数 text)")
    connection.cursor().executemany(
        "insert into cells values (%s, %s)", list(enumerate([*FORMULAS, *plain]))
    )
    query = sql.SQL("select 数, place as n from cells where place >= %(from)s")
    write_csv(
        connection, tmp_path / "cells.csv", query + sql.SQL(" order by n"), {"from": 0}
    )
    with (tmp_path / "cells.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file))
    assert header == ["数", "n"]
    assert [row[0] for row in rows[: len(FORMULAS)]] == [f"'{f}" for f in FORMULAS]
    assert [row[0] for row in rows[len(FORMULAS) :]] == [text or "" for text in plain]
    assert [row[1] for row in rows] == [str(n) for n in range(len(rows))]


def test_a_path_of_any_bytes_is_text() -> None:
    assert path_text("caf\udce9.sql") == "caf\\xe9.sql"
    # What Python reads of ä where the locale is C.
    assert path_text("\udcc3\udca4.sql") == "ä.sql"
    assert path_text(path_text("ä \udcff")) == "ä \\xff"
