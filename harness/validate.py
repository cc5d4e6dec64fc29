"""Compares every row of the live tables with the source, by its own SQL.

Works from the landing tables, not from the models: what must be live is derived a
second time in ``harness/sql/expected_rows.sql``. Reads the live tables, writes only
temporary tables and the ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import psycopg
from psycopg import sql

from harness import candidates, hashing, ledger, linkage, settings, target
from harness.database import Connection, committed, said_by
from harness.errors import CheckFailed, HarnessError
from harness.live_values import as_live
from harness.published import TABLES, PublishedTable
from harness.queries import query
from harness.variables import source_timezone, thresholds

#: How many ids a list of the results names at most; the counts are always whole.
LISTED = 10_000

#: The namespace and the endings that the models use as well (macros/media.sql).
MEDIA_NAMESPACE = "5d9b2a4e-7c1f-5e0a-9f3b-2a6c8d4e1b70"
IMAGE_PATTERN = r"^\S+\.(jpe?g|png|gif|webp|heic|heif|bmp|tiff?|avif|svg)(\?\S*)?$"

#: The last three are no faults: rows that the application wrote since, ours that it
#: changed or deleted since, and those that publish found so and left.
FINDINGS = ("missing", "different", "extra", "orphaned", "newer", "changed", "left")


class ValidationFailed(HarnessError):
    """The database could not compare; nothing was changed."""


@dataclass(frozen=True)
class Validation:
    """The outcome: ``findings`` by table and kind; ``result`` is the artifact."""

    run_id: str
    is_valid: bool
    findings: dict[str, dict[str, int]]
    errors: tuple[str, ...]
    result: dict[str, Any]


def validate(connection: Connection, *, in_use: bool = False) -> Validation:
    """Compare the live tables with the landed dump, row by row, and commit the result.

    With ``in_use`` what happened since the last publish is the application's own doing:
    rows that are newer than it, and rows of ours that are not as it left them, are
    counted apart and are no fault. Raises ``Refused`` when nothing is landed,
    ``TargetMissing`` without live tables and ``ValidationFailed`` when the database
    cannot compare them. Whether the result is valid is for the caller to look at.
    """
    started = datetime.now(timezone.utc)
    try:
        with committed(connection):
            return _validate(connection, in_use=in_use, started=started)
    except psycopg.Error as error:
        raise ValidationFailed(
            f"validating failed in the database: {said_by(error)}. Nothing was "
            "changed. Mend the cause and run: ./inv validate"
        ) from error


def derive(connection: Connection, timezone: str, how: linkage.Linkage) -> None:
    """Work out from the landing tables what must be live, in temporary tables.

    ``timezone`` is that of the source's wall-clock times.
    """
    links = query(f"expected_links_{how.strategy}")
    if how.merges:
        links += query("expected_links_merge")
    connection.execute(
        query(
            "expected_rows",
            links=links,
            source_timezone=sql.Literal(timezone),
            media_namespace=sql.Literal(MEDIA_NAMESPACE.replace("-", "")),
            image_pattern=sql.Literal(IMAGE_PATTERN),
        )
    )


def require_valid(validation: Validation) -> None:
    """Raise ``CheckFailed`` with the first faults when the result is not valid."""
    if validation.is_valid:
        return
    raise CheckFailed(
        f"{faults(validation)}. Nothing was changed. See chat-validation-results.json, "
        "and take the publish back with: ./inv rollback --execute"
    )


def faults(validation: Validation) -> str:
    """Name the first faults of a result that is not valid."""
    shown = "; ".join(validation.errors[:4])
    more = len(validation.errors) - 4
    return f"the live tables are not as the source has it: {shown}" + (
        f"; and {more} more" if more > 0 else ""
    )


def _validate(connection: Connection, *, in_use: bool, started: datetime) -> Validation:
    ledger.ensure(connection)
    run = ledger.current_run(connection)
    ledger.require_live_schema(connection)
    target.require_tables(connection)
    hashing.fix_session(connection)
    derive(connection, _source_timezone(connection), linkage.built(connection))
    published_at = _published_at(connection)
    for table in linkage.tables(connection):
        _compare(connection, run.run_id, table, published_at, in_use=in_use)
    findings = {table.name: _counts(connection, table) for table in TABLES}
    errors = tuple(_errors(connection, run.run_id, findings))
    result = _result(connection, run.run_id, findings, errors, started)
    record = ledger.StepRecord(
        rows=sum(_live_counts(connection).values()),
        detail={"findings": findings, "in_use": in_use},
        status="failed" if errors else "done",
    )
    ledger.add_step(connection, run.run_id, "validate", started, record)
    ledger.add_validation(connection, run.run_id, started, not errors, result)
    if run.status not in ("loaded", "built"):
        ledger.set_status(connection, run.run_id, "invalid" if errors else "validated")
    return Validation(run.run_id, not errors, findings, errors, result)


def _compare(
    connection: Connection,
    run_id: str,
    table: PublishedTable,
    published_at: datetime | None,
    *,
    in_use: bool,
) -> None:
    live = {c.name: c for c in target.describe(connection, table.name)}
    compared = [c for c in table.columns if c in live and c != "id"]
    differing = [
        sql.SQL("case when live.{} is distinct from {} then {} end").format(
            sql.Identifier(column), as_live("expected", live[column]), column
        )
        for column in compared
    ]
    connection.execute(
        query(
            "compare_rows",
            findings=_findings(table.name),
            expected=_expected(table.name),
            table=sql.Identifier(table.name),
            table_name=sql.Literal(table.name),
            run_id=sql.Literal(run_id),
            differing_columns=sql.SQL(", ").join(differing),
            was_published=sql.Literal(published_at is not None),
            is_newer=_is_newer(live, published_at if in_use else None),
            is_within=_is_within(table),
            is_landed=_is_landed(table),
            content_hash=_left_hash(connection, run_id, table, set(live)),
            owned_hash=candidates.live_hash(
                connection, table.name, "live", sql.Identifier("owned", "run_id")
            ),
            in_use=sql.Literal(in_use),
            orphans=_orphans(table),
        )
    )
    connection.execute(sql.SQL("analyze {}").format(_findings(table.name)))


def _left_hash(
    connection: Connection, run_id: str, table: PublishedTable, live: set[str]
) -> sql.Composable:
    """Compose the hash of a live row as the run's publish took it of what it left."""
    detail = ledger.step_detail(connection, run_id, "publish") or {}
    hashed = detail.get("hashed_columns", {}).get(table.name)
    if not hashed or not set(hashed) <= live:
        return sql.SQL("null::text")
    return hashing.content_hash("live", hashed)


