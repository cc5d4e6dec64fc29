"""Runs Great Expectations: checkpoint ``landing`` before dbt, ``live`` after publish.

The consolidation has its own two, ``consolidation_landing`` and ``consolidation_live``:
the pipeline at work decides. What is expected stands in ``gx/``; this module gives it a
connection, runs it, and says in the project's own words what did not hold. The
connection is read-only and its search path is the checkpoint's schema, so that no suite
names a schema. Writes the Data Docs into the folder that it is given, and nothing else:
no table, and nothing below ``gx/``.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import database, pipelines, session_settings, settings
from harness.artifacts.folder import close_tree, make_private, named_when_not_written
from harness.console import counted
from harness.errors import HarnessError, Refused, UsageError, one_line

if TYPE_CHECKING:
    from great_expectations.checkpoint.checkpoint import CheckpointResult
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.data_context.file_data_context import (
        FileDataContext,
    )

CONTEXT_ROOT = settings.PROJECT_ROOT / "gx"

#: The tables that each checkpoint reads, in the schemas that ``_schemas`` names.
TABLES: dict[str, tuple[str, ...]] = {
    "landing": ("chat", "message", "booking", "bookings_created", "user_id_mapping"),
    "live": (
        "profiles",
        "bookings",
        "chats",
        "chat_messages",
        "media",
        "published_rows",
    ),
    "consolidation_landing": (
        "legacy_loads",
        "legacy_tables",
        "legacy_profiles",
        "legacy_bookings",
        "legacy_messages",
        "legacy_voice_notes",
        "legacy_chat_sessions",
        "legacy_chat_messages",
    ),
    "consolidation_live": (
        "profiles",
        "bookings",
        "chat_sessions",
        "chat_messages",
        "published_rows",
    ),
}
_NAMES = ("landing", "live")
_MISSING_REMEDY = {
    "landing": "Load a dump first: ./inv load --dump FILE",
    "live": "Load a dump and publish it first: ./inv migrate --dump FILE --execute",
    "consolidation_landing": "Land the legacy tables first: ./inv consolidate.land",
    "consolidation_live": "Publish them first: ./inv consolidate --execute",
}
_DATASOURCE = "target"
_SAMPLE_VALUES = 5
_SAMPLE_CHARACTERS = 120


class NothingToAudit(Refused):
    """A table that the checkpoint reads does not stand in the database."""


class AuditError(HarnessError):
    """Great Expectations could not run the checkpoint."""


@dataclass(frozen=True)
class Finding:
    """An expectation that did not hold.

    ``table`` is the audited table and ``column`` None where the whole table is meant.
    ``description`` is the invariant, as the suite states it; ``observed`` what was
    found instead; ``unexpected_count`` the number of rows, None where none can be
    counted. ``sample`` has up to five of the values, each cut to 120 characters.
    """

    table: str
    column: str | None
    expectation: str
    description: str
    severity: str
    observed: str
    unexpected_count: int | None
    sample: tuple[str, ...]

    def __str__(self) -> str:
        """The finding as one clause: where, what was expected, what was found."""
        place = f"{self.table}.{self.column}" if self.column else self.table
        expected = self.description.rstrip(".")
        return f"{place}: expected: {expected}; found: {self.observed}"


@dataclass(frozen=True)
class AuditResult:
    """What a checkpoint found: ``failed`` stops a run, ``warnings`` do not.

    ``expectations`` is the number that were checked; ``docs_index`` the first page of
    the Data Docs.
    """

    name: str
    run_id: str
    passed: bool
    expectations: int
    failed: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    seconds: float
    docs_index: Path

    def summary(self) -> str:
        """Say in one sentence what was found; the first finding stands for the rest."""
        if self.failed:
            more = len(self.failed) - 1
            others = f", and {more} more" if more else ""
            return (
                f"checkpoint {self.name} failed {len(self.failed)} of "
                f"{self.expectations} expectations: {self.failed[0]}{others}."
            )
        if self.warnings:
            return (
                f"checkpoint {self.name} passed all critical expectations of "
                f"{self.expectations}, with {counted(len(self.warnings), 'warning')}: "
                + "; ".join(str(warning) for warning in self.warnings)
                + "."
            )
        return f"checkpoint {self.name} passed all {self.expectations} expectations."

    def as_detail(self) -> dict[str, Any]:
        """Give the result as JSON for the ledger, without this machine's paths."""
        return {
            "checkpoint": self.name,
            "passed": self.passed,
            "expectations": self.expectations,
            "failed": [asdict(finding) for finding in self.failed],
            "warnings": [asdict(finding) for finding in self.warnings],
        }


