"""The command line around the tasks: errors, exit codes, file arguments.

Invoke parses and dispatches; this module turns ``HarnessError`` into a message and an
exit code, and usage errors into exit code 2, which Invoke would end with 1.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import invoke.program
import invoke.tasks
from invoke.exceptions import Exit, ParseError
from psycopg import errors

from harness.database import lost_connections_named, said_by
from harness.errors import HarnessError, Refused
from harness.pipelines import MIGRATION, Pipeline, working_on

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
EXIT_OUTPUT_CLOSED = 141


class Program(invoke.program.Program):
    """Invoke's program with the project's exit code for a usage error."""

    def parse_core(self, argv: list[str] | None) -> None:
        """Parse Invoke's own options; a usage error ends with exit code 2."""
        with _usage_errors():
            super().parse_core(argv)

    def parse_tasks(self) -> None:
        """Parse the tasks and their options; a usage error ends with exit code 2."""
        with _usage_errors():
            super().parse_tasks()


@contextmanager
def _usage_errors() -> Iterator[None]:
    try:
        yield
    except ParseError as error:
        raise Exit(
            f"error: {error} See ./inv --list, or ./inv --help TASK.", code=EXIT_USAGE
        ) from None


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
            try:
                with lost_connections_named(), working_on(pipeline):
                    return body(*args, **kwargs)
            except HarnessError as error:
                raise Exit(f"error: {error}", code=error.exit_code) from error
            except errors.ReadOnlySqlTransaction as error:
                raise Exit(
                    f"error: this task writes, and the database takes no writes "
                    f"({said_by(error)}). What was under way was rolled back. Let it "
                    "take writes, or name another one with DATABASE_URL.",
                    code=Refused.exit_code,
                ) from error
            except KeyboardInterrupt:
                raise Exit(
                    "interrupted; what was not finished has been taken back",
                    code=EXIT_INTERRUPTED,
                ) from None

        return invoke.tasks.task(
            run, help=dict(help or {}), auto_shortflags=False, **options
        )

    return decorate


def file_argument(path: str | None) -> str | None:
    """Resolve a file argument against the folder in which ``./inv`` was called.

    ``-`` stays; it means standard input.
    """
    if path is None or path == "-":
        return path
    called_in = os.environ.get("CARRYOVER_CWD", "")
    return str(Path(called_in, Path(path).expanduser()))


def main() -> None:
    """Run the tasks of ``tasks.py``."""
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
        # once more when it closes the stream (its documentation, note on SIGPIPE).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_OUTPUT_CLOSED)
