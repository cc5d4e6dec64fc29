"""``./inv`` makes its environment when it must, only then, and gets out of the way.

The Python and the uv that it finds are scripts that note what they were asked, so
nothing is installed. What a real set-up gives is shown by CI, which begins with one.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.settings import PROJECT_ROOT

SHELL_TOOLS = (
    "sh",
    "cat",
    "cksum",
    "cp",
    "dirname",
    "kill",
    "mkdir",
    "readlink",
    "rm",
    "rmdir",
    "sleep",
    "touch",
)

FAKE_PYTHON = """#!/bin/sh
case "$*" in
    *version_info*) [ -z "$TOO_OLD" ] && echo "${IDENTITY:-python 3.12.1 /usr}" ;;
    *ensurepip*) [ -z "$NO_VENV" ] ;;
    "-m venv "*)
        echo "$*" >>"$CALLS"
        mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
    "-m pip "*)
        echo "$*" >>"$CALLS"
        touch .venv/half-made
        sleep "${PIP_SECONDS:-0}"
        [ -z "$PIP_FAILS" ] ;;
    "-m harness"*)
        echo "in $(pwd) for $CARRYOVER_CWD"
        for argument; do echo "<$argument>"; done
        exit "${TASK_STATUS:-0}" ;;
esac
"""

FAKE_UV = """#!/bin/sh
echo "uv $*" >>"$CALLS"
for last; do :; done
case "$1" in
    venv) mkdir -p "$last/bin" && cp "$FAKE_PYTHON" "$last/bin/python" ;;
