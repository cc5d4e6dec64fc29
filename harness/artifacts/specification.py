"""Writes the JSON files that the specification names, in the shapes that it gives.

Shapes and names are those of phase 6 of the specification, steps 1 to 3; ``metadata``
of chats-extracted.json adds merged_chats, merged_messages and rejected_rows. Times are
UTC with microseconds. Rows stream from the database into the files and are counted on
the way; a file whose rows do not make up its figures is not written. Reads the database
and writes into the run's folder only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from psycopg import sql
from psycopg.rows import dict_row

from harness import settings
from harness.artifacts.folder import whole_file
from harness.artifacts.json_stream import JsonObject, json_rows
from harness.artifacts.reading import PUBLISHED_AS
from harness.artifacts.relations import compose, fetch, has_column
from harness.artifacts.summary import Step, Summary, plural
from harness.database import Connection
from harness.errors import CheckFailed

EXTRACTED = "chats-extracted.json"
SKIPPED = "skipped-chats.json"
CREATED = "chats-created.json"
STATS = "chat-creation-stats.json"
FAILED = "failed-chats-creation.json"
VALIDATED = "chat-validation-results.json"

#: The keys of chat-validation-results.json in the specification's order; the ledger's
#: ``jsonb`` does not keep it.
_VALIDATION_KEYS = (
    "validated_at",
    "is_valid",
    "total_mysql_chats",
    "total_mysql_messages",
    "total_pg_chats",
    "total_pg_messages",
    "missing_chats",
    "missing_messages",
    "orphaned_chats",
    "orphaned_messages",
    "chat_booking_mismatches",
    "message_sender_mismatches",
    "validation_errors",
)

_PROCESSED_CHATS = """
    select id, booking_id, {created_at} as created_at, {updated_at} as updated_at
    from {marts}.chats as mart
    order by mart.created_at, id
"""
_PROCESSED_MESSAGES = """
    select
        id,
        chat_id,
        sender_id,
        content,
        is_read,
        {created_at} as created_at,
        has_image
    from {marts}.chat_messages as mart
    order by mart.created_at, id
"""
_IMAGE_MESSAGES = """
    select json_build_object('id', id, 'message', content) as message, chat_id
    from {marts}.chat_messages
    where has_image
    order by created_at, id
"""
_SKIPPED_CHATS = """
    select json_build_object('id', chat_id, 'booking_id', booking_id) as chat, reason
    from {marts}.skipped_chats
    order by source_row
"""
_SKIPPED_MESSAGES = """
    select json_build_object('id', message_id, 'chat_id', chat_id) as message, reason
    from {marts}.skipped_messages
    order by source_row
"""
_FAILED_CHATS = """
    select
        json_build_object('id', failed.row_id, 'booking_id', mart.booking_id) as chat,
        failed.reason as error
    from {ledger}.failed_rows as failed
    left join {marts}.chats as mart on failed.row_id = mart.id
    where failed.run_id = {run_id} and failed.table_name = 'chats'
    order by mart.created_at, failed.row_id
"""
_FAILED_MESSAGES = """
    select
        json_build_object('id', failed.row_id, 'chat_id', mart.chat_id) as message,
        failed.reason as error
    from {ledger}.failed_rows as failed
    left join {marts}.chat_messages as mart on failed.row_id = mart.id
    where failed.run_id = {run_id} and failed.table_name = 'chat_messages'
    order by mart.created_at, failed.row_id
"""
_CREATED = """
    select {columns}
    from {ledger}.published_rows as owned
    inner join {live}.{table} as live on owned.row_id = live.id
    where
        owned.run_id = {run_id}
        and owned.table_name = {table_name}
        and {is_created}
        and owned.rolled_back_at is null
    order by live.id
"""
_METADATA = """
    select
        total_mysql_chats,
        total_mysql_messages,
        total_mysql_bookings,
        processed_chats,
        processed_messages,
        skipped_chats,
        skipped_messages,
        active_chats,
        image_messages,
        customer_messages,
        stylist_messages,
        merged_chats,
        merged_messages,
        rejected_rows
    from {marts}.migration_metrics
