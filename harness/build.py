"""Runs dbt in this process, against the target, and reads its results.

dbt writes ``transform``, ``marts`` and its own ``target/`` and ``logs/`` folders. This
module only starts it with the right environment and turns failures into one sentence.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from harness import libpq, settings, signals
from harness.database import Connection, Target
from harness.errors import CheckFailed, HarnessError, Refused, UsageError, one_line

#: The keywords of libpq that profiles.yml reads from a URL.
_OF_PROFILE = (
    *("host", "port", "user", "password", "dbname"),
    *("sslmode", "sslrootcert", "connect_timeout"),
)
#: Keywords that decide nothing about where dbt connects, or how safely.
_WITHOUT_EFFECT = frozenset(
    {
        *("fallback_application_name", "keepalives", "keepalives_count"),
        *("keepalives_idle", "keepalives_interval", "tcp_user_timeout"),
    }
)
_BAD = {"error", "fail", "runtime error"}
_SHOWN = 5
#: What the server adds to its message, up to what dbt adds to that.
_QUOTING = re.compile(
    r"^\s*(DETAIL|CONTEXT):.*?(?=^\s*(HINT:|compiled code at)|\Z)",
    re.DOTALL | re.MULTILINE,
)


class BuildFailed(HarnessError):
    """dbt could not start or could not build a model."""


@dataclass(frozen=True)
class Finding:
    """A test, model or hook that warns or fails: what dbt said of it, and its SQL."""

    name: str
    said: str
    sql: str | None


@dataclass(frozen=True)
class BuildResult:
    """What a dbt build did: how many models and tests, and what wants attention.

    ``skipped`` counts the nodes that did not run because of a failure; ``notes`` are
    what the project's macros warn of.
    """

    models: int
    tests: int
    warnings: tuple[Finding, ...]
    failures: tuple[Finding, ...]
    skipped: int
    notes: tuple[str, ...] = ()


def build(
    to: Target,
    arguments: Sequence[str] = (),
    on_progress: Callable[[int, int], None] | None = None,
    *,
    with_unit_tests: bool = False,
    server: str = "",
) -> BuildResult:
    """Run ``dbt build`` with further ``arguments`` and return what it did.

    Unit tests prove the models' rules, whatever the data: they belong to a change of
    the models and are left out of a migration unless ``with_unit_tests``.

    ``server`` is what ``database.server_identity`` says of the harness's connection:
    dbt builds nothing on another. ``on_progress`` gets the nodes done and in all.
    Raises ``BuildFailed`` when dbt could not run, ``UsageError`` when it cannot be told
    how to reach the target and ``Refused`` when it has no folder to write in; failed
    tests and models are in the result.
    """
    _require_folders()
    kinds = [] if with_unit_tests else ["--exclude-resource-type", "unit_test"]
    notes: list[str] = []
    outcome = _invoke(to, ["build", *kinds, *arguments], on_progress, notes, server)
    results = list(outcome.result or []) if outcome.exception is None else []
    if not results and not outcome.success:
        raise BuildFailed(
            f"dbt could not build: {_reason(outcome)}. The live tables were not "
            f"touched. Look into {_log()}, fix the cause and run: ./inv build"
        )
    return replace(_read(results), notes=tuple(notes))


def docs(to: Target) -> None:
    """Write the project's documentation as one page into dbt's ``target_folder``.

    Raises ``BuildFailed`` when dbt cannot write it, and what ``build`` refuses.
    """
    _require_folders()
    outcome = _invoke(to, ["docs", "generate", "--static"], None, [])
    if not outcome.success:
        raise BuildFailed(
            f"dbt could not write its docs: {_reason(outcome)}. Nothing was changed. "
            "Build first with: ./inv build"
        )


def target_folder() -> Path:
    """The folder in which dbt leaves what it makes."""
    return _folder("DBT_TARGET_PATH", "target")


def _log() -> Path:
    log = _folder("DBT_LOG_PATH", "logs") / "dbt.log"
    root = settings.PROJECT_ROOT
    return log.relative_to(root) if log.is_relative_to(root) else log


def _folder(variable: str, name: str) -> Path:
    return Path(settings.PROJECT_ROOT, os.environ.get(variable) or name)


def _require_folders() -> None:
    """Raise ``Refused`` when dbt may not write its logs or what it compiles."""
    for variable, name in (("DBT_LOG_PATH", "logs"), ("DBT_TARGET_PATH", "target")):
        folder = _folder(variable, name)
        standing = next(each for each in (folder, *folder.parents) if each.exists())
        if not (standing.is_dir() and os.access(standing, os.W_OK | os.X_OK)):
            raise Refused(
                f"dbt writes into {folder}, which this user may not. Nothing was "
                f"built. Name a folder that you may write with {variable} and run the "
                "command again."
            )


def explained(connection: Connection, result: BuildResult) -> BuildResult:
    """Let each finding say the rate that its test measured, where it measures one.

    Runs the tests' own SQL and reads nothing but their figures, never a row of a chat.
    Leaves no transaction open.
    """
    return replace(
        result,
        warnings=tuple(_explained(connection, each) for each in result.warnings),
        failures=tuple(_explained(connection, each) for each in result.failures),
    )


def _explained(connection: Connection, finding: Finding) -> Finding:
    if finding.sql is None or not finding.name.endswith("_rate"):
        return finding
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(sql.SQL(finding.sql)).fetchone()
    connection.rollback()
    if row is None:
        return finding
    rate, limit = row[finding.name], row[f"max_{finding.name}"]
    share = f"{row['rows_counted']:,} of {row['rows_total']:,} rows ({rate:.1%})"
    return replace(finding, said=f"{share}, more than {limit:.1%}")


def require_built(result: BuildResult, command: str = "./inv build") -> None:
    """Raise ``CheckFailed`` naming the models and tests that failed.

    ``command`` is what to run once their cause is mended.
    """
    if not result.failures:
        return
    first = result.failures[:_SHOWN]
    shown = "; ".join(f"{each.name}: {each.said}" for each in first)
    more = len(result.failures) - _SHOWN
    raise CheckFailed(
        f"{len(result.failures)} models or tests failed in dbt build: {shown}"
        + (f"; and {more} more" if more > 0 else "")
        + (f" ({result.skipped} did not run because of it)" if result.skipped else "")
        + f". The live tables were not touched. See {_log()}, fix the cause and "
        f"run: {command}"
    )


def _invoke(
    to: Target,
    arguments: list[str],
    on_progress: Callable[[int, int], None] | None,
    notes: list[str],
    server: str = "",
) -> Any:
    from dbt.cli.main import dbtRunner

    done = 0

    def follow(event: Any) -> None:
        nonlocal done
        if event.info.name == "JinjaLogWarning":
            notes.append(one_line(event.data.msg))
        total = getattr(event.data, "total", None)
        # The hooks count their own; threads report their nodes out of order.
        if on_progress is None or not total or "Hook" in event.info.name:
            return
        done = max(done, event.data.index)
        on_progress(done, total)

    root = str(settings.PROJECT_ROOT)
    quiet = ["--quiet", "--no-use-colors", "--log-level", "none"]
    log = ["--log-level-file", "info", "--no-use-colors-file"]
    folders = ["--project-dir", root, "--profiles-dir", root]
    with _environment({**dbt_environment(to), "CARRYOVER_SERVER": server}):
        outcome = dbtRunner(callbacks=[follow]).invoke(
            [*arguments, *folders, *quiet, *log]
        )
    # dbt keeps every exception, an interruption as well.
    if isinstance(outcome.exception, KeyboardInterrupt):
        raise outcome.exception
    signals.check()
    return outcome


def dbt_environment(to: Target) -> dict[str, str]:
    """The variables that let dbt reach the target, and nothing but the target.

    dbt's profile takes some keywords of libpq; the others reach libpq in it by their
    variables. Raises ``UsageError`` for one that has none.
    """
    variables = libpq.variables()
    lost = set(to.parameters) - set(variables) - _WITHOUT_EFFECT
    if lost:
        raise UsageError(
            f"dbt cannot be given {', '.join(sorted(lost))}, which {to} is reached "
            "with. Nothing was built. Leave it out of DATABASE_URL."
        )
    named = {
        variables[key]: to.parameters[key] for key in variables if key in to.parameters
    }
    taken = {key: to.parameters[key] for key in _OF_PROFILE if key in to.parameters}
    return {**named, **Target(taken, to.is_embedded).environment}


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set the target's variables: dbt reads its connection only from there."""
    before = dict(os.environ)
    cleaned = {**libpq.without_variables(before), **variables}
    os.environ.clear()
    os.environ.update(cleaned)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _read(results: Sequence[Any]) -> BuildResult:
    kinds = Counter(str(result.node.resource_type) for result in results)
    statuses = [str(result.status) for result in results]
    found = list(zip(statuses, results, strict=True))
    return BuildResult(
        models=kinds["model"],
        tests=kinds["test"] + kinds["unit_test"],
        warnings=tuple(_finding(each) for status, each in found if status == "warn"),
        failures=tuple(_finding(each) for status, each in found if status in _BAD),
        skipped=statuses.count("skipped"),
    )


def _finding(result: Any) -> Finding:
    return Finding(
        name=result.node.name,
        said=_said(str(result.message or result.status)),
        sql=getattr(result.node, "compiled_code", None),
    )


def _said(message: str) -> str:
    """What dbt said, without the server's DETAIL and CONTEXT: they quote rows."""
    return one_line(_QUOTING.sub("", message))


def _reason(outcome: Any) -> str:
    return _said(str(outcome.exception or "no reason given"))
