"""Removes objects: copies that a rollback takes back, sources that are done with.

Only through the stores' own protocols, only what the ledger names, and only while it
still is what was copied: an object that somebody replaced is left and named. Entered in
batches, so that after a kill the next call goes on; an object that is gone already is
as good as removed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from harness import ledger
from harness.database import Connection, committed, take_back
from harness.errors import Refused
from harness.queries import query
from harness.storage import references
from harness.storage.local import LocalStore
from harness.storage.referring import Referring
from harness.storage.stores import Store, is_text

Progress = Callable[[int, int, int, int], None]

_BATCH = 500
_PAGE = 5000
_CREATE = """
    create temporary table storage_now (
        store text not null, name text not null,
        size bigint not null, etag text not null
    );
    create temporary table storage_named_live (name text not null)
"""
_DROP = "drop table if exists storage_now; drop table if exists storage_named_live"


@dataclass
class Removed:
    """What was removed, or would be: files and bytes, and what was left, by name."""

    files: int = 0
    size: int = 0
    left: list[tuple[str, str]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The result as ``--json`` prints it."""
        return {
            "removed": {"files": self.files, "bytes": self.size},
            "left": [{"file": name, "reason": reason} for name, reason in self.left],
        }


def remove_copies(
    connection: Connection,
    referring: Referring,
    target: Store,
    *,
    execute: bool,
    on_progress: Progress = lambda files, of_files, size, of_size: None,
) -> Removed:
    """Remove the copies that no live row names, and that are as we wrote them.

    Without ``execute`` they are counted as they will be when the rows are restored.
    """
    _look(connection, referring, [], target)
    parts = {"pipeline": referring.pipeline, "target": target.url}
    if not execute:
        connection.execute(query("storage_forget_switched"), parts)
        connection.commit()
    return _remove(
        connection,
        "storage_copies",
        "storage_removed",
        parts,
        {target.url: target},
        on_progress,
        execute=execute,
    )


def clean(
    connection: Connection,
    run_id: str,
    referring: Referring,
    sources: Mapping[str, Store],
    target: Store,
    *,
    execute: bool,
    on_progress: Progress = lambda files, of_files, size, of_size: None,
) -> Removed:
    """Remove the sources of copies that are verified and switched to, all of them.

    Raises ``Refused`` while anything planned is not, a copy is not in the target as it
    was verified, or a live row still names a source.
    """
    started = datetime.now(timezone.utc)
    _look(connection, referring, list(sources.values()), target)
    parts = {"pipeline": referring.pipeline, "target": target.url}
    _require_done(connection, parts)
    if execute and isinstance(target, LocalStore):
        # The copies are about to be the only ones: not in the system's memory alone.
        os.sync()
    done = _remove(
        connection,
        "storage_sources",
        "storage_source_removed",
        parts,
        sources,
        on_progress,
        execute=execute,
    )
    if execute:
        detail = {**done.as_dict(), "left": done.left[:100]}
        record = ledger.StepRecord(rows=done.files, detail=detail)
        with committed(connection):
            ledger.add_step(connection, run_id, "storage.clean", started, record)
    return done


def _look(
    connection: Connection,
    referring: Referring,
    sources: Sequence[Store],
    target: Store,
) -> None:
    """List the stores, and what live rows name of the target or the sources."""
    connection.execute(_DROP)
    connection.execute(_CREATE)
    with (
        connection.cursor() as cursor,
        cursor.copy("copy storage_now (store, name, size, etag) from stdin") as copying,
    ):
        for store in (*sources, target):
            for entry in store.entries() if store.exists() else ():
                if is_text(entry.name):
                    row = (store.url, entry.name, entry.size, entry.etag)
                    copying.write_row(row)
    connection.execute("create index on storage_now (store, name)")
    for store in sources or (target,):
        _look_at_rows(connection, referring, store)
    connection.execute("create index on storage_named_live (name)")
    connection.execute("analyze storage_now, storage_named_live")
    connection.commit()


def _look_at_rows(connection: Connection, referring: Referring, store: Store) -> None:
    """Note the objects of a store that live rows name."""
    prefix = getattr(store, "prefix", "")
    with connection.cursor(name="storage_rows_read") as rows:
        rows.execute(query(referring.reads))
        while page := rows.fetchmany(_PAGE):
            names = {
                store.url + "/" + candidate.name.removeprefix(prefix)
                for row in page
                for candidate in references.read(row[3], (), store.bucket).candidates
            }
            with (
                connection.cursor() as cursor,
                cursor.copy("copy storage_named_live (name) from stdin") as copying,
            ):
                for name in names:
                    copying.write_row((name,))


def _require_done(connection: Connection, parts: Mapping[str, Any]) -> None:
    row = connection.execute(query("storage_undone"), parts).fetchone()
    take_back(connection)
    undone, unswitched, differing, named, example = row or (0, 0, 0, 0, None)
    reasons = [
        f"{count:,} {what}"
        for count, what in (
            (undone, "files are not verified"),
            (unswitched, "references are not switched"),
            (differing, "copies are not in the target as they were verified"),
            (named, "sources are still named by live rows"),
        )
        if count
    ]
    if reasons:
        raise Refused(
            f"not everything is done: {', '.join(reasons)}"
            f"{f' ({example} is one)' if example else ''}. Nothing was removed. "
            "Run: ./inv storage.verify, then ./inv storage.switch --execute"
        )


def _remove(
    connection: Connection,
    which: str,
    entered: str,
    parts: Mapping[str, Any],
    stores: Mapping[str, Store],
    on_progress: Progress,
    *,
    execute: bool,
) -> Removed:
    done = Removed()
    total = _total(connection, which, parts)
    for rows in _batches(connection, which, parts):
        keep = [row for row in rows if row[5]]
        go = [row for row in rows if not row[5]]
        done.left += [(f"{row[1]}/{row[2]}", row[5]) for row in keep]
        if execute:
            failed = _remove_from(stores, go)
            done.left += [(f"{s}/{n}", why) for (s, n), why in failed.items()]
            go = [row for row in go if (row[1], row[2]) not in failed]
            with committed(connection):
                connection.execute(query(entered), [[row[0] for row in go]])
        done.files += sum(row[6] for row in go)
        done.size += sum(row[3] for row in go if row[6])
        on_progress(done.files, total[0], done.size, total[1])
    take_back(connection)
    return done


def _remove_from(
    stores: Mapping[str, Store], rows: Sequence[tuple[Any, ...]]
) -> dict[tuple[str, str], str]:
    """Remove objects from their stores; what went wrong by store and name."""
    failed = {}
    for url, store in stores.items():
        names = sorted({row[2] for row in rows if row[1] == url})
        for row in rows:
            if row[1] == url and row[4]:
                store.forget_unfinished(row[2], row[3])
        failed.update({(url, n): why for n, why in store.remove(names).items()})
    return failed


def _batches(
    connection: Connection, which: str, parts: Mapping[str, Any]
) -> Iterator[list[tuple[Any, ...]]]:
    after = 0
    while True:
        rows = connection.execute(
            query(which), {**parts, "after": after, "batch": _BATCH}
        ).fetchall()
        connection.commit()
        if not rows:
            return
        after = rows[-1][0]
        yield rows


def _total(
    connection: Connection, which: str, parts: Mapping[str, Any]
) -> tuple[int, int]:
    row = connection.execute(query(f"{which}_totals"), parts).fetchone()
    connection.commit()
    return (int(row[0]), int(row[1])) if row else (0, 0)
