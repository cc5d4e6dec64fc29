"""What the validation of the consolidation derives, compares and reports."""

from __future__ import annotations

from typing import Any

from psycopg import sql

from harness import settings
from harness.database import Connection
from harness.published import PublishedTable
from harness.queries import query
from harness.validate import existing, listing
from harness.validate.outcome import LISTED, Relation, Rules, Scope

#: The namespaces that the models use as well (macros/uuids.sql).
UNLINKED_SESSION_NAMESPACE = "0b6f1c52-93a4-5d7e-8e21-4c5a7f90d318"
VOICE_NOTE_NAMESPACE = "c8d20e9b-6a15-5f43-b7d4-19e3a65f0c72"

#: What becomes of a legacy row; ``removed`` are those that users deleted since.
_FATES = ("migrated", "merged", "skipped", "failed", "removed")
_TABLES = ("chat_sessions", "chat_messages")


def derive(connection: Connection) -> None:
    """Work out from the landing tables what must be live, in temporary tables."""
    connection.execute(
        query(
            "consolidation_expected",
            unlinked_session_namespace=sql.Literal(UNLINKED_SESSION_NAMESPACE),
            voice_note_namespace=sql.Literal(VOICE_NOTE_NAMESPACE),
        )
    )


def _is_within(table: PublishedTable) -> sql.Composable:
    """Every session is; a message is in a session that we brought or brought forward.

    A mart that extends sessions has no rows beside those expected.
    """
    if table.extends:
        return sql.SQL("false")
    if table.name == "chat_sessions":
        return sql.SQL("true")
    return sql.SQL(
        "(live.session_id in (select id from {}) or live.session_id in"
        " (select id from {}))"
    ).format(
        listing.expected("chat_sessions"),
        listing.expected("extended_sessions"),
    )


def _is_landed(table: PublishedTable) -> sql.Composable:
    if table.name != "chat_messages":
        return sql.SQL("false")
    # A message that stood under a legacy row's id before is the application's.
    return sql.SQL(
        "((live.id in (select id from {}) or live.id in (select id from {}))"
        " and live.id not in"
        " (select id from pg_temp.standing_messages where id is not null))"
    ).format(_landing("messages"), _landing("voice_notes"))


def _examine(
    connection: Connection, scope: Scope, relation: Relation
) -> tuple[list[str], dict[str, Any]]:
    """Look at the rows that stood before, and follow each legacy row to its message."""
    compared_with = existing.compare(connection, scope, relation)
    if scope.published_at is None:
        return [], {"existing_rows_compared_with": None, "origins": {}}
    connection.execute(
        query(
            "consolidation_fates",
            run_id=sql.Literal(scope.run_id),
            in_use=sql.Literal(scope.in_use),
            messages=relation("chat_messages"),
        )
    )
    origins = _origins(connection)
    errors = [
        f"{figures['unaccounted']:,} of {figures['read']:,} "
        f"{origin.replace('_', ' ')} not accounted for"
        for origin, figures in origins.items()
        if figures["unaccounted"]
    ]
    return errors, {
        "existing_rows_compared_with": compared_with,
        "origins": origins,
        "unaccounted_rows": _unaccounted(connection),
    }


def _origins(connection: Connection) -> dict[str, dict[str, int]]:
    """Count, by legacy table, the rows read and what became of each of them.

    Unaccounted are those whose message is not live, and those that the derivation
    knows nothing of, or carries twice.
    """
    fates: dict[tuple[str, str | None], int] = {
        (origin, fate): rows
        for origin, fate, rows in connection.execute(
            "select origin, fate, count(*) from pg_temp.legacy_fates group by 1, 2"
        ).fetchall()
    }
    origins = {}
    for origin, read in connection.execute(
        sql.SQL(
            "select table_name, rows from {} where table_name in"
            " ('messages', 'voice_notes') order by 1"
        ).format(_landing("tables"))
    ).fetchall():
        figures = {fate: fates.get((origin, fate), 0) for fate in _FATES}
        lost = fates.get((origin, None), 0)
        unknown = abs(read - lost - sum(figures.values()))
        origins[origin] = {"read": read, **figures, "unaccounted": lost + unknown}
    return origins


def _unaccounted(connection: Connection) -> list[dict[str, str]]:
    """Name the legacy rows whose message is not live, and that message."""
    rows = connection.execute(
        "select origin, source_id::text, message_id::text from pg_temp.legacy_fates"
        " where fate is null order by 1, 2 limit %s",
        [LISTED],
    ).fetchall()
    keys = ("origin", "id", "message_id")
    return [dict(zip(keys, row, strict=True)) for row in rows]


def _result(
    connection: Connection, found: dict[str, Any], live_relation: Relation
) -> dict[str, Any]:
    """Assemble ``consolidation-validation-results.json``.

    ``origins`` is what takes the place of the specification's integrity query, which
    counts voice messages as if they were voice notes. A list names at most ``LISTED``
    ids, and none the text of a message.
    """
    live = listing.live_counts(connection)
    every = (*_TABLES, "extended_sessions")
    return {
        "validated_at": found["validated_at"],
        "is_valid": found["is_valid"],
        "run_id": found["run_id"],
        "origins": found["origins"],
        **{f"total_{name}": live[name] for name in _TABLES},
        **listing.listed(connection, "missing", every),
        **listing.listed(connection, "orphaned", _TABLES),
        **listing.listed(connection, "extra", every),
        **listing.listed(connection, "altered", _TABLES),
        "message_sender_mismatches": listing.mismatches(
            connection, "sender_id", live_relation
        ),
        "message_session_mismatches": listing.mismatches(
            connection, "session_id", live_relation
        ),
        "unaccounted_rows": found.get("unaccounted_rows", []),
        "validation_errors": found["validation_errors"],
        "notes": found["notes"],
        "existing_rows_compared_with": found["existing_rows_compared_with"],
        "expected_rows": listing.expected_counts(connection),
        "findings": found["findings"],
        "different_rows": listing.differences(connection, "different"),
        "altered_rows": listing.differences(connection, "altered"),
    }


def _landing(table: str) -> sql.Identifier:
    return sql.Identifier(settings.staging_schema(), settings.legacy_landing(table))


RULES = Rules(derive, _is_within, _is_landed, _examine, _result)