"""


def write_extracted(connection: Connection, summary: Summary, folder: Path) -> None:
    """Write chats-extracted.json and skipped-chats.json: what became of the dump.

    Both are written as soon as the marts stand, with empty lists when there is nothing
    to list. Raises ``CheckFailed`` when rows and figures disagree.
    """
    at = _iso(built_at(connection, summary))
    chats, messages = summary.table("chat"), summary.table("message")
    with json_document(folder / EXTRACTED) as document:
        document.member("extracted_at", at)
        counts = {
            name: document.array(name, json_rows(connection, _mart_query(query)))
            for name, query in (
                ("processedChats", _PROCESSED_CHATS),
                ("processedMessages", _PROCESSED_MESSAGES),
                ("imageMessages", _IMAGE_MESSAGES),
            )
        }
        metadata = read_metadata(connection)
        document.member("metadata", metadata)
        _check(EXTRACTED, "processed chats", counts["processedChats"], chats.kept)
        _check(
            EXTRACTED, "processed messages", counts["processedMessages"], messages.kept
        )
        _check_metadata(metadata, summary, counts["imageMessages"])
    with json_document(folder / SKIPPED) as document:
        document.member("skipped_at", at)
        for name, query, table in (
            ("skipped_chats", _SKIPPED_CHATS, chats),
            ("skipped_messages", _SKIPPED_MESSAGES, messages),
        ):
            count = document.array(name, json_rows(connection, compose(query)))
            _check(SKIPPED, name.replace("_", " "), count, table.skipped)


def write_failed(connection: Connection, summary: Summary, folder: Path) -> None:
    """Write failed-chats-creation.json: what was ready and could not be published.

    Written as soon as the marts stand: its lists are empty when nothing failed, and as
    long as nothing was published.
    """
    publish = summary.done("publish")
    at = publish.finished_at if publish else built_at(connection, summary)
    run_id = sql.Literal(summary.run.run_id)
    with json_document(folder / FAILED) as document:
        document.member("failed_at", _iso(at))
        for name, query in (
            ("failed_chats", _FAILED_CHATS),
            ("failed_messages", _FAILED_MESSAGES),
        ):
            document.array(name, json_rows(connection, compose(query, run_id=run_id)))


def write_created(
    connection: Connection, summary: Summary, publish: Step, folder: Path
) -> None:
    """Write chats-created.json and chat-creation-stats.json: what ``publish`` wrote.

    Lists the rows that this run inserted and that stand in the live tables now, so they
    are empty on a run that found all its rows there already. What was to be created is
    what was created or failed; with nothing to create there is no rate.
    """
    at = _iso(publish.finished_at)
    with json_document(folder / CREATED) as document:
        document.member("created_at", at)
        created = {
            name: document.array(
                f"created_{plural(name)}",
                json_rows(connection, _created_query(connection, summary, name)),
            )
            for name in PUBLISHED_AS
        }
        failed = {name: summary.table(name).failed or 0 for name in PUBLISHED_AS}
        document.member("metadata", _creation_counts(created, failed, publish))
    with json_document(folder / STATS) as document:
        for name, value in _creation_stats(created, failed, publish).items():
            document.member(name, value)


def write_validated(
    connection: Connection, summary: Summary, folder: Path, name: str = VALIDATED
) -> None:
    """Write the newest validation of the run, in the specification's order of keys."""
    values = dict(
        fetch(
            connection,
            "select finding.key, jsonb_pretty(finding.value) from jsonb_each(("
            " select result from {ledger}.validations where run_id = %(run_id)s"
            " order by validation_id desc limit 1)) as finding",
            run_id=summary.run.run_id,
        )
    )
    extra = sorted(set(values) - set(_VALIDATION_KEYS))
    with json_document(folder / name) as document:
        for key in (*_VALIDATION_KEYS, *extra):
            if key in values:
                document.encoded_member(key, values[key].encode())


def check_sums(summary: Summary) -> None:
    """Raise ``CheckFailed`` unless every row read has exactly one fate."""
    for table in summary.tables:
        if not table.adds_up:
            raise CheckFailed(
                f"the accounting of {table.name} does not add up: {table.read or 0:,} "
                f"rows read, but {table.kept:,} kept, {table.merged:,} merged, "
                f"{table.skipped:,} skipped and {table.rejected:,} rejected make "
                f"{table.accounted:,}. No artifacts were written. "
                "Find the rows with: dbt test"
            )