def _is_newer(
    live: dict[str, target.Column], published_at: datetime | None
) -> sql.Composable:
    if published_at is None or "created_at" not in live:
        return sql.SQL("false")
    return sql.SQL("live.created_at >= {}").format(sql.Literal(published_at))


def _is_within(table: PublishedTable) -> sql.Composable:
    """Compose whether a live row stands where this migration publishes.

    Every chat does; a message or an image does when its parent is an expected one.
    """
    if table.name == "chats":
        return sql.SQL("true")
    column, parent = next(iter(table.references.items()))
    return sql.SQL("live.{} in (select id from {})").format(
        sql.Identifier(column), _expected(parent)
    )


def _is_landed(table: PublishedTable) -> sql.Composable:
    """Compose whether a live row is one of the source that must not be live."""
    landed = {"chats": "chat", "chat_messages": "message"}.get(table.name)
    if landed is None:
        return sql.SQL("false")
    return sql.SQL("live.id in (select pg_temp.as_uuid(id) from {})").format(
        sql.Identifier(settings.staging_schema(), landed)
    )


def _orphans(table: PublishedTable) -> sql.Composed:
    """Compose the references of a live row whose parent is missing."""
    if not table.references:
        return sql.SQL("select null::text as reference where false").format()
    return sql.SQL(" union all ").join(
        sql.SQL(
            "select {reference}::text as reference where live.{column} is not null"
            " and not exists"
            " (select 1 from {parent} as parent where parent.id = live.{column})"
        ).format(
            reference=sql.Literal(column),
            column=sql.Identifier(column),
            parent=sql.Identifier(settings.live_schema(), parent),
        )
        for column, parent in table.references.items()
    )


def _counts(connection: Connection, table: PublishedTable) -> dict[str, int]:
    counts = dict.fromkeys(FINDINGS, 0)
    for finding, count in connection.execute(
        sql.SQL("select finding, count(*) from {} group by 1").format(
            _findings(table.name)
        )
    ).fetchall():
        counts[finding] = count
    return counts


def _errors(
    connection: Connection, run_id: str, findings: dict[str, dict[str, int]]
) -> list[str]:
    """Say in words what is wrong, a sentence for each table and kind of fault."""
    errors = []
    for table in TABLES:
        for finding in ("missing", "different", "extra", "orphaned"):
            count = findings[table.name][finding]
            if count:
                errors.append(_sentence(connection, table.name, finding, count))
    failed, expected = _failed(connection, run_id)
    limit = thresholds().max_error_rate
    if expected and failed / expected > limit:
        errors.append(
            f"{failed:,} of {expected:,} rows failed to publish, more than {limit:.0%}"
        )
    return errors


def _sentence(connection: Connection, table: str, finding: str, count: int) -> str:
    row = connection.execute(
        sql.SQL(
            "select id, columns from {} where finding = %s order by id limit 1"
        ).format(_findings(table)),
        [finding],
    ).fetchone()
    example, columns = row if row else (None, None)
    where = f" in {', '.join(columns)}" if columns else ""
    rows = "row" if count == 1 else "rows"
    return f"{count:,} {finding} {rows} of {table} (such as {example}{where})"


