"""Legacy references: every use is found where it stands, and no near miss is."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from harness.console import Console
from harness.errors import CheckFailed, UsageError
from harness.references import References, find, printing, require_none

TREE = Path(__file__).with_name("legacy_uses.txt").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^=== (\S+) ===\n(.*?)(?=^===|\Z)", TREE, re.M | re.S))


def marked(path: str, text: str) -> tuple[str, list[tuple[str, int, str]]]:
    """Take the marks off a file: its text, and the uses that they name."""
    lines, expected = [], []
    for number, line in enumerate(text.splitlines(), 1):
        code, *marks = line.split("«")
        lines.append(code.rstrip())
        expected += [(path, number, mark.strip().rstrip("»")) for mark in marks]
    return "\n".join(lines) + "\n", expected


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(marked(path, text)[0], encoding="utf-8")
    return tmp_path


def as_marks(result: References) -> list[tuple[str, int, str]]:
    return sorted(
        (
            each.path,
            each.line,
            ("" if each.place == "code" else f"{each.place} ")
            + f"{each.kind} {each.name}",
        )
        for each in result.found
    )


def test_every_use_is_found_and_no_near_miss(tree: Path) -> None:
    expected = [use for path, text in FILES.items() for use in marked(path, text)[1]]
    assert as_marks(find(tree)) == sorted(expected)


def test_a_reference_says_where_it_is_and_what_replaces_it(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_bytes(b"// a\r\n\tdb.from('voice_notes')\r\n")
    document = printing.as_dict(find(tmp_path))
    assert document == {
        "path": str(tmp_path),
        "files": 1,
        "bytes": 31,
        "listed_by": "folders",
        "left": 1,
        "references": [
            {
                "path": "a.js",
                "line": 2,
                "column": 11,
                "kind": "table",
                "name": "voice_notes",
                "place": "code",
                "text": "db.from('voice_notes')",
                "replacement": "chat_messages, type 'audio'",
            }
        ],
        "counts": [
            {
                "kind": "table",
                "name": "voice_notes",
                "code": 1,
                "comment": 0,
                "documentation": 0,
                "replacement": "chat_messages, type 'audio'",
            }
        ],
        "skipped": [],
    }
    json.dumps(document)


def test_uses_in_code_fail_and_comments_do_not(tmp_path: Path) -> None:
    file = tmp_path / "a.ts"
    file.write_text("// db.from('messages')\n")
    require_none(find(tmp_path))
    file.write_text("db.from('messages')\n")
    with pytest.raises(CheckFailed, match="1 use of legacy names is left in 1 file"):
        require_none(find(tmp_path))
    assert [each.path for each in find(file).found] == ["a.ts"]
    with pytest.raises(UsageError, match="there is no file or folder"):
        find(tmp_path / "nowhere")


def test_what_is_not_looked_at_is_told(tmp_path: Path) -> None:
    use = "db.from('messages')\n"
    for name in ("node_modules/x.js", "dist/x.js", "a.min.js", "yarn.lock", "ok.js"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(use)
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\0messages")
    (tmp_path / "bundle.js").write_text("a;" * 20_000 + use)
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "link.js").symlink_to(tmp_path / "ok.js")
    os.mkfifo(tmp_path / "pipe")
    result = find(tmp_path, exclude=["ok*"])
    assert result.found == []
    assert [(each.path, each.reason) for each in result.tree.skipped] == [
        ("a.min.js", "minified"),
        ("bundle.js", "minified"),
        ("dist/", "build output"),
        ("link.js", "symbolic link"),
        ("loop/", "symbolic link"),
        ("node_modules/", "third-party code"),
        ("ok.js", "excluded by ok*"),
        ("photo.png", "binary"),
        ("pipe", "no regular file"),
        ("yarn.lock", "lock file"),
    ]
    everything = find(tmp_path, all_files=True)
    assert [e.path for e in everything.found] == [
        "dist/x.js",
        "node_modules/x.js",
        "ok.js",
    ]


def test_what_git_ignores_is_passed_over(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    for name in ("src/a.js", "build/b.js", "local/c.js"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("db.from('messages')\n")
    (tmp_path / ".gitignore").write_text("local/\n")
    result = find(tmp_path)
    assert [each.path for each in result.found] == ["build/b.js", "src/a.js"]
    assert [(s.path, s.reason) for s in result.tree.skipped] == [
        ("local/", "ignored by git")
    ]
    assert len(find(tmp_path, all_files=True).found) == 3


def test_any_encoding_and_size_is_read(tmp_path: Path) -> None:
    use = "x = 'é'; db.from('messages')\n"
    (tmp_path / "latin.js").write_bytes(use.encode("latin-1"))
    (tmp_path / "marked.js").write_bytes(use.encode("utf-8-sig"))
    (tmp_path / "wide.js").write_bytes(use.encode("utf-16"))
    # more than two blocks, the use behind them, and data that looks like a use
    rows = "1\tselect id from messages\n" * 100_000
    (tmp_path / "dump.sql").write_text(
        f"copy chats (id, text) from stdin;\n{rows}\\.\nselect * from messages;\n"
    )
    found = [(each.path, each.line, each.column) for each in find(tmp_path).found]
    assert found == [
        ("dump.sql", 100_003, 15),
        ("latin.js", 1, 19),
        ("marked.js", 1, 19),
        ("wide.js", 1, 19),
    ]


def test_names_and_lines_are_shown_without_control_characters(tmp_path: Path) -> None:
    name = os.fsdecode(b"a\xff\x1b[2J.js")
    (tmp_path / name).write_bytes(b"/*\x1b[2J*/ db.from('messages')\n")
    (found,) = find(tmp_path).found
    assert (found.path, found.column) == ("a\ufffd\ufffd[2J.js", 19)
    assert found.text == "/*\ufffd[2J*/ db.from('messages')"


def test_a_route_that_a_framework_makes_of_a_path_is_found(tmp_path: Path) -> None:
    for name in ("pages/api/messages/[id].ts", "src/api/messages.ts"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("export default 1\n")
    found = [(each.path, each.kind, each.name) for each in find(tmp_path).found]
    assert found == [("pages/api/messages/[id].ts", "route", "/api/messages")]


def test_a_person_is_told_uses_sums_and_what_to_do(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printing.print_references(Console(), find(tree / "lib"))
    said = capsys.readouterr()
    assert said.out.startswith(
        "chat.dart:1:35: table messages -> chat_messages\n"
        "    final rows = await supabase.from('messages')"
    )
    assert "bucket  voice-notes        1            0        0  chat-files" in said.out
    assert "next: change these uses" in said.err
