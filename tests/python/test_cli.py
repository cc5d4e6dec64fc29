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


@pytest.fixture
def ran() -> list[str]:
    """What the tasks of ``program_of`` have done."""
    return []


def run_recording(ran: list[str], *argv: str) -> int:
    """Run a program of one task, ``carry --execute --run NAME``."""

    @harness_task(help={"execute": "do it", "run": "a name", "count": "a number"})
    def carry(
        _: Context, execute: bool = False, run: str | None = None, count: int = 1
    ) -> None:
        """Carry it."""
        ran.append(f"execute {execute}, run {run}, count {count}")

    program = Program(namespace=Collection(carry), binary="./inv")
    try:
        program.run(["inv", *argv])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


#: Invoke's own options, which did nothing here, and some that nothing has.
NOT_OFFERED = [
    *(
        ["--dry"],
        ["-R"],
        ["--warn-only"],
        ["-w"],
        ["--pty"],
        ["-p"],
        ["--echo"],
        ["-e"],
    ),
    *(["--command-timeout", "1"], ["-T", "1"], ["--hide", "both"], ["--hide=both"]),
    *(["--prompt-for-sudo-password"], ["--config", "x.yaml"], ["-f", "x.yaml"]),
    *(["--collection", "tasks"], ["--search-root", "/tmp"], ["--no-dedupe"]),
    *(["--debug"], ["-d"], ["--write-pyc"], ["--complete"], ["--list-depth", "1"]),
    *(["--print-completion-script", "bash"], ["--list-format", "json"]),
    *(["--dry-run"], ["--yes"], ["-x"], ["--execute=no"], ["--", "--execute"]),
]


@pytest.mark.parametrize("options", NOT_OFFERED, ids=" ".join)
@pytest.mark.parametrize("is_first", [True, False])
def test_an_option_that_does_nothing_is_refused_by_name(
    options: list[str], is_first: bool, ran: list[str], capsys: Any
) -> None:
    task = ["carry", "--execute"]
    argv = [*options, *task] if is_first else [*task, *options]
    assert run_recording(ran, *argv) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "Nothing was run." in said
    named = "no" if "=no" in options[0] and not is_first else options[0].split("=")[0]
    assert named in said
    assert ran == []


def test_dry_is_told_what_prints_the_plan(ran: list[str], capsys: Any) -> None:
    run_recording(ran, "carry", "--dry")
    assert "prints its plan without it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("carri",), "there is no task 'carri'"),
        (("",), "there is no task ''"),
        (("carry", "--run"), "the option --run of ./inv carry needs a value"),
        (("carry", "--run", "--execute"), "--run of ./inv carry needs a value"),
        (("carry", "--run", "--help"), "--run of ./inv carry needs a value"),
        (("carry", "--run", "--dry"), "--run of ./inv carry needs a value"),
        (("carry", "--count", "many"), "--count needs a whole number, not 'many'"),
        (("carry", "--count=1.5"), "--count needs a whole number, not '1.5'"),
        (("carry", "surplus"), "there is no task 'surplus'"),
        (("carry", "--execute", "--list", "carry"), "'carry' is ambiguous"),
        (("--help", "nothing"), "there is no task 'nothing'"),
        (("--list", "nothing"), "there is no group of tasks nothing"),
        (("--execute", "carry"), "./inv has no option --execute"),
    ],
    ids=str,
)
def test_what_cannot_be_understood_is_one_sentence(
    argv: tuple[str, ...], said: str, ran: list[str], capsys: Any
) -> None:
    assert run_recording(ran, *argv) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert said in err
    assert ran == []


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--help",), "--version"),
        (("-h",), "--version"),
        (("--help", "carry"), "--execute"),
        (("carry", "--help"), "--execute"),
        (("carry", "--execute", "-h"), "--run=STRING"),
        (("carry", "--help", "--execute"), "Usage: ./inv carry"),
        (("--list",), "Carry it."),
        (("carry", "--execute", "--list"), "Carry it."),
        (("--version",), "unknown"),
        (("carry", "--execute", "--version"), "unknown"),
        ((), "--version"),
    ],
    ids=str,
)
def test_a_question_is_answered_wherever_it_is_asked(
    argv: tuple[str, ...], said: str, ran: list[str], capsys: Any
) -> None:
    assert run_recording(ran, *argv) == 0
    assert said in capsys.readouterr().out
    assert ran == []


def test_help_names_no_option_that_does_nothing(ran: list[str], capsys: Any) -> None:
    run_recording(ran, "--help")
    offered = re.findall(r"--[a-z-]+", capsys.readouterr().out.partition("Subc")[0])
    assert set(offered) == {"--help", "--list", "--version"}


def test_settings_of_invoke_change_nothing(
    ran: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings_of_invoke = "tasks: {executor_class: no.Such}\nrun: {dry: true}\n"
    for name in (".invoke.yaml", "invoke.yaml", "invoke.yml"):
        (tmp_path / name).write_text(settings_of_invoke)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("INVOKE_RUNTIME_CONFIG", str(tmp_path / "invoke.yaml"))
    monkeypatch.setenv("INVOKE_RUN_DRY", "1")
    monkeypatch.setenv("INVOKE_TASKS_EXECUTOR_CLASS", "no.Such")
    assert run_recording(ran, "carry", "--execute", "--count", "2") == 0
    assert ran == ["execute True, run None, count 2"]


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
