"""``storage.plan``: which file goes where, for which messages, and what fits nothing.

Lists the sources and the target completely, reads every reference, matches them inside
the database and leaves the mapping in the ledger. Whatever the number of files, they
pass through here in pages. Writes the ledger and nothing else: no store, no live row.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from harness import ledger, settings
from harness.database import Connection, committed
from harness.errors import Refused
from harness.queries import query
from harness.storage import limits, references
from harness.storage.opening import workers
from harness.storage.referring import Referring, base_url
from harness.storage.stores import FileFailed, Store, is_text

Progress = Callable[[int, int], None]

_PAGE = 5000
_UNREADABLE = "file whose name is no UTF-8"


@dataclass(frozen=True)
class Plan:
    """What a plan found: files and bytes to move, by state, and remarks by kind."""

    run_id: str
    files: int
    size: int
    messages: int
    listed: int
    listed_bytes: int
    states: dict[str, int]
    unmatched: dict[str, int]
    skipped_sources: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The plan as ``--json`` prints it."""
        return {
            "run_id": self.run_id,
            "listed": {"files": self.listed, "bytes": self.listed_bytes},
            "mapped": {
                "files": self.files,
                "bytes": self.size,
                "messages": self.messages,
            },
            "states": self.states,
            "unmatched": self.unmatched,
            "skipped_sources": list(self.skipped_sources),
        }


@dataclass
class _Listing:
    """What was listed, while it goes into the database."""

    files: int = 0
    size: int = 0
    unreadable: list[tuple[str, str]] = field(default_factory=list)


def plan(
    connection: Connection,
    referring: Referring,
    sources: Sequence[Store],
    target: Store,
    *,
    skipped: Sequence[str] = (),
    on_progress: Progress = lambda done, total: None,
) -> Plan:
    """Match every object with what refers to it, and enter the mapping.

    ``skipped`` names sources of the defaults that do not exist. Raises ``Refused`` when
    no run of the pipeline is known, ``StoreUnusable`` when a store cannot be listed.
    """
    started = datetime.now(timezone.utc)
    with committed(connection):
        ledger.take_lock(connection)
        ledger.ensure(connection)
        run_id = find_run(connection, referring.pipeline)
        connection.execute(query("storage_temporary"))
        listing = _list(connection, sources, target, on_progress)
        _refer(connection, referring, sources, target)
        connection.execute(query("storage_forget"), {"table": referring.table})
        connection.execute("analyze storage_listed, storage_referenced, storage_rows")
        connection.execute(query("storage_match"))
        connection.execute("analyze storage_found")
        if limits.has_storage(connection):
            connection.execute(query("storage_objects"))
        _look_at_types(connection, sources, on_progress)
        _enter(connection, run_id, referring, target)
        _name_copies(connection, referring, target)
        _enter_unmatched(connection, run_id, referring, listing)
        _enter_plan(connection, run_id, referring, sources, target)
        found = _summary(connection, run_id, referring, listing, skipped)
        record = ledger.StepRecord(rows=found.files, detail=found.as_dict())
        ledger.add_step(connection, run_id, "storage.plan", started, record)
    return found


def find_run(connection: Connection, pipeline: str) -> str:
    """The run whose input is landed, else the newest of the pipeline."""
    landed = ledger.find_current_run(connection)
    if landed:
        return landed.run_id
    row = connection.execute(
        sql.SQL(
            "select run_id from {} where pipeline = %s order by started_at desc limit 1"
        ).format(sql.Identifier(settings.ledger_schema(), "runs")),
        [pipeline],
    ).fetchone()
    if row:
        return str(row[0])
    raise Refused(
        f"the {pipeline} has no run in this database yet. Nothing was changed. "
        "Publish its messages first, so that there is something that files belong to."
    )