def _failed(connection: Connection, run_id: str) -> tuple[int, int]:
    row = connection.execute(
        query("failed_counts", run_id=sql.Literal(run_id))
    ).fetchone()
    return (row[0], row[1]) if row else (0, 0)


def _result(
    connection: Connection,
    run_id: str,
    findings: dict[str, dict[str, int]],
    errors: tuple[str, ...],
    validated_at: datetime,
) -> dict[str, Any]:
    """Assemble ``chat-validation-results.json`` in the specification's shape.

    The keys after ``validation_errors`` are ours: what was expected, and the findings
    that the shape has no place for. A list names at most ``LISTED`` ids.
    """
    source = connection.execute(query("source_counts")).fetchone()
    active_chats, messages = source if source else (0, 0)
    live = _live_counts(connection)
    return {
        "validated_at": validated_at.isoformat(),
        "is_valid": not errors,
        "total_mysql_chats": active_chats,
        "total_mysql_messages": messages,
        "total_pg_chats": live["chats"],
        "total_pg_messages": live["chat_messages"],
        **_listed(connection, "missing", ("chats", "chat_messages")),
        **_listed(connection, "orphaned", ("chats", "chat_messages")),
        "chat_booking_mismatches": _booking_mismatches(connection),
        "message_sender_mismatches": _senders(connection),
        "validation_errors": list(errors),
        "run_id": run_id,
        "expected_rows": {
            table.name: _count(connection, _expected(table.name)) for table in TABLES
        },
        "findings": findings,
        **_listed(connection, "missing", ("media",)),
        **_listed(connection, "orphaned", ("media",)),
        **_listed(connection, "extra", ("chats", "chat_messages", "media")),
        "different_rows": _differences(connection),
    }


def _listed(
    connection: Connection, finding: str, tables: Sequence[str]
) -> dict[str, list[str]]:
    """List the ids of a kind of fault under the names of the specification."""
    return {
        f"{finding}_{table.removeprefix('chat_')}": _ids(connection, table, finding)
        for table in tables
    }


def _ids(connection: Connection, table: str, finding: str) -> list[str]:
    rows = connection.execute(
        sql.SQL(
            "select distinct id::text from {} where finding = %s order by 1 limit %s"
        ).format(_findings(table)),
        [finding, LISTED],
    ).fetchall()
    return [row[0] for row in rows]


def _differences(connection: Connection) -> list[dict[str, Any]]:
    """Name the rows and columns that differ; never the text of a message."""
    parts = [
        sql.SQL(
            "select {} as table_name, id::text, columns from {} where finding = {}"
        ).format(table.name, _findings(table.name), "different")
        for table in TABLES
    ]
    rows = connection.execute(
        sql.SQL("{} order by 1, 2 limit {}").format(
            sql.SQL(" union all ").join(parts), LISTED
        )
    ).fetchall()
    return [
        {"table": name, "id": row_id, "columns": cols} for name, row_id, cols in rows
    ]


def _senders(connection: Connection) -> list[dict[str, str]]:
    rows = connection.execute(
        query(
            "sender_mismatches",
            findings=_findings("chat_messages"),
            expected=_expected("chat_messages"),
            listed=sql.Literal(LISTED),
        )
    ).fetchall()
    keys = ("message_id", "expected_sender", "actual_sender")
    return [dict(zip(keys, row, strict=True)) for row in rows]


def _booking_mismatches(connection: Connection) -> int:
    row = connection.execute(
        sql.SQL(
            "select count(*) from {} where finding = 'different'"
            " and 'booking_id' = any(columns)"
        ).format(_findings("chats"))
    ).fetchone()
    return int(row[0]) if row else 0


def _live_counts(connection: Connection) -> dict[str, int]:
    return {
        table.name: _count(
            connection, sql.Identifier(settings.live_schema(), table.name)
        )
        for table in TABLES
    }


def _count(connection: Connection, table: sql.Identifier) -> int:
    row = connection.execute(
        sql.SQL("select count(*) from {}").format(table)
    ).fetchone()
    return int(row[0]) if row else 0


def _published_at(connection: Connection) -> datetime | None:
    """When rows were last published, or None when none were or all were taken back."""
    row = connection.execute(query("last_published")).fetchone()
    return row[0] if row else None


def _source_timezone(connection: Connection) -> str:
    """The zone of the source's wall-clock times, as the marts were built with it.

    Before a build it is the project's: to tell what is missing needs no marts.
    """
    marts = f'"{settings.marts_schema()}".loaded_run'
    built = connection.execute("select to_regclass(%s) is not null", [marts]).fetchone()
    row = (
        connection.execute(query("built_timezone")).fetchone()
        if built == (True,)
        else None
    )
    return str(row[0]) if row else source_timezone()


def _findings(table: str) -> sql.Identifier:
    return sql.Identifier("pg_temp", f"findings_{table}")


def _expected(table: str) -> sql.Identifier:
    return sql.Identifier("pg_temp", f"expected_{table}")