esac
"""


@dataclass
class Project:
    """A project folder with an ``inv``, and the machine that it is run on."""

    folder: Path
    tools: Path
    calls_file: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def calls(self) -> list[str]:
        """What the fake Python and uv were asked to do, in order."""
        text = self.calls_file.read_text() if self.calls_file.exists() else ""
        return text.splitlines()

    def command(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self.folder / "inv"), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**self.environment, **variables},
            cwd=self.folder.parent,
            start_new_session=True,
        )

    def run(
        self, *arguments: str, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        process = self.command(*arguments, **variables)
        out, err = process.communicate()
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "a project"
    folder.mkdir()
    shutil.copy(PROJECT_ROOT / "inv", folder / "inv")
    (folder / "requirements.lock").write_text("invoke==3.0.3\n")
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in SHELL_TOOLS:
        (tools / tool).symlink_to(shutil.which(tool) or tool)
    home = tmp_path / "home"
    home.mkdir()
    calls = tmp_path / "calls"
    made = Project(folder, tools, calls)
    made.environment = {"PATH": str(tools), "HOME": str(home), "CALLS": str(calls)}
    add_program(made, "python3", FAKE_PYTHON)
    return made


def add_program(project: Project, name: str, text: str) -> None:
    program = project.tools / name
    program.write_text(text)
    program.chmod(0o755)


def add_uv(project: Project) -> None:
    add_program(project, "uv", FAKE_UV)
    project.environment["FAKE_PYTHON"] = str(project.tools / "python3")


def test_the_first_run_sets_up_in_one_line_and_then_runs_the_task(
    project: Project,
) -> None:
    done = project.run("demo", "--dump", "my dump.sql")

    assert done.returncode == 0
    assert done.stderr.startswith("setting up the environment")
    assert done.stderr.count("\n") == 1
    assert done.stdout.splitlines()[-3:] == ["<demo>", "<--dump>", "<my dump.sql>"]
    venv, pip = project.calls
    assert venv == "-m venv .venv"
    assert "--require-hashes --no-deps -r requirements.lock" in pip


def test_later_runs_set_nothing_up_and_say_nothing(project: Project) -> None:
    project.run("demo")
    before = project.calls
    done = project.run("demo")

    assert (done.returncode, done.stderr) == (0, "")
    assert project.calls == before


def change_the_lock(project: Project) -> None:
    (project.folder / "requirements.lock").write_text("invoke==3.0.4\n")


def change_the_python(project: Project) -> None:
    project.environment["IDENTITY"] = "python 3.13.0 /usr"


def lose_the_stamp(project: Project) -> None:
    (project.folder / ".venv" / "set-up-for").unlink()


def break_the_python(project: Project) -> None:
    (project.folder / ".venv" / "bin" / "python").unlink()


def move_the_project(project: Project) -> None:
    project.folder = project.folder.rename(project.folder.with_name("moved"))


@pytest.mark.parametrize(
    "change",
    [
        change_the_lock,
        change_the_python,
        lose_the_stamp,
        break_the_python,
        move_the_project,
    ],
)
def test_the_environment_is_made_anew_when_it_no_longer_fits(
    change: Callable[[Project], None], project: Project
) -> None:
    project.run("demo")
    change(project)
    done = project.run("demo")

    assert done.stderr.startswith("setting up the environment")
    assert len(project.calls) == 4
    assert project.run("demo").stderr == ""


def test_the_python_that_is_named_is_the_one_that_is_used(project: Project) -> None:
    project.run("demo")
    other = FAKE_PYTHON.replace("3.12.1", "3.14.0")
    add_program(project, "other", other)
    done = project.run("demo", PYTHON="other")

    assert done.stderr.startswith("setting up the environment")
    assert project.run("demo", PYTHON="other").stderr == ""
    assert project.run("demo").stderr == ""


def test_a_named_python_that_is_none_is_an_error(project: Project) -> None:
    done = project.run("demo", PYTHON="missing")

    assert done.returncode == 1
    assert done.stderr.startswith("inv: PYTHON=missing is not a Python 3.10 to 3.14")
    assert project.calls == []


def test_another_python_is_found_when_python3_is_too_old(project: Project) -> None:
    add_program(project, "python3.11", FAKE_PYTHON)
    add_program(project, "python3", "#!/bin/sh\nexit 1\n")

    assert project.run("demo").returncode == 0


def test_without_a_python_the_error_says_what_to_install(project: Project) -> None:
    done = project.run("demo", TOO_OLD="yes")

    assert done.returncode == 1
    assert re.search(r"no Python 3\.10 to 3\.14 .* apt install", done.stderr)
    assert done.stderr.count("\n") == 1
    assert not (project.folder / ".venv").exists()


def test_without_the_venv_module_the_error_says_what_to_install(
    project: Project,
) -> None:
    done = project.run("demo", NO_VENV="yes")

    assert done.returncode == 1
    assert "apt install python3-venv" in done.stderr
    assert project.calls == []


def test_uv_is_used_when_it_is_there_and_needs_no_venv_module(project: Project) -> None:
    add_uv(project)
    done = project.run("demo", NO_VENV="yes")

    assert done.returncode == 0
    venv, install = project.calls
    assert venv.startswith("uv venv ")
    assert f"--python {project.tools}/python3 .venv" in venv
    assert install.startswith("uv pip install ")
    assert "--require-hashes -r requirements.lock" in install
    assert "--compile-bytecode" in install


@pytest.mark.parametrize("home", [{}, {"HOME": "/dev/null/none"}])
@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_without_a_home_there_is_no_cache(
    installer: str, home: dict[str, str], project: Project
) -> None:
    if installer == "uv":
        add_uv(project)
    del project.environment["HOME"]
    done = project.run("demo", **home)

    assert done.returncode == 0
    assert "--no-cache" in project.calls[-1]


def test_a_set_up_that_failed_is_begun_anew(project: Project) -> None:
    failed = project.run("demo", PIP_FAILS="yes")
    (project.folder / ".venv" / "left").touch()
    done = project.run("demo")

    assert failed.returncode == 1
    assert "pip could not set up the environment" in failed.stderr
    assert failed.stdout == ""
    assert done.returncode == 0
    assert not (project.folder / ".venv" / "left").exists()


def test_a_set_up_that_was_interrupted_is_begun_anew(project: Project) -> None:
    interrupted = project.command("demo", PIP_SECONDS="600")
    wait_for(project.folder / ".venv" / "half-made")
    os.killpg(interrupted.pid, signal.SIGTERM)
    interrupted.communicate()

    assert interrupted.returncode == 143
    assert not (project.folder / ".venv.lock").exists()
    assert project.run("demo").returncode == 0


def test_two_at_once_set_up_once(project: Project) -> None:
    first = project.command("demo", PIP_SECONDS="1")
    wait_for(project.folder / ".venv" / "half-made")
    second = project.run("demo")
    first.communicate()

    assert (first.returncode, second.returncode) == (0, 0)
    assert "waiting for the set-up that another ./inv began" in second.stderr
    assert len(project.calls) == 2


def test_the_guard_of_a_process_that_is_gone_is_taken_over(project: Project) -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    guard = project.folder / ".venv.lock"
    guard.mkdir()
    (guard / "pid").write_text(f"{gone.pid}\n")

    assert project.run("demo").returncode == 0
    assert not guard.exists()


def test_the_tasks_exit_code_is_the_exit_code(project: Project) -> None:
    assert project.run("validate", TASK_STATUS="3").returncode == 3
    assert project.run("publish", TASK_STATUS="4").returncode == 4


def test_it_runs_in_the_project_for_a_caller_anywhere_and_through_links(
    project: Project, tmp_path: Path
) -> None:
    links = tmp_path / "links"
    links.mkdir()
    (links / "relative").symlink_to("../a project/inv")
    (links / "twice").symlink_to(links / "relative")
    done = subprocess.run(
        ["./twice", "demo"],
        cwd=links,
        env=project.environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.startswith(f"in {project.folder} for {links}\n")


def test_the_lock_pins_every_dependency_by_hash_and_names_no_place() -> None:
    lock = (PROJECT_ROOT / "requirements.lock").read_text()
    pyproject = (PROJECT_ROOT / "pyproject.toml").read_text()
    blocks = re.findall(r"^([a-z0-9.-]+)==(?:.*\\\n)+", lock, re.MULTILINE)
    pinned = re.findall(r"^[a-z0-9.-]+==", lock, re.MULTILINE)
    needed = re.findall(r'^    "([a-z0-9-]+)[\[=<>]', pyproject, re.MULTILINE)

    assert len(needed) >= 12
    assert set(needed) <= set(blocks)
    assert len(blocks) == len(pinned)
    assert not re.search(r"://|file:|--index|--find-links", lock)


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.02)