def _list(
    connection: Connection,
    sources: Sequence[Store],
    target: Store,
    on_progress: Progress,
) -> _Listing:
    """List all stores into temporary tables."""
    listing = _Listing()
    statement = (
        "copy storage_listed (position, source, bucket, name, full_name, size, etag,"
        " content_type) from stdin"
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copying:
        for position, source in enumerate(sources):
            prefix = getattr(source, "prefix", "")
            for entry in source.entries():
                if not is_text(entry.name):
                    listing.unreadable.append((source.url, repr(entry.name)))
                    continue
                listing.files += 1
                listing.size += entry.size
                copying.write_row(
                    (
                        position,
                        source.url,
                        source.bucket,
                        entry.name,
                        prefix + entry.name,
                        entry.size,
                        entry.etag,
                        entry.content_type,
                    )
                )
                on_progress(listing.files, 0)
    names = (entry.name for entry in (target.entries() if target.exists() else ()))
    _copy_rows(connection, "storage_taken (name)", ((n,) for n in names if is_text(n)))
    return listing


def _refer(
    connection: Connection,
    referring: Referring,
    sources: Sequence[Store],
    target: Store,
) -> None:
    """Read every reference of the live rows into temporary tables."""
    buckets = [source.bucket for source in sources]
    base = base_url()
    with connection.cursor(name="storage_rows_read") as rows:
        rows.execute(query(referring.reads))
        for page in _pages(rows):
            read = [
                (row, references.read(row[3], buckets, target.bucket)) for row in page
            ]
            read = [(row, found) for row, found in read if not found.is_in_target]
            _copy_rows(
                connection,
                "storage_rows (row_id, session_id, sender_id, reference, place)",
                (
                    (
                        *row[:4],
                        f"{references.URL}{base}/{{bucket}}" if base else f.place,
                    )
                    for row, f in read
                ),
            )
            _copy_rows(
                connection,
                "storage_referenced (row_id, rank, matched_by, bucket, name)",
                (
                    (row[0], c.rank, c.matched_by, c.bucket, c.name)
                    for row, found in read
                    for c in (*found.candidates, *_ids(referring, row))
                ),
            )


def _ids(referring: Referring, row: Sequence[Any]) -> tuple[references.Candidate, ...]:
    if not referring.matches_ids:
        return ()
    return references.by_ids(row[3], str(row[4] or ""), str(row[0]))


def _look_at_types(
    connection: Connection, sources: Sequence[Store], on_progress: Progress
) -> None:
    """Ask the stores for the types of matched files, which no listing tells."""
    wanted = connection.execute(
        "select distinct listed_id, position, name from storage_listed"
        " inner join storage_found using (listed_id) where content_type is null"
        " order by listed_id"
    ).fetchall()

    def look(row: tuple[int, int, str]) -> tuple[int, str | None]:
        try:
            found = sources[row[1]].head(row[2])
        except FileFailed:
            # The copy will meet the same trouble and name it.
            return row[0], None
        return row[0], found.content_type if found else None

    with ThreadPoolExecutor(workers()) as pool:
        for first in range(0, len(wanted), _PAGE):
            page = wanted[first : first + _PAGE]
            _copy_rows(
                connection,
                "storage_looked_at (listed_id, content_type)",
                _counted(pool.map(look, page), first, len(wanted), on_progress),
            )
    connection.execute(
        "update storage_listed as listed set content_type = seen.content_type"
        " from storage_looked_at as seen where listed.listed_id = seen.listed_id"
    )


def _enter(
    connection: Connection, run_id: str, referring: Referring, target: Store
) -> None:
    """Put the mapping into the ledger, beside what stands of earlier plans."""
    taken = limits.find(connection, target.bucket)
    parts: dict[str, sql.Composable] = {
        "run_id": sql.Literal(run_id),
        "pipeline": sql.Literal(referring.pipeline),
        "table_name": sql.Literal(referring.table),
        "target": sql.Literal(target.url),
        "max_bytes": sql.Literal(taken.max_bytes),
        "types": sql.SQL("array[{}]").format(
            sql.SQL(", ").join(map(sql.Literal, taken.patterns))
        ),
    }
    connection.execute(query("storage_enter", **parts))
    connection.execute(query("storage_wanted", **parts))
    # What was made a moment ago has no statistics, and is joined with itself.
    connection.execute("analyze storage_wanted")
    connection.execute(query("storage_enter_files", **parts))


def _name_copies(connection: Connection, referring: Referring, target: Store) -> None:
    """Write what each reference will say; until now it holds how it is said."""
    connection.execute(
        "create temporary table storage_named (row_id uuid, new_reference text)"
        " on commit drop"
    )
    prefix = getattr(target, "prefix", "")
    with connection.cursor(name="storage_places_read") as rows:
        rows.execute(query("storage_places"), {"table": referring.table})
        for page in _pages(rows):
            _copy_rows(
                connection,
                "storage_named (row_id, new_reference)",
                (
                    (row_id, references.named_as(place, target.bucket, prefix + name))
                    for row_id, place, name in page
                ),
            )
    connection.execute(query("storage_name_copies"), {"table": referring.table})


def _enter_unmatched(
    connection: Connection, run_id: str, referring: Referring, listing: _Listing
) -> None:
    connection.execute(
        query(
            "storage_unmatched",
            run_id=sql.Literal(run_id),
            pipeline=sql.Literal(referring.pipeline),
            table_name=sql.Literal(referring.table),
        )
    )
    connection.cursor().executemany(
        query("storage_unreadable"),
        [
            (run_id, referring.pipeline, _UNREADABLE, source, name)
            for source, name in listing.unreadable
        ],
    )


def _enter_plan(
    connection: Connection,
    run_id: str,
    referring: Referring,
    sources: Sequence[Store],
    target: Store,
) -> None:
    connection.execute(
        sql.SQL(
            "insert into {} (run_id, pipeline, sources, target, services)"
            " values (%s, %s, %s, %s, %s)"
        ).format(sql.Identifier(settings.ledger_schema(), "storage_plans")),
        [
            run_id,
            referring.pipeline,
            [source.url for source in sources],
            target.url,
            Jsonb({store.url: place_of(store) for store in [*sources, target]}),
        ],
    )


def place_of(store: Store) -> str:
    """Where a store is, without whose key it is opened with."""
    return store.service.partition(" ")[0]


def _summary(
    connection: Connection,
    run_id: str,
    referring: Referring,
    listing: _Listing,
    skipped: Sequence[str],
) -> Plan:
    states = dict(
        connection.execute(
            query("storage_states"), {"pipeline": referring.pipeline}
        ).fetchall()
    )
    totals = connection.execute(
        query("storage_totals"), {"pipeline": referring.pipeline}
    ).fetchone()
    files, size, messages = totals or (0, 0, 0)
    kinds = connection.execute(query("storage_kinds"), {"run_id": run_id}).fetchall()
    return Plan(
        run_id,
        files,
        int(size),
        messages,
        listing.files,
        listing.size,
        states,
        dict(kinds),
        tuple(skipped),
    )


def _pages(rows: Any) -> Iterator[list[tuple[Any, ...]]]:
    while page := rows.fetchmany(_PAGE):
        yield page


def _copy_rows(
    connection: Connection, into: str, rows: Iterable[Sequence[Any]]
) -> None:
    """COPY rows into a temporary table; ``into`` is ours, never an operator's."""
    with (
        connection.cursor() as cursor,
        cursor.copy(f"copy {into} from stdin") as copying,
    ):
        for row in rows:
            copying.write_row(row)


def _counted(
    rows: Iterable[Any], done: int, total: int, on_progress: Progress
) -> Iterator[Any]:
    for number, row in zip(itertools.count(done + 1), rows, strict=False):
        on_progress(number, total)
        yield row