def run_checkpoint(
    name: str, *, run_id: str, docs_dir: Path, to: database.Target | None = None
) -> AuditResult:
    """Run a checkpoint on the target and write its Data Docs below ``docs_dir``.

    ``name`` is ``landing`` or ``live``, of the pipeline at work. The results of both,
    and of earlier audits of the same folder, share its index. A failed expectation is
    no error here: the caller looks at ``passed``. Raises ``UsageError`` for another
    name, ``NothingToAudit`` when a table is missing, and ``AuditError`` when the
    checkpoint itself cannot run.
    """
    if name not in _NAMES:
        raise UsageError(
            f"there is no checkpoint {name!r}; the checkpoints are {', '.join(_NAMES)}."
        )
    checkpoint = _checkpoint(name)
    target = to or database.target()
    _require_tables(checkpoint, target)
    docs_dir = docs_dir.resolve()
    started = time.monotonic()
    again = pipelines.current().command(f"audit.{name}")
    done = "The checkpoint only read the database."
    with (
        named_when_not_written(run_id, done, again),
        _quiet(),
        _pinned_sessions(checkpoint),
    ):
        make_private(docs_dir)
        try:
            result = _run(name, run_id, connection_url(target), docs_dir)
        finally:
            close_tree(docs_dir)
    failed, mild = _sort(_findings(result))
    return AuditResult(
        name=name,
        run_id=run_id,
        passed=not failed,
        expectations=sum(len(each.results) for each in result.run_results.values()),
        failed=failed,
        warnings=mild,
        seconds=time.monotonic() - started,
        docs_index=docs_dir / "index.html",
    )


def open_context(url: str, docs_dir: Path) -> FileDataContext:
    """Open the committed context on a connection.

    Both values are given to Great Expectations directly and not through the process's
    environment, which every child process would inherit.
    """
    import great_expectations as gx

    return gx.get_context(
        mode="file",
        context_root_dir=CONTEXT_ROOT,
        runtime_environment={
            "CARRYOVER_GX_URL": url,
            "CARRYOVER_GX_DOCS": str(docs_dir),
        },
    )


def _run(name: str, run_id: str, url: str, docs_dir: Path) -> CheckpointResult:
    # Importing Great Expectations takes seconds, and most tasks never need it.
    from great_expectations.datasource.fluent.interfaces import TestConnectionError
    from great_expectations.exceptions.exceptions import GreatExpectationsError

    context = open_context(url, docs_dir)
    try:
        with closing(context.data_sources.get(_DATASOURCE).get_execution_engine()):
            checkpoint = context.checkpoints.get(_checkpoint(name))
            return checkpoint.run(run_id=run_identifier(run_id))
    except (GreatExpectationsError, TestConnectionError) as error:
        reason = one_line(error)
        raise AuditError(
            f"checkpoint {name} could not run: {reason}. The database was only read. "
            "Remove the cause, then run: "
            f"{pipelines.current().command(f'audit.{name}')}"
        ) from error


def run_identifier(run_id: str) -> RunIdentifier:
    """Name a run to Great Expectations, with the time at which it is audited.

    Without a time the library reads one out of the name, and takes the digits at the
    end of a run's id for an offset, which may be no offset at all.
    """
    from great_expectations.core.run_identifier import RunIdentifier

    return RunIdentifier(run_name=run_id, run_time=datetime.now(timezone.utc))


def _checkpoint(name: str) -> str:
    """What the checkpoint of the pipeline at work is called in ``gx/``."""
    at_work = pipelines.current()
    return name if at_work is pipelines.MIGRATION else f"{at_work.name}_{name}"


def _schemas(checkpoint: str) -> list[str]:
    if checkpoint.endswith("landing"):
        return [settings.staging_schema()]
    return [settings.live_schema(), settings.ledger_schema()]


