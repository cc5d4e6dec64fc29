"""The command line: every task explained, the README true, errors in one sentence."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from invoke.collection import Collection
from invoke.context import Context
from invoke.tasks import Task

import tasks
from harness import settings
from harness.cli import Program, file_argument
from harness.cli import task as harness_task
from harness.errors import HarnessError, Refused


def every_task() -> Iterator[tuple[str, Task[Any]]]:
    defaults = {
        f"{group}.{collection.default}": group
        for group, collection in tasks.namespace.collections.items()
        if collection.default
    }
    for name in tasks.namespace.task_names:
        yield defaults.get(name, name), tasks.namespace[name]


def run(*argv: str) -> int:
    program = Program(namespace=tasks.namespace, binary="./inv", binary_names=["inv"])
    with pytest.raises(SystemExit) as ended:
        program.run(["inv", *argv])
    return int(ended.value.code or 0)


def test_the_readme_lists_every_task_with_its_sentence() -> None:
    readme = (settings.PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition("\n## Tasks\n")[2].partition("\n## ")[0]
    listed = dict(re.findall(r"^\| `([a-z.-]+)` \| (.+?) \|$", section, re.MULTILINE))
    stated = {name: (task.__doc__ or "").strip() for name, task in every_task()}
    assert listed == stated


#: Asked once and of copies: invoke takes a flag's help away when it hands it out.
ARGUMENTS = {name: copy.deepcopy(task).get_arguments() for name, task in every_task()}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_every_flag_has_help(name: str) -> None:
    for argument in ARGUMENTS[name]:
        assert argument.help, f"{name} --{argument.name} has no help"


@pytest.mark.parametrize(
    "argv",
    [("no-such-task",), ("load",), ("load", "x", "--no-such-flag"), ("--nothing",)],
)
def test_a_usage_error_ends_with_2(
    argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*argv) == 2
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize(("error", "code"), [(HarnessError, 1), (Refused, 4)])
def test_a_harness_error_is_one_sentence_and_its_code(
    error: type[HarnessError], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    @harness_task()
    def failing(_: Context) -> None:
        raise error("the thing is missing.")

    program = Program(namespace=Collection(failing), binary_names=["inv"])
    with pytest.raises(SystemExit) as ended:
        program.run(["inv", "failing"])
    assert ended.value.code == code
    assert capsys.readouterr().err == "error: the thing is missing.\n"


def test_an_interruption_ends_with_130() -> None:
    @harness_task()
    def slow(_: Context) -> None:
        raise KeyboardInterrupt

    program = Program(namespace=Collection(slow), binary_names=["inv"])
    with pytest.raises(SystemExit) as ended:
        program.run(["inv", "slow"])
    assert ended.value.code == 130


def test_files_are_found_from_where_inv_was_called(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CARRYOVER_CWD", str(tmp_path))
    assert file_argument("dump.sql") == str(tmp_path / "dump.sql")
    assert file_argument("/there/dump.sql") == "/there/dump.sql"
    assert file_argument("-") == "-"
    assert file_argument(None) is None
