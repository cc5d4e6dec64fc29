"""The tables of the ``staging`` schema: how they are made, filled and replaced.

Owns their SQL. New tables are made in a schema beside ``staging`` and moved into it by
``finish``, which drops the previous ones with whatever depends on them: dbt builds
those views again. Commits nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import astuple
from types import TracebackType

import psycopg
from psycopg import sql

from harness import settings
from harness.errors import InputError
from harness.load.errors import DumpError
from harness.load.events import CoercedValue, CopyBlock, RejectedRow
from harness.load.names import check_names
from harness.load.result import TableLoad
from harness.load.schema import Table
from harness.load.witness import Checksum

#: Numbers a table's rows in the order of the dump; only one session writes it, so that
#: fetching the numbers by the thousand leaves no gap.
_ROW = "_row bigint generated always as identity (cache 1000)"
#: What every load has besides the dump's own tables.
_OWN_TABLES = {
    "rejected_rows": (
        f"{_ROW}, table_name text, line bigint, "
        "byte_offset bigint, reason text, excerpt text, file_name text"
    ),
    "coerced_values": (
        f"{_ROW}, table_name text, column_name text, landing_row bigint, line bigint, "
        "byte_offset bigint, first_position bigint, nul_count bigint, file_name text"
    ),
    "loaded_tables": (
        "table_name text, statements bigint, rows_read bigint, rows_loaded bigint, "
        "rows_rejected bigint"
    ),
    "loaded_columns": (
        "table_name text, column_name text, ordinal int, mysql_type text, "
        "is_time_swapped boolean not null default false"
    ),
    "loaded_checksums": (
        "table_name text, first_row bigint, row_count bigint, high numeric, "
        "low numeric, file_name text, line bigint, byte_offset bigint"
    ),
    "loads": (
        "run_id text, loaded_at timestamptz, dump_name text, dump_bytes bigint, "
        "dump_sha256 text, dump_time_zone text, has_bookings_file boolean, "
        "has_users_file boolean"
    ),
    "bookings_created": (f"{_ROW}, id text, success boolean, error text"),
    "user_id_mapping": (f"{_ROW}, old_id text, new_id text"),
}
_REJECTED_COLUMNS = (
    "table_name",
    "line",
    "byte_offset",
    "reason",
    "excerpt",
    "file_name",
)
_CHECKSUM_COLUMNS = (
    "table_name",
    "first_row",
    "row_count",
    "high",
    "low",
    "file_name",
    "line",
    "byte_offset",
)
_COERCED_COLUMNS = (
    "table_name",
    "column_name",
    "landing_row",
    "line",
    "byte_offset",
    "first_position",
    "nul_count",
    "file_name",
)
#: Landing tables are read whole and joined by their keys: of these, 9,000 rows say as
#: much as the 30,000 that ANALYZE takes otherwise, in a third of the time.
_STATISTICS_TARGET = 30
#: Rejected rows and coerced values are written in batches of this many, so that they
#: need no memory.
_BATCH = 1_000


def begin(connection: psycopg.Connection) -> None:
    """Make the schema that the new tables are filled in, and our own tables in it."""
    for schema in (settings.staging_schema(), new_schema()):
        connection.execute(
            sql.SQL("create schema if not exists {}").format(sql.Identifier(schema))
        )
    for name, columns in _OWN_TABLES.items():
        _create(connection, name, sql.SQL(columns))


def finish(connection: psycopg.Connection) -> None:
    """Put the new tables in the place of the previous ones, and gather statistics."""
    new, place = new_schema(), settings.staging_schema()
    connection.execute(
        sql.SQL("set local default_statistics_target = {}").format(_STATISTICS_TARGET)
    )
    for name in _tables_in(connection, new):
        connection.execute(sql.SQL("analyze {}").format(sql.Identifier(new, name)))
    for name in _previous(connection):
        connection.execute(
            sql.SQL("drop table if exists {} cascade").format(
                sql.Identifier(place, name)
            )
        )
    for name in _tables_in(connection, new):
        connection.execute(
            sql.SQL("alter table {} set schema {}").format(
                sql.Identifier(new, name), sql.Identifier(place)
            )
        )
    connection.execute(sql.SQL("drop schema {}").format(sql.Identifier(new)))


def has_live_bookings(connection: psycopg.Connection, live_schema: str) -> bool:
    """Whether there is a live table to take the bookings from."""
    relation = sql.Identifier(live_schema, "bookings").as_string(connection)
    row = connection.execute("select to_regclass(%s)", [relation]).fetchone()
    return row is not None and row[0] is not None


def check_live_bookings(connection: psycopg.Connection, live_schema: str) -> None:
    """Raise ``InputError`` when there is no live table to take the bookings from."""
    if not has_live_bookings(connection, live_schema):
        raise InputError(
            f"there is no table {live_schema}.bookings that tells which bookings were "
            "migrated. Nothing was loaded. Give their file: --bookings "
            "bookings-created.json"
        )


def take_live_bookings(
    connection: psycopg.Connection, live_schema: str
) -> list[tuple[str, str, None]]:
    """Take the ids of the live bookings for those that were created; returns them."""
    connection.execute(
        sql.SQL(
            "insert into {} (id, success) select id::text, true from {} order by id"
        ).format(
            sql.Identifier(new_schema(), "bookings_created"),
            sql.Identifier(live_schema, "bookings"),
        )
    )
    return connection.execute(
        sql.SQL("select id, success::text, error from {} order by _row").format(
            sql.Identifier(new_schema(), "bookings_created")
        )
    ).fetchall()


def describe_tables(
    connection: psycopg.Connection, loads: Sequence[TableLoad], tables: Sequence[Table]
) -> None:
    """Record how many rows each table has and what its columns were in MySQL."""
    copy_rows(
        connection,
        "loaded_tables",
        ("table_name", "statements", "rows_read", "rows_loaded", "rows_rejected"),
        [
            (t.name, t.statements, t.rows_read, t.rows_loaded, t.rows_rejected)
            for t in loads
        ],
    )
    copy_rows(
        connection,
        "loaded_columns",
        ("table_name", "column_name", "ordinal", "mysql_type"),
        [
            (table.name, column.name, ordinal, column.mysql_type)
            for table in tables
            for ordinal, column in enumerate(table.columns, start=1)
        ],
    )


def keep_checksums(
    connection: psycopg.Connection, checksums: Sequence[Checksum]
) -> None:
    """Record what the second decoder read, so that it can be asked for again."""
    copy_rows(connection, "loaded_checksums", _CHECKSUM_COLUMNS, checksums)


def describe_load(
    connection: psycopg.Connection,
    *,
    run_id: str,
    dump_name: str,
    dump_bytes: int,
    dump_sha256: str,
    dump_time_zone: str | None,
    has_bookings_file: bool,
    has_users_file: bool,
) -> None:
    """Record the load itself, in one row."""
    connection.execute(
        sql.SQL(
            "insert into {} values (%s, clock_timestamp(), %s, %s, %s, %s, %s, %s)"
        ).format(sql.Identifier(new_schema(), "loads")),
        [
            run_id,
            dump_name,
            dump_bytes,
            dump_sha256,
            dump_time_zone,
            has_bookings_file,
            has_users_file,
        ],
    )


def copy_rows(
    connection: psycopg.Connection,
    table: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
) -> None:
    """Write rows of one of our own tables."""
    with connection.cursor() as cursor, cursor.copy(_copy(table, columns)) as copy:
        for row in rows:
            copy.write_row(row)


class Writer:
    """Writes the dump's tables: one COPY at a time, as long as its columns stay.

    Use it in a ``with`` block, whose end writes what is outstanding.
    """

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._target: tuple[str, tuple[str, ...]] | None = None
        self._open = ExitStack()
        self._copy: psycopg.Copy | None = None
        self._sent = 0
        self._rejected: list[RejectedRow] = []
        self._coerced: list[CoercedValue] = []

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            # The COPY that is under way ends with the error, and so does the server's.
            self._open.__exit__(kind, error, traceback)
            return
        self._end_copy()
        self._write_rows()

    def create(self, table: Table) -> None:
        """Make the landing table of a table that the dump has."""
        self._end_copy()
        names = [column.name for column in table.columns]
        check_names(table)
        columns = sql.SQL(", ").join(
            sql.SQL("{} text").format(sql.Identifier(name)) for name in names
        )
        _create(self._connection, table.name, sql.SQL(f"{_ROW}, ") + columns)

    def copy(self, block: CopyBlock) -> None:
        """Write whole rows."""
        target = (block.table, block.columns)
        if self._copy is None or self._target != target:
            self._end_copy()
            self._target = target
            self._copy = self._open.enter_context(self._cursor.copy(_copy(*target)))
        self._copy.write(block.data)
        self._sent += block.rows

    def reject(self, row: RejectedRow) -> None:
        """Write a rejected row, with others."""
        self._rejected.append(row)
        self._write_batch(len(self._rejected))

    def coerce(self, value: CoercedValue) -> None:
        """Write what was coerced, with others."""
        self._coerced.append(value)
        self._write_batch(len(self._coerced))

    def _end_copy(self) -> None:
        """End the COPY under way and hold its count against the reader's."""
        if self._copy is None:
            return
        self._open.close()
        self._copy = None
        if self._cursor.rowcount != self._sent:
            name = self._target[0] if self._target else ""
            raise DumpError(
                f"{self._sent:,} rows of {name} were sent, but "
                f"{self._cursor.rowcount:,} arrived. Nothing was loaded. "
                "Please report this as a bug."
            )
        self._sent = 0

    def _write_batch(self, waiting: int) -> None:
        if waiting >= _BATCH:
            self._end_copy()
            self._write_rows()

    def _write_rows(self) -> None:
        rejected = [
            (row.table, row.line, row.byte_offset, row.reason, row.excerpt, row.file)
            for row in self._rejected
        ]
        copy_rows(self._connection, "rejected_rows", _REJECTED_COLUMNS, rejected)
        coerced = list(map(astuple, self._coerced))
        copy_rows(self._connection, "coerced_values", _COERCED_COLUMNS, coerced)
        self._rejected.clear()
        self._coerced.clear()


