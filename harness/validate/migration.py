"""What the validation of the migration derives, compares and reports."""

from __future__ import annotations

from typing import Any

from psycopg import sql

from harness import linkage, settings
from harness.database import Connection
from harness.published import PublishedTable
from harness.queries import query
from harness.validate import listing
from harness.validate.outcome import Relation, Rules, Scope
from harness.variables import source_timezone

#: The namespace and the endings that the models use as well (macros/media.sql).
MEDIA_NAMESPACE = "5d9b2a4e-7c1f-5e0a-9f3b-2a6c8d4e1b70"
IMAGE_PATTERN = r"^\S+\.(jpe?g|png|gif|webp|heic|heif|bmp|tiff?|avif|svg)(\?\S*)?$"


def derive(connection: Connection, timezone: str, how: linkage.Linkage) -> None:
    """Work out from the landing tables what must be live, in temporary tables.

    ``timezone`` is that of the source's wall-clock times.
    """
    links = query(f"expected_links_{how.strategy}")
    if how.merges:
        links += query("expected_links_merge")
    connection.execute(query("landed_ids"))
    connection.execute(
        query(
            "expected_rows",
            links=links,
            source_timezone=sql.Literal(timezone),
            media_namespace=sql.Literal(MEDIA_NAMESPACE.replace("-", "")),
            image_pattern=sql.Literal(IMAGE_PATTERN),
        )
    )


def _derive(connection: Connection) -> None:
    derive(connection, _source_timezone(connection), linkage.built(connection))


def _is_within(table: PublishedTable) -> sql.Composable:
    """Every chat is; a message or an image is when its parent is an expected one."""
    if table.name == "chats":
        return sql.SQL("true")
    column, parent = next(iter(table.references.items()))
    return sql.SQL("live.{} in (select id from {})").format(
        sql.Identifier(column), listing.expected(parent)
    )


def _is_landed(table: PublishedTable) -> sql.Composable:
    landed = {"chats": "chat", "chat_messages": "message"}.get(table.name)
    if landed is None:
        return sql.SQL("false")
    return sql.SQL("live.id in (select pg_temp.as_uuid(id) from {}())").format(
        sql.Identifier("pg_temp", f"landed_{landed}")
    )


def _examine(
    _: Connection, __: Scope, ___: Relation
) -> tuple[list[str], dict[str, Any]]:
    return [], {}


def _result(
    connection: Connection, found: dict[str, Any], live_relation: Relation
) -> dict[str, Any]:
    """Assemble ``chat-validation-results.json`` in the specification's shape.

    The keys after ``validation_errors`` are ours: what was expected, and the findings
    that the shape has no place for. A list names at most ``LISTED`` ids.
    """
    source = connection.execute(query("source_counts")).fetchone()
    active_chats, messages = source if source else (0, 0)
    live = listing.live_counts(connection)
    chats = ("chats", "chat_messages")
    return {
        "validated_at": found["validated_at"],
        "is_valid": found["is_valid"],
        "total_mysql_chats": active_chats,
        "total_mysql_messages": messages,
        "total_pg_chats": live["chats"],
        "total_pg_messages": live["chat_messages"],
        **listing.listed(connection, "missing", chats),
        **listing.listed(connection, "orphaned", chats),
        "chat_booking_mismatches": _booking_mismatches(connection),
        "message_sender_mismatches": listing.mismatches(
            connection, "sender_id", live_relation
        ),
        "validation_errors": found["validation_errors"],
        "notes": found["notes"],
        "run_id": found["run_id"],
        "dump_verified": found["dump_verified"],
        "expected_rows": listing.expected_counts(connection),
        "findings": found["findings"],
        **listing.listed(connection, "missing", ("media",)),
        **listing.listed(connection, "orphaned", ("media",)),
        **listing.listed(connection, "extra", (*chats, "media")),
        "different_rows": listing.differences(connection, "different"),
    }


def _booking_mismatches(connection: Connection) -> int:
    row = connection.execute(
        sql.SQL(
            "select count(*) from {} where finding = 'different'"
            " and 'booking_id' = any(columns)"
        ).format(listing.findings("chats"))
    ).fetchone()
    return int(row[0]) if row else 0


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


RULES = Rules(_derive, _is_within, _is_landed, _examine, _result)
