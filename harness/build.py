"""Runs dbt in this process, against the target, and reads its results.

dbt writes ``transform``, ``marts`` and its own ``target/`` and ``logs/`` folders. This
module only starts it with the right environment and turns failures into one sentence.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from harness import settings
from harness.database import Target
from harness.errors import CheckFailed, HarnessError, one_line

_GOOD = {"success", "pass", "no-op"}
_SHOWN = 5


class BuildFailed(HarnessError):
    """dbt could not start or could not build a model."""


@dataclass(frozen=True)
class BuildResult:
    """What a dbt build did: how many models and tests, and what wants attention.

    ``warnings`` and ``failures`` are the names of tests, models or hooks with what dbt
    said of them; ``skipped`` counts the nodes that did not run because of a failure.
    """

    models: int
    tests: int
    warnings: tuple[tuple[str, str], ...]
    failures: tuple[tuple[str, str], ...]
    skipped: int


def build(
    to: Target,
    arguments: Sequence[str] = (),
    on_progress: Callable[[int, int], None] | None = None,
) -> BuildResult:
    """Run ``dbt build`` with further ``arguments`` and return what it did.

    ``on_progress`` gets the nodes done and in all. Raises ``BuildFailed`` when dbt
    could not run at all; failed tests and models are in the result.
    """
    outcome = _invoke(to, ["build", *arguments], on_progress)
    results = list(outcome.result or []) if outcome.exception is None else []
    if not results and not outcome.success:
        raise BuildFailed(
            f"dbt could not build: {_reason(outcome)}. The live tables were not "
            "touched. Look into logs/dbt.log, mend the cause and run: ./inv build"
        )
    return _read(results)


def docs(to: Target) -> None:
    """Write the project's documentation as one page, ``target/static_index.html``.

    Raises ``BuildFailed`` when dbt cannot write it.
    """
    outcome = _invoke(to, ["docs", "generate", "--static"], None)
    if not outcome.success:
        raise BuildFailed(
            f"dbt could not write its docs: {_reason(outcome)}. Nothing was changed. "
            "Build first with: ./inv build"
        )


def require_built(result: BuildResult) -> None:
    """Raise ``CheckFailed`` naming the models and tests that failed."""
    if not result.failures:
        return
    shown = "; ".join(f"{name}: {what}" for name, what in result.failures[:_SHOWN])
    more = len(result.failures) - _SHOWN
    raise CheckFailed(
        f"{len(result.failures)} models or tests failed in dbt build: {shown}"
        + (f"; and {more} more" if more > 0 else "")
        + (f" ({result.skipped} did not run because of it)" if result.skipped else "")
        + ". The live tables were not touched. See logs/dbt.log, mend the cause and "
        "run: ./inv build"
    )


def _invoke(
    to: Target,
    arguments: list[str],
    on_progress: Callable[[int, int], None] | None,
) -> Any:
    from dbt.cli.main import dbtRunner

    def follow(event: Any) -> None:
        total = getattr(event.data, "total", None)
        if on_progress is not None and total:
            on_progress(event.data.index, total)

    root = str(settings.PROJECT_ROOT)
    quiet = ["--quiet", "--no-use-colors", "--log-level", "none"]
    log = ["--log-level-file", "info", "--no-use-colors-file"]
    folders = ["--project-dir", root, "--profiles-dir", root]
    with _environment(to.environment):
        return dbtRunner(callbacks=[follow]).invoke([*arguments, *folders, *quiet, *log])


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set the target's variables: dbt reads its connection only from there."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _read(results: Sequence[Any]) -> BuildResult:
    kinds = Counter(str(result.node.resource_type) for result in results)
    entries: dict[str, list[tuple[str, str]]] = {"warn": [], "bad": []}
    skipped = 0
    for result in results:
        status = str(result.status)
        kind = status if status == "warn" else "bad"
        if status == "skipped":
            skipped += 1
        elif status not in _GOOD:
            said = one_line(result.message or status)
            entries[kind].append((result.node.name, said))
    return BuildResult(
        models=kinds["model"],
        tests=kinds["test"] + kinds["unit_test"],
        warnings=tuple(entries["warn"]),
        failures=tuple(entries["bad"]),
        skipped=skipped,
    )


def _reason(outcome: Any) -> str:
    return one_line(outcome.exception or "no reason given")