def new_schema() -> str:
    """The schema that the new tables are filled in."""
    return settings.staging_schema() + "_loading"


def _copy(table: str, columns: Sequence[str]) -> sql.Composed:
    return sql.SQL("copy {} ({}) from stdin").format(
        sql.Identifier(new_schema(), table),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
    )


def _create(connection: psycopg.Connection, name: str, columns: sql.Composable) -> None:
    connection.execute(
        sql.SQL("create unlogged table {} ({})").format(
            sql.Identifier(new_schema(), name), columns
        )
    )


def _tables_in(connection: psycopg.Connection, schema: str) -> list[str]:
    rows = connection.execute(
        "select relname from pg_class where relkind = 'r' "
        "and relnamespace = to_regnamespace(%s) order by relname",
        [sql.Identifier(schema).as_string(connection)],
    )
    return [str(name) for (name,) in rows.fetchall()]


def _previous(connection: psycopg.Connection) -> list[str]:
    """The tables that the previous load wrote, and those of our own."""
    place = settings.staging_schema()
    present = set(_tables_in(connection, place))
    landed = set(_tables_in(connection, new_schema()))
    if "loaded_tables" in present:
        rows = connection.execute(
            sql.SQL("select table_name from {}").format(
                sql.Identifier(place, "loaded_tables")
            )
        )
        landed.update(str(name) for (name,) in rows.fetchall())
    return sorted(landed & present)
