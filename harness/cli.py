"""The command line around the tasks: errors, exit codes, file arguments.

Invoke parses and dispatches; this module turns ``HarnessError`` into a message and an
exit code, and usage errors into exit code 2, which Invoke would end with 1.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import itertools
import os
import re
import signal
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import invoke.config
import invoke.program
import invoke.tasks
import psycopg
from invoke.exceptions import Exit, ParseError
from invoke.parser.argument import Argument
from invoke.parser.context import ParserContext

from harness import settings, signals
from harness.console import fit_streams
from harness.database import all_closed, lost_connections_named, said_by
from harness.errors import HarnessError, Refused, UsageError
from harness.pipelines import MIGRATION, Pipeline, working_on

EXIT_USAGE = 2
EXIT_OUTPUT_CLOSED = 141

#: What Python makes of a byte of the command line that it cannot decode.
_SURROGATE = re.compile("[\ud800-\udfff]")
#: The options whose files may have names of any bytes.
_FILES = frozenset({"dump", "bookings", "users"})


class Config(invoke.config.Config):
    """Invoke's defaults, whatever files and variables the machine has for it."""

    def load_base_conf_files(self) -> None:
        """Read no ``invoke.yaml``, neither the system's nor the user's."""

    def load_shell_env(self) -> None:
        """Read no ``INVOKE_…`` variable."""


class Program(invoke.program.Program):
    """Invoke's program with the options that work here, and 2 for a usage error."""

    def core_args(self) -> list[Argument]:
        """Offer no option of Invoke that would be accepted and do nothing."""
        return [
            Argument(
                names=("help", "h"),
                optional=True,
                help="Explain these options, or a task: --help TASK or TASK --help.",
            ),
            Argument(
                names=("list", "l"),
                optional=True,
                help="List the tasks, or those of a group: --list storage.",
            ),
            Argument(
                names=("version", "V"),
                kind=bool,
                default=False,
                help="Say the version.",
            ),
        ]

    def create_config(self) -> None:
        """Use Invoke's defaults alone."""
        self.config = Config()

    def update_config(self, merge: bool = True) -> None:
        """Leave the defaults as they are: no option here changes them."""

    def parse_core(self, argv: list[str] | None) -> None:
        """Parse the options before the task; a usage error ends with exit code 2."""
        self.normalize_argv(argv)
        with _usage_errors(self.argv):
            self.parse_core_args()
            if self.core.remainder:
                raise ParseError("Nothing may follow --.")

    def parse_tasks(self) -> None:
        """Parse the tasks and their options; a usage error ends with exit code 2."""
        with _usage_errors(self.argv):
            super().parse_tasks()
            options = {f"--{argument.name}" for argument in super().core_args()}
            for context in self.tasks:
                for argument in context.args.values():
                    _require_value(argument, context, options)

    def execute(self) -> None:
        """Run the tasks; from here on a signal has work to roll back."""
        signals.begin()
        super().execute()

    def parse_cleanup(self) -> None:
        """Answer --version, --help and --list, wherever they are given."""
        if self.args.version.value:
            self.print_version()
            raise Exit
        asked, group = self.args.help.value, self.args.list.value
        with _usage_errors(self.argv):
            if isinstance(asked, str) and asked not in self.parser.contexts:
                raise ParseError(f"No idea what {asked!r} is!")
            if isinstance(group, str) and group not in self.collection.collections:
                raise ParseError(f"There is no group of tasks {group}.")
        if isinstance(asked, str):
            self.print_task_help(asked)
        elif asked:
            self.print_help()
        elif group:
            if isinstance(group, str):
                self.list_root = group
                self.scoped_collection = self.collection.collections[group]
            self.list_tasks()
        elif self.tasks:
            return
        else:
            self.print_help()
        raise Exit

    def print_help(self) -> None:
        """Print what may be given before a task, and the tasks."""
        print(f"Usage: {self.binary} TASK [OPTIONS]\n\nOptions:\n")
        self.print_columns(self.initial_context.help_tuples())
        self.list_tasks()

    def print_task_help(self, name: str) -> None:
        """Print what a task does and its options."""
        options = self.parser.contexts[name].help_tuples()
        print(f"Usage: {self.binary} {name}{' [OPTIONS]' if options else ''}\n")
        print(f"{inspect.getdoc(self.collection[name])}\n")
        if options:
            print("Options:")
            self.print_columns(options)


def _require_value(
    argument: Argument, context: ParserContext, options: Collection[str]
) -> None:
    """Raise ``ParseError`` for a value that is none, or that no database can take."""
    given = argument.value if isinstance(argument.value, list) else [argument.value]
    for value in given:
        # Invoke takes an option that the task lacks for a value.
        if value in options:
            raise ParseError(f"Flag {argument!r} needed value", context)
        is_file = argument.name in _FILES
        if isinstance(value, str) and not is_file and _SURROGATE.search(value):
            raise ParseError(
                f"The option --{argument.name} was given {value!r}, whose bytes are no "
                "text in this locale. Set LC_ALL=C.UTF-8, or write it in this locale.",
                context,
            )