def read_metadata(connection: Connection) -> dict[str, object]:
    """Read ``metadata`` of chats-extracted.json.

    The distribution of senders is empty when no message was processed.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        metadata = cursor.execute(compose(_METADATA)).fetchone()
    if metadata is None:
        raise CheckFailed(
            "marts.migration_metrics has no row. No artifacts were written. "
            "Build it again with: ./inv build"
        )
    added = {
        name: metadata.pop(name)
        for name in ("merged_chats", "merged_messages", "rejected_rows")
    }
    customers = metadata.pop("customer_messages")
    stylists = metadata.pop("stylist_messages")
    senders = (
        {"customer": customers, "stylist": stylists} if customers + stylists else {}
    )
    return {**metadata, "sender_distribution": senders, **added}


def built_at(connection: Connection, summary: Summary) -> datetime:
    """When the marts were built: the build's end, or the load's for a build by hand."""
    build = summary.done("build")
    if build:
        return build.finished_at
    rows = fetch(connection, "select loaded_at from {marts}.loaded_run")
    loaded_at: datetime = rows[0][0]
    return loaded_at


def _check_metadata(
    metadata: Mapping[str, object], summary: Summary, image_messages: int
) -> None:
    """Raise ``CheckFailed`` unless ``metadata`` says what the reconciliation says."""
    expected: dict[str, int | None] = {"image_messages": image_messages}
    for name in ("chat", "message"):
        table, rows = summary.table(name), plural(name)
        expected[f"total_mysql_{rows}"] = table.read
        expected[f"processed_{rows}"] = table.kept
        expected[f"merged_{rows}"] = table.merged
        expected[f"skipped_{rows}"] = table.skipped
    expected["total_mysql_bookings"] = summary.table("booking").read
    for name, count in expected.items():
        _check(EXTRACTED, f"{name} of metadata", metadata[name], count)


def _check(file: str, what: str, found: object, expected: int | None) -> None:
    if found != expected:
        raise CheckFailed(
            f"{file} was not written: {what} would be {found}, and the reconciliation "
            f"has {expected}. The marts do not belong together. "
            "Build them again with: ./inv build"
        )


def _created_query(connection: Connection, summary: Summary, name: str) -> sql.Composed:
    """Compose the rows of one live table that the run inserted and that still stand."""
    table = PUBLISHED_AS[name]
    # The ledger's first version knows no updates.
    has_updates = has_column(
        connection, settings.ledger_schema(), "published_rows", "action"
    )
    return compose(
        _CREATED,
        is_created=sql.SQL("owned.action = 'insert'" if has_updates else "true"),
        columns=compose(_created_columns(connection, table)),
        table=sql.Identifier(table),
        table_name=sql.Literal(table),
        run_id=sql.Literal(summary.run.run_id),
    )


def _created_columns(connection: Connection, table: str) -> str:
    """Name the specified members of a created row; some may not be kept live."""
    if table == "chats":
        if has_column(connection, settings.live_schema(), table, "booking_id"):
            return "live.id, live.booking_id"
        return "live.id, null::uuid as booking_id"
    if table == "media":
        return "live.id, live.chat_message_id as message_id, live.media_type"
    if has_column(connection, settings.live_schema(), table, "has_image"):
        return "live.id, live.chat_id, live.sender_id, live.has_image"
    return (
        "live.id, live.chat_id, live.sender_id, exists (select 1 from {live}.media"
        " where media.chat_message_id = live.id) as has_image"
    )


def _creation_counts(
    created: Mapping[str, int], failed: Mapping[str, int], publish: Step
) -> dict[str, int]:
    return {
        "total_chats_to_create": created["chat"] + failed["chat"],
        "total_messages_to_create": created["message"] + failed["message"],
        "successful_chat_creations": created["chat"],
        "successful_message_creations": created["message"],
        "successful_media_creations": created["media"],
        "failed_chat_creations": failed["chat"],
        "failed_message_creations": failed["message"],
        "duration_ms": round(publish.seconds * 1000),
    }


def _creation_stats(
    created: Mapping[str, int], failed: Mapping[str, int], publish: Step
) -> dict[str, object]:
    return {
        "completed_at": _iso(publish.finished_at),
        "duration_seconds": publish.seconds,
        "total_chats": created["chat"] + failed["chat"],
        "total_messages": created["message"] + failed["message"],
        "successfully_created_chats": created["chat"],
        "successfully_created_messages": created["message"],
        "successfully_created_media": created["media"],
        "failed_chat_creations": failed["chat"],
        "failed_message_creations": failed["message"],
        "chat_success_rate": success_rate(created["chat"], failed["chat"]),
        "message_success_rate": success_rate(created["message"], failed["message"]),
    }


def success_rate(created: int, failed: int) -> str:
    """Write the share of rows that did not fail as ``X.XX%``; ``n/a`` of no rows."""
    total = created + failed
    return f"{100 * created / total:.2f}%" if total else "n/a"


def _mart_query(text: str) -> sql.Composed:
    return compose(
        text, created_at=_iso_of("created_at"), updated_at=_iso_of("updated_at")
    )


def _iso_of(column: str) -> sql.Composed:
    """Compose a mart's time as ISO 8601 in UTC, always with six digits of a second.

    A zone can move the first and the last day of the calendar out of four digits: the
    year before 1 is 0000, the one after 9999 has a sign (ISO 8601-1, 5.2.2.3).
    """
    return sql.SQL(
        "to_char(mart.{0} at time zone 'UTC',"
        " case when mart.{0} < '0001-01-01 00:00:00+00' then '\"0000\"'"
        " when mart.{0} >= '10000-01-01 00:00:00+00' then '\"+0\"YYYY'"
        " else 'YYYY' end || '-MM-DD\"T\"HH24:MI:SS.US\"+00:00\"')"
    ).format(sql.Identifier(column))


def _iso(time: datetime) -> str:
    return time.astimezone(timezone.utc).isoformat(timespec="microseconds")


@contextmanager
def json_document(path: Path) -> Iterator[JsonObject]:
    """Write a JSON object into a file that appears whole or not at all."""
    with whole_file(path) as stream, JsonObject(stream) as document:
        yield document