def _require_tables(checkpoint: str, target: database.Target) -> None:
    with database.connect(target) as connection:
        rows = connection.execute(
            "select wanted from unnest(%s::text[]) as wanted where not exists ("
            " select from pg_class inner join pg_namespace"
            " on pg_class.relnamespace = pg_namespace.oid"
            " where relname = wanted and nspname = any(%s))",
            [list(TABLES[checkpoint]), _schemas(checkpoint)],
        ).fetchall()
    if rows:
        raise NothingToAudit(
            f"checkpoint {checkpoint} reads {', '.join(row[0] for row in rows)}, which "
            f"{' and '.join(_schemas(checkpoint))} of {target} lack. Nothing was "
            f"changed. {_MISSING_REMEDY[checkpoint]}"
        )


def connection_url(target: database.Target) -> str:
    """Name the target for SQLAlchemy."""
    parameters = {
        **target.parameters,
        "application_name": "carryover audit",
        "client_encoding": session_settings.CLIENT_ENCODING,
    }
    url = replace(target, parameters=parameters).url
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


@contextmanager
def _pinned_sessions(checkpoint: str) -> Iterator[None]:
    """Let every session of SQLAlchemy begin with our settings, read-only.

    Its names are looked up in the checkpoint's schemas.
    """
    from sqlalchemy import event
    from sqlalchemy.pool import Pool

    def pin(connection: Any, _: object) -> None:
        session_settings.pin(
            connection, search_path=_schemas(checkpoint), read_only=True
        )

    event.listen(Pool, "connect", pin)
    try:
        yield
    finally:
        event.remove(Pool, "connect", pin)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the library says about itself off the terminal.

    Its log repeats what the results hold, and its warnings are for its own developers.
    """
    logger = logging.getLogger("great_expectations")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _findings(result: CheckpointResult) -> Iterator[Finding]:
    for validation in result.run_results.values():
        for each in validation.results:
            if not each.success:
                yield _finding(str(validation.asset_name), each)


def _sort(
    findings: Iterable[Finding],
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Part the findings that stop a run from the others.

    A warning is left out where the same expectation of its column failed critically: it
    only repeats the failure by a stricter measure.
    """
    found = tuple(findings)
    failed = tuple(each for each in found if each.severity == "critical")
    said = {
        (each.table, each.column, each.expectation) for each in failed if each.column
    }
    mild = tuple(
        each
        for each in found
        if each.severity != "critical"
        and (each.table, each.column, each.expectation) not in said
    )
    return failed, mild


def _finding(table: str, result: ExpectationValidationResult) -> Finding:
    configuration = result.expectation_config
    if configuration is None:
        raise AuditError(f"a result for {table} does not name its expectation")
    error = _error(result.exception_info)
    details: Mapping[str, Any] = result.result or {}
    observed, count = _observed(details)
    return Finding(
        table=table,
        column=configuration.kwargs.get("column"),
        expectation=configuration.type,
        description=configuration.description or configuration.type,
        # An expectation that could not be checked proves nothing, however mild it is.
        severity="critical" if error else str(configuration.severity.value),
        observed=f"could not be checked: {error}" if error else observed,
        unexpected_count=None if error else count,
        sample=_sample(details),
    )


def _error(info: Mapping[str, Any] | None) -> str | None:
    """Find the message of an exception; the library nests it by metric, or does not."""
    if not info:
        return None
    if "raised_exception" not in info:
        messages = (_error(nested) for nested in info.values())
        return next(filter(None, messages), None)
    if not info["raised_exception"]:
        return None
    return one_line(info["exception_message"])


def _observed(details: Mapping[str, Any]) -> tuple[str, int | None]:
    """Say what was found, and count the unexpected rows where that can be done."""
    count = details.get("unexpected_count")
    if count is not None:
        return f"{count:,} unexpected of {details['element_count']:,} rows", count
    if "unexpected_rows" in (details.get("details") or {}):
        count = int(details["observed_value"])
        return counted(count, "unexpected row"), count
    missing = ((details.get("details") or {}).get("mismatched") or {}).get("missing")
    if missing:
        return f"no column {', '.join(missing)}", None
    return str(details.get("observed_value")), None


def _sample(details: Mapping[str, Any]) -> tuple[str, ...]:
    rows = (details.get("details") or {}).get("unexpected_rows")
    if rows is not None:
        texts = [", ".join(f"{key} {row[key]}" for key in row) for row in rows]
    else:
        values = details.get("partial_unexpected_list") or []
        texts = [str(value) for value in values if value is not None]
    return tuple(text[:_SAMPLE_CHARACTERS] for text in texts[:_SAMPLE_VALUES])