@contextmanager
def _usage_errors(argv: Sequence[str]) -> Iterator[None]:
    try:
        yield
    except ParseError as error:
        task = error.context.name if error.context else None
        said = _explained(str(error), task)
    except ValueError as error:
        # Raised by int(): an option that is a number was given something else.
        task, (_, _, given) = None, str(error).rpartition(": ")
        said = (
            f"the option {_option_of(given, argv)} needs a whole number, not {given}."
        )
    else:
        return
    see = f"--help {task}" if task else "--list"
    raise Exit(f"error: {said} Nothing was run. See ./inv {see}", code=EXIT_USAGE)


def _explained(said: str, task: str | None) -> str:
    """Say in the project's words what Invoke's parser did not understand."""
    command = f"./inv {task}" if task else "./inv"
    if found := re.fullmatch(r"No idea what (.*) is!", said, re.DOTALL):
        word = found[1][1:-1]
        if word in ("--dry", "-R"):
            return (
                f"there is no option {word}: a task that takes --execute prints its "
                "plan without it."
            )
        if word.startswith("-"):
            return f"{command} has no option {word}."
        return f"there is no task {word!r}{_similar(word)}."
    if found := re.search(r"Flag <Argument: ([\w-]+)", said):
        return f"the option --{found[1]} of {command} needs a value."
    if found := re.search(r"required positional arguments: (.*)", said):
        return f"{command} needs {found[1]}."
    return f"{said[:1].lower()}{said[1:]}" + ("" if said.endswith(".") else ".")


def _similar(word: str) -> str:
    import tasks

    near = difflib.get_close_matches(word, tasks.namespace.task_names, n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def _option_of(given: str, argv: Sequence[str]) -> str:
    """Name the option that was given this value, as ``int`` quotes it."""
    for before, word in itertools.pairwise(argv):
        name, _, value = word.partition("=")
        if repr(word) == given:
            return before
        if repr(value) == given:
            return name
    return "that was given"


def task(
    help: Mapping[str, str] | None = None,
    pipeline: Pipeline = MIGRATION,
    **options: Any,
) -> Callable[..., Any]:
    """Make a task whose ``HarnessError`` becomes one sentence and an exit code.

    ``help`` explains each of the task's flags; it works on ``pipeline``; ``options``
    are Invoke's.
    """

    def decorate(body: Callable[..., Any]) -> Any:
        @functools.wraps(body)
        def run(*args: Any, **kwargs: Any) -> Any:
            with _ended(), lost_connections_named(), working_on(pipeline):
                settings.require_names()
                return body(*args, **kwargs)

        return invoke.tasks.task(
            run, help=dict(help or {}), auto_shortflags=False, **options
        )

    return decorate


@contextmanager
def _ended() -> Iterator[None]:
    """Close what a task opened, and turn what ended it into a sentence and a code."""
    with all_closed() as opened:
        try:
            signals.check()
            yield
            signals.check()
        except BaseException as error:
            number = signals.received()
            # Whatever a library made of the signal: it is what ended the task.
            if number is not None or isinstance(error, KeyboardInterrupt):
                signals.taken()
                raise _stopped(number or signal.SIGINT, bool(opened)) from None
            if isinstance(error, HarnessError):
                raise Exit(f"error: {error}", code=error.exit_code) from error
            if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
                raise Exit(_read_only(error), code=Refused.exit_code) from error
            if isinstance(error, psycopg.Error):
                # A traceback would print the server's DETAIL, which quotes rows.
                raise Exit(_unexpected(error), code=HarnessError.exit_code) from error
            raise


def _read_only(error: psycopg.Error) -> str:
    return (
        "error: this task writes, and the database takes no writes "
        f"({said_by(error)}). What was under way was rolled back. Let it take writes, "
        "or name another one with DATABASE_URL."
    )


def _unexpected(error: psycopg.Error) -> str:
    return (
        f"error: the database refused a statement: {said_by(error)} (SQLSTATE "
        f"{error.sqlstate}). What was not committed is rolled back, what was committed "
        "stays. See what is done with ./inv status, and the statement in the server's "
        "log."
    )


def _stopped(number: int, was_connected: bool) -> Exit:
    left = (
        "What was committed stays, what was not is rolled back. See what is done with "
        "./inv status, then run the command again."
        if was_connected
        else "No work in a database was begun."
    )
    return Exit(
        f"stopped by {signal.Signals(number).name}. {left}",
        code=signals.exit_code(number),
    )


def file_argument(path: str | None) -> str | None:
    """Resolve a file argument against the folder in which ``./inv`` was called.

    ``-`` stays; it means standard input. Raises ``UsageError`` for a ``~`` of a user
    who has no home.
    """
    if path is None or path == "-":
        return path
    called_in = os.environ.get("CARRYOVER_CWD", "")
    try:
        return str(Path(called_in, Path(path).expanduser()))
    except RuntimeError:
        raise UsageError(
            f"{path} names a home folder that is not known. Nothing was run. Write the "
            "path in full."
        ) from None


def main() -> None:
    """Run the tasks of ``tasks.py``."""
    fit_streams()
    import tasks
    from harness import __version__

    program = Program(
        name="Carryover",
        binary="./inv",
        binary_names=["inv"],
        version=__version__,
        namespace=tasks.namespace,
    )
    try:
        program.run(["inv", *(sys.argv[1:] or ["--list"])])
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has gone, `| head` for one; Python would complain
        # once more when it closes the streams (its documentation, note on SIGPIPE).
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())
        sys.exit(EXIT_OUTPUT_CLOSED)
