"""A small landed dump, its marts and a rehearsal target, for the harness's tests.

The marts are made from the validation's own derivation, so that publish, rollback and
validate are tested without dbt; ``test_samples.py`` puts all of them together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg import sql

from harness import backup, ledger, target, validate
from harness import publish as publishing
from harness.database import Connection, Target
from harness.linkage import Linkage

Row = Mapping[str, str | None]

STRICTLY = Linkage()

BUYER = "aaaaaaaa-0000-4000-8000-000000000001"
STYLIST = "bbbbbbbb-0000-4000-8000-000000000001"

_COLUMNS = {
    "chat": {
        "id": "varchar(36)",
        "buyer_id": "varchar(36)",
        "stylist_id": "varchar(36)",
        "booking_id": "varchar(36)",
        "is_active": "tinyint(4)",
        "created_at": "datetime(6)",
        "updated_at": "datetime(6)",
    },
    "message": {
        "id": "varchar(36)",
        "chat_id": "varchar(36)",
        "message": "text",
        "is_from": "varchar(255)",
        "is_unread": "tinyint(4)",
        "is_image": "tinyint(4)",
        "created_at": "datetime(6)",
    },
    "booking": {
        "id": "varchar(36)",
        "buyer_id": "varchar(36)",
        "stylist_id": "varchar(36)",
        "status": "varchar(20)",
        "created_at": "datetime(6)",
    },
}


def identifier(kind: str, number: int) -> str:
    """Make a UUID that shows what it is of: ``kind`` is one hexadecimal digit."""
    return f"{kind * 8}-0000-4000-8000-{number:012d}"


def booking(number: int, **changes: str | None) -> dict[str, str | None]:
    """A booking of the one buyer and the one stylist."""
    row: dict[str, str | None] = {
        "id": identifier("d", number),
        "buyer_id": BUYER,
        "stylist_id": STYLIST,
        "status": "completed",
        "created_at": "2024-01-01 08:00:00",
    }
    return {**row, **changes}


def chat(number: int, **changes: str | None) -> dict[str, str | None]:
    """An active chat of the booking with the same number."""
    row: dict[str, str | None] = {
        "id": identifier("c", number),
        "buyer_id": BUYER,
        "stylist_id": STYLIST,
        "booking_id": identifier("d", number),
        "is_active": "1",
        "created_at": "2024-01-02 08:00:00.000001",
        "updated_at": "2024-01-03 08:00:00",
    }
    return {**row, **changes}


def message(number: int, of_chat: int, **changes: str | None) -> dict[str, str | None]:
    """A read message of the buyer."""
    row: dict[str, str | None] = {
        "id": identifier("e", number),
        "chat_id": identifier("c", of_chat),
        "message": f"message {number}",
        "is_from": "buyer",
        "is_unread": "0",
        "is_image": "0",
        "created_at": "2024-01-02 09:00:00",
    }
    return {**row, **changes}


def land(
    connection: Connection,
    *,
    chats: Sequence[Row],
    messages: Sequence[Row],
    bookings: Sequence[Row],
) -> str:
    """Fill the landing tables as a load would, and enter the run; returns its id."""
    connection.execute("drop schema if exists staging cascade; create schema staging")
    connection.execute(
        "create table staging.loaded_tables (table_name text, statements bigint,"
        " rows_read bigint, rows_loaded bigint, rows_rejected bigint);"
        "create table staging.loaded_columns (table_name text, column_name text,"
        " ordinal int, mysql_type text);"
        "create table staging.bookings_created ("
        "_row bigint generated always as identity, id text, success boolean,"
        " error text);"
        "create table staging.user_id_mapping ("
        "_row bigint generated always as identity, old_id text, new_id text);"
        "create table staging.loads (run_id text, loaded_at timestamptz,"
        " dump_name text, dump_bytes bigint, dump_sha256 text, dump_time_zone text,"
        " has_bookings_file boolean, has_users_file boolean)"
    )
    for name, rows in {"chat": chats, "message": messages, "booking": bookings}.items():
        _land_table(connection, name, rows)
    connection.cursor().executemany(
        "insert into staging.bookings_created (id, success) values (%s, true)",
        [(row["id"],) for row in bookings],
    )
    run_id = ledger.new_run_id()
    connection.execute(
        "insert into staging.loads values (%s, now(), 'dump.sql', 1, '', '+00:00',"
        " true, false)",
        [run_id],
    )
    ledger.ensure(connection)
    ledger.begin_run(connection, run_id, target="test")
    return run_id


def build_marts(connection: Connection, run_id: str, how: Linkage = STRICTLY) -> None:
    """Make the marts that dbt would make, every audit passed."""
    connection.execute("drop schema if exists marts cascade; create schema marts")
    validate.derive(connection, "UTC", how)
    for name in ("chats", "chat_messages", "media"):
        connection.execute(
            sql.SQL("create table marts.{} as select * from {}").format(
                sql.Identifier(name), sql.Identifier(f"expected_{name}")
            )
        )
    connection.execute(
        "create table marts.loaded_run as select run_id, loaded_at,"
        " 'UTC' as source_timezone, %s as linkage, %s as linkage_merge"
        " from staging.loads",
        [how.strategy, how.merges],
    )
    connection.execute(
        "create table marts.audit_results (node_id text, name text, status text)"
    )
    ledger.set_status(connection, run_id, "built")
    connection.commit()


def rehearse(connection: Connection, *, chats: int = 3, messages_each: int = 4) -> str:
    """Land, fill a rehearsal target and build, so that a publish can follow.

    The last message of each chat is an image.
    """
    bookings = [booking(n) for n in range(1, chats + 1)]
    of_chats = [chat(n) for n in range(1, chats + 1)]
    messages = [
        message(n * 100 + m, n, is_image="1" if m == messages_each else "0")
        for n in range(1, chats + 1)
        for m in range(1, messages_each + 1)
    ]
    target.create(connection)
    run_id = land(connection, chats=of_chats, messages=messages, bookings=bookings)
    target.fill(connection)
    build_marts(connection, run_id)
    return run_id


def again(
    connection: Connection,
    *,
    chats: Sequence[Row],
    messages: Sequence[Row],
    bookings: Sequence[Row],
) -> str:
    """Land a later dump of the same system and build its marts; returns the run."""
    run_id = land(connection, chats=chats, messages=messages, bookings=bookings)
    target.fill(connection)
    build_marts(connection, run_id)
    return run_id


def back_up(connection: Connection) -> backup.Backup:
    """Take the backup without which nothing is published."""
    to = Target({"dbname": connection.info.dbname}, is_embedded=False)
    return backup.take(to, connection)


def publish(connection: Connection) -> publishing.Plan:
    """Back up and publish, as an operator would."""
    back_up(connection)
    return publishing.publish(connection)


def _land_table(connection: Connection, name: str, rows: Sequence[Row]) -> None:
    columns = _COLUMNS[name]
    table = sql.Identifier("staging", name)
    connection.execute(
        sql.SQL(
            "create table {} (_row bigint generated always as identity, {})"
        ).format(
            table,
            sql.SQL(", ").join(
                sql.SQL("{} text").format(sql.Identifier(c)) for c in columns
            ),
        )
    )
    connection.cursor().executemany(
        sql.SQL("insert into {} ({}) values ({})").format(
            table,
            sql.SQL(", ").join(sql.Identifier(c) for c in columns),
            sql.SQL(", ").join(sql.Placeholder(c) for c in columns),
        ),
        list(rows),
    )
    connection.execute(
        "insert into staging.loaded_tables values (%s, 1, %s, %s, 0)",
        [name, len(rows), len(rows)],
    )
    connection.cursor().executemany(
        "insert into staging.loaded_columns values (%s, %s, %s, %s)",
        [(name, c, i, t) for i, (c, t) in enumerate(columns.items(), start=1)],
    )
