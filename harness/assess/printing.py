"""What ``assess`` prints: text for a person, JSON for a program.

Holds names, counts and places; never a value of a row.
"""

from __future__ import annotations

from typing import Any

from harness.assess.assessment import Assessment
from harness.assess.profile import Reason, TableProfile
from harness.console import Console
from harness.load.ids import USUAL


def as_dict(found: Assessment) -> dict[str, Any]:
    """The assessment as ``--json`` prints it; sizes in bytes."""
    summary = found.outcome.summary
    return {
        "can_be_loaded": found.can_be_loaded,
        "problems": found.problems,
        "problems_of_other_tables": found.others,
        "is_whole": found.is_whole,
        "dumps": [
            {"name": dump.name, "bytes": dump.bytes, "sha256": dump.sha256}
            for dump in found.outcome.dumps
        ],
        "producer": summary.producer,
        "is_signed": summary.has_trailer,
        "charsets": summary.charsets,
        "sql_modes": summary.sql_modes,
        "time_zone": summary.time_zone,
        "tables": [
            _table_as_dict(table) for _, table in sorted(found.profile.tables.items())
        ],
        "tables_skipped": _skipped(found),
        "views_skipped": summary.views,
        "routines_skipped": summary.routines,
        "ids": [
            {"table": table, "column": column, "forms": ids.named_forms}
            for table, column, ids in found.ids
        ],
        "rejected": [vars(reason) for reason in found.profile.reasons.values()],
        "differences": [vars(each) for each in found.differences],
        "warnings": found.warnings,
        "seconds": round(found.seconds, 3),
    }


def print_assessment(console: Console, found: Assessment) -> None:
    """Print the assessment as text."""
    width = max(len(name) for name, _ in _facts(found)) + 2
    for name, fact in _facts(found):
        console.result(f"{name:{width}}{fact}")
    for columns, rows in (
        *(_tables(found), _columns(found)),
        *(_ids(found), _rejected(found)),
    ):
        if rows:
            console.result("")
            console.table(columns, rows)
    _print_list(
        console,
        "not as the models need it:",
        [
            str(each) if each.stops_load else f"{each} (no hindrance to a load)"
            for each in found.differences
        ],
    )
    _print_list(console, "hinders other tables only:", found.others)
    _print_list(console, "it cannot be loaded:", found.problems)
    if found.can_be_loaded:
        console.result("\nit can be loaded")
    for warning in found.warnings:
        console.warn(warning)


def _facts(found: Assessment) -> list[tuple[str, str]]:
    summary = found.outcome.summary
    size = sum(part.bytes for dump in found.dumps for part in dump.parts)
    size = found.outcome.bytes if found.is_whole else size
    routines = [f"{count:,} {kind}s" for kind, count in summary.routines.items()]
    ending = "signed" if summary.has_trailer else "not signed"
    return [
        ("dump", ", ".join(dump.name for dump in found.dumps) + f", {size:,} bytes"),
        ("producer", summary.producer or "not named"),
        ("end", ending if found.is_whole else "not reached"),
        ("character set", ", ".join(summary.charsets) or "no rows"),
        ("sql_mode", "; ".join(mode or "none" for mode in summary.sql_modes) or "none"),
        ("time zone", summary.time_zone or "not named"),
        ("views skipped", ", ".join(summary.views) or "none"),
        ("routines skipped", ", ".join(routines) or "none"),
        *([("tables skipped", ", ".join(_skipped(found)))] if _skipped(found) else []),
    ]


def _skipped(found: Assessment) -> list[str]:
    """Tables that were not looked at, because only the selected ones could be."""
    return [
        name
        for name in found.outcome.summary.tables
        if name not in found.profile.tables
    ]


def _tables(found: Assessment) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    columns = ("table", "columns", "rows", "rejected", "bytes")
    rows: list[tuple[object, ...]] = [
        (name, len(table.columns), table.rows, table.rejected, table.bytes)
        for name, table in sorted(found.profile.tables.items())
    ]
    return columns, rows


def _columns(found: Assessment) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    names = ("column", "type", "NULL", "zero dates", "double-encoded", "with NUL")
    rows: list[tuple[object, ...]] = [
        (
            f"{name}.{column.column.name}",
            column.column.mysql_type,
            column.nulls,
            column.zero_dates,
            column.double_encoded,
            column.with_nul,
        )
        for name, table in sorted(found.profile.tables.items())
        for column in table.columns.values()
        if column.has_findings
    ]
    return names, rows


def _ids(found: Assessment) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """The columns whose ids are not all in the usual form."""
    rows: list[tuple[object, ...]] = [
        (f"{table}.{column}", ", ".join(ids.named_forms))
        for table, column, ids in found.ids
        if ids.named_forms not in ([], [USUAL])
    ]
    return ("ids", "read as"), rows


def _rejected(found: Assessment) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    columns = ("rejected from", "rows", "reason", "first in", "line", "byte")
    rows: list[tuple[object, ...]] = [
        _reason_row(reason) for reason in found.profile.reasons.values()
    ]
    return columns, rows


def _reason_row(found: Reason) -> tuple[object, ...]:
    return (
        found.table,
        found.rows,
        found.reason,
        found.file,
        found.line,
        found.byte_offset,
    )


def _print_list(console: Console, heading: str, lines: list[str]) -> None:
    if lines:
        console.result("\n" + heading)
        for line in lines:
            console.result(f"  {line}")


def _table_as_dict(table: TableProfile) -> dict[str, Any]:
    return {
        "table": table.table.name,
        "rows": table.rows,
        "rejected": table.rejected,
        "bytes": table.bytes,
        "columns": [
            {
                "column": name,
                "type": column.column.mysql_type,
                "nulls": column.nulls,
                "zero_dates": column.zero_dates,
                "double_encoded": column.double_encoded,
                "with_nul": column.with_nul,
            }
            for name, column in table.columns.items()
        ],
    }
