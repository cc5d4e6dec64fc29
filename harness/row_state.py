"""Whether a live row still is what its run published.

The ledger keeps two hashes of each published row: of all its live columns as the
publish left them, and of what the mart held of it. The first tells more, every column
that a user may have changed; where a column of the application's own is gone or has
another type since, the second still tells of the columns that the run published.
Where not even those are all there, nothing can be told, and ``undecidable`` says why.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from psycopg import sql

from harness import hashing, ledger, settings, target
from harness.database import Connection
from harness.live_values import source_hash
from harness.published import PublishedTable

#: Types that write the same value as the same text, so that its hash stays.
_ALIKE = {
    "text": "text",
    "character varying": "text",
    "uuid": "text",
    "smallint": "integer",
    "integer": "integer",
    "bigint": "integer",
}
_UNKNOWN = sql.SQL("null::text")
_Columns = Mapping[str, target.Column]


class _Hash(NamedTuple):
    """A hash of the ledger, and the live columns that are to be hashed alike."""

    name: str
    columns: tuple[str, ...]


def written_as(column: target.Column) -> str:
    """Name the form in which a column's values are hashed."""
    if column.is_enum:
        return "text"
    return _ALIKE.get(column.base_type, column.type_name)


def is_unchanged(
    connection: Connection, table: PublishedTable, alias: str
) -> sql.Composable:
    """Compose whether a live row is as its run published it; null: it cannot be told.

    The row's entry in the ledger is joined as ``owned``.
    """
    live = _live(connection, table)

    def compose(record: ledger.PublishRecord) -> sql.Composable:
        chosen = _deciding(record, live)
        if chosen is None:
            return sql.SQL("null::boolean")
        return sql.SQL("{} = {}").format(
            hashing.content_hash(alias, chosen.columns),
            sql.Identifier("owned", chosen.name),
        )

    return _by_run(connection, table, compose, sql.SQL("null::boolean"))


def live_hash(
    connection: Connection, table: PublishedTable, alias: str
) -> sql.Composable:
    """Compose the hash of a live row by all columns that its run hashed.

    It is the one in the ledger where a column is gone. The row's entry in the ledger
    is joined as ``owned``.
    """
    live = _live(connection, table)
    kept = sql.Identifier("owned", "content_hash")

    def compose(record: ledger.PublishRecord) -> sql.Composable:
        if not set(record.hashed) <= set(live):
            return kept
        return hashing.content_hash(alias, record.hashed)

    return _by_run(connection, table, compose, kept)


def mart_hash(
    connection: Connection, table: PublishedTable, live: _Columns
) -> sql.Composable:
    """Compose the hash of a mart's row by the columns that the row's run published.

    Null where one of them is gone. The mart is joined as ``mart``, the row's entry in
    the ledger as ``owned``.
    """

    def compose(record: ledger.PublishRecord) -> sql.Composable:
        if not record.published or not set(record.published) <= set(live):
            return _UNKNOWN
        return source_hash("mart", record.published, live)

    return _by_run(connection, table, compose, _UNKNOWN)


def undecidable(
    connection: Connection, run_id: str, tables: Collection[PublishedTable]
) -> list[str]:
    """Say of a run's rows why it cannot be told whether they changed; mostly nothing.

    One clause for each column that is gone, or writes its values in another form.
    """
    said = []
    for table in tables:
        record = ledger.publish_records(connection, table.name).get(run_id)
        live = _live(connection, table)
        if record is not None and _deciding(record, live) is None:
            name = f"{settings.live_schema()}.{table.live_name}"
            said += [f"{name}.{each}" for each in _obstacles(record, live)]
    return said


def unidentifiable(
    connection: Connection, tables: Collection[PublishedTable]
) -> list[str]:
    """Say which live tables have no usable ``id``, so that no row can be found."""
    said = []
    for table in tables:
        found = _live(connection, table).get("id")
        if found is None or found.type_name != "uuid":
            what = "is gone" if found is None else f"is {found.type_name}, not uuid"
            said.append(f"{settings.live_schema()}.{table.live_name}.id {what}")
    return list(dict.fromkeys(said))


def _obstacles(record: ledger.PublishRecord, live: _Columns) -> list[str]:
    """The columns that the decision would need, and what has become of each."""
    return [
        f"{name} is gone"
        if name not in live
        else f"{name} was {record.types[name]} and is {live[name].type_name}"
        for name in record.published or record.hashed
        if not _is_comparable(name, record, live)
    ]


def _deciding(record: ledger.PublishRecord, live: _Columns) -> _Hash | None:
    """Choose the hash that can be compared; None when neither can."""
    choices = (
        _Hash("content_hash", tuple(record.hashed)),
        _Hash("source_hash", tuple(record.published)),
    )
    for choice in choices:
        if choice.columns and all(
            _is_comparable(name, record, live) for name in choice.columns
        ):
            return choice
    return None


def _is_comparable(name: str, record: ledger.PublishRecord, live: _Columns) -> bool:
    """Whether a column is there, in the form in which it was hashed."""
    if name not in live:
        return False
    then = record.types.get(name)
    return then is None or then == written_as(live[name])


def _live(connection: Connection, table: PublishedTable) -> dict[str, target.Column]:
    return {c.name: c for c in target.describe(connection, table.live_name)}


def _by_run(
    connection: Connection,
    table: PublishedTable,
    compose: Callable[[ledger.PublishRecord], sql.Composable],
    otherwise: sql.Composable,
) -> sql.Composable:
    """Compose what depends on the columns of a row's run."""
    runs: dict[str, tuple[sql.Composable, list[str]]] = {}
    for run_id, record in ledger.publish_records(connection, table.name).items():
        composed = compose(record)
        runs.setdefault(composed.as_string(), (composed, []))[1].append(run_id)
    if not runs:
        return otherwise
    cases = [_case(ids, composed) for composed, ids in runs.values()]
    return sql.SQL("case {} else {} end").format(sql.SQL(" ").join(cases), otherwise)


def _case(run_ids: Sequence[str], composed: sql.Composable) -> sql.Composed:
    ids = sql.SQL(", ").join(map(sql.Literal, run_ids))
    return sql.SQL("when {} in ({}) then {}").format(
        sql.Identifier("owned", "run_id"), ids, composed
    )
