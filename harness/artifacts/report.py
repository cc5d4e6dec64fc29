"""Writes report.html: the run on one page that needs no network and no script.

Owns the template's data. Reads the small ``report_*`` tables
of the marts; every value is escaped by the template engine. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup
from psycopg import sql
from psycopg.types.string import TextLoader

from harness import settings
from harness.artifacts.judgement import (
    FAILED,
    PASSED,
    PENDING,
    REVIEW,
    UNDONE,
    verdict,
    watched,
)
from harness.artifacts.linkage import CONFIDENCES, advice
from harness.artifacts.reading_run import FINDINGS
from harness.artifacts.showing import (
    humanize,
    percent,
    show,
    show_bytes,
    show_time,
)
from harness.artifacts.summary import (
    Summary,
    exceptions,
    headline,
    plural,
    reasons_sentence,
)
from harness.artifacts.verdict import (
    decision,
    is_rollback_required,
    issues,
    notes,
)
from harness.candidates import ACTIONS
from harness.database import Connection
from harness.escaping import visible

#: A ``report_*`` table of more rows than the first is shown by so many as the second.
MAX_REPORT_ROWS = 60
SAMPLE_ROWS = 10

FATES = ("kept", "merged", "skipped", "rejected")

#: How the page colours a verdict.
_TONES = {PASSED: "good", REVIEW: "wary", FAILED: "bad", PENDING: "", UNDONE: "wary"}

_TEMPLATES = Path(__file__).resolve().parent / "templates"


@dataclass(frozen=True)
class ReportTable:
    """A ``report_*`` table of the marts as it is shown: its first rows and their count.

    ``numeric`` says of each column whether it holds numbers.
    """

    name: str
    description: str | None
    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[object, ...], ...]
    total: int

    @property
    def title(self) -> str:
        """The table's name as a heading."""
        return humanize(self.name.removeprefix("report_"))


def read_reports(connection: Connection) -> tuple[ReportTable, ...]:
    """Read every ``report_*`` table or view of the marts, by name, with its comment."""
    found = connection.execute(
        "select relname, obj_description(oid, 'pg_class') from pg_class"
        " where relnamespace = to_regnamespace(quote_ident(%s))"
        " and relkind in ('r', 'p', 'v', 'm') and relname like 'report\\_%%'"
        " order by relname",
        [settings.marts_schema()],
    ).fetchall()
    return tuple(_read_report(connection, name, comment) for name, comment in found)


def report_page(summary: Summary, reports: Sequence[ReportTable] = ()) -> str:
    """Render the page of a migration's run."""
    return page(
        "report.html.j2",
        summary,
        reports=reports,
        headline=headline(summary),
        why=reasons_sentence(summary),
        linkage=summary.linkage,
        advice=advice(summary.linkage) if summary.linkage else None,
        confidences=CONFIDENCES,
    )


def page(
    template: str, summary: Summary, further: Sequence[str] = (), **more: object
) -> str:
    """Render a page of a run.

    ``further`` are issues of the pipeline's own, ``more`` is what its template needs.
    """
    return _template(template).render(
        summary=summary,
        run=summary.run,
        decision=decision(summary),
        verdict=verdict(summary),
        tone=_TONES[verdict(summary).level],
        notes=notes(summary),
        exceptions=exceptions(summary),
        issues=[*further, *issues(summary)],
        is_rollback_required=is_rollback_required(summary),
        alerts=watched(summary),
        safety=summary.safety,
        fates=FATES,
        actions=ACTIONS,
        finding_kinds=finding_kinds(summary),
        **more,
    )


def finding_kinds(summary: Summary) -> tuple[str, ...]:
    """The kinds of findings to show: those always looked for, and others found."""
    found = summary.validation.findings.values() if summary.validation else ()
    others = {kind for counts in found for kind, count in counts.items() if count}
    return (*FINDINGS, *sorted(others - set(FINDINGS)))


def _read_report(
    connection: Connection, name: str, description: str | None
) -> ReportTable:
    table = sql.Identifier(settings.marts_schema(), name)
    counted = connection.execute(
        sql.SQL("select count(*) from {}").format(table)
    ).fetchone()
    total: int = counted[0] if counted else 0
    shown = total if total <= MAX_REPORT_ROWS else SAMPLE_ROWS
    cursor = connection.cursor()
    # PostgreSQL's dates reach farther than Python's: a month is only shown.
    cursor.adapters.register_loader("date", TextLoader)
    cursor.execute(sql.SQL("select * from {} order by 1 limit {}").format(table, shown))
    rows = tuple(cursor.fetchall())
    columns = tuple(column.name for column in cursor.description or ())
    return ReportTable(
        name,
        description,
        columns,
        tuple(_is_numeric([row[i] for row in rows]) for i in range(len(columns))),
        rows,
        total,
    )


def _is_numeric(values: Sequence[object]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(
        isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
        for value in known
    )


def _visible(value: object) -> object:
    """Let no control character through; what is markup already is the page's own."""
    is_text = isinstance(value, str) and not isinstance(value, Markup)
    return visible(str(value)) if is_text else value


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        finalize=_visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        show=show, show_time=show_time, show_bytes=show_bytes, humanize=humanize
    )
    environment.globals.update(percent=percent, plural=plural)
    return environment.get_template(name)
