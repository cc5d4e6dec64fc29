"""``storage.copy``: every planned file once, many at a time, through any interruption.

A file is claimed in the ledger, committed, before its first byte moves, and entered as
copied when the store has it whole. So after a kill at any moment a claimed file is
looked for in the target, and copied only when it is not there. Nothing is written over
that we did not write. Workers talk to the stores, this thread alone to the database.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from psycopg import sql

from harness import ledger, settings
from harness.database import Connection, committed
from harness.queries import query
from harness.storage.opening import workers
from harness.storage.stores import (
    PART_BYTES,
    Content,
    Digested,
    Entry,
    FileFailed,
    FileMissing,
    FileRefused,
    SourceChanged,
    Store,
    is_text,
)

Progress = Callable[[int, int, int, int], None]

#: Files that are claimed, and entered, in one transaction.
_BATCH = 256
#: A batch is entered after this many seconds, full or not: a kill forgets at most this.
_ENTER_SECONDS = 0.3
#: Seconds before each further attempt at a file.
PAUSES = (0.2, 0.5, 1.0, 2.0)
#: What all workers together hold of files whose bytes come through here.
_HELD_BYTES = 48 * 1024 * 1024


@dataclass(frozen=True)
class Task:
    """A file to copy, as the ledger has it.

    ``was_claimed``: an earlier run was interrupted on it. ``is_ours``: what stands in
    the target we wrote, and may write over.
    """

    file_id: int
    source: str
    source_name: str
    target_name: str
    size: int
    etag: str
    content_type: str | None
    was_claimed: bool
    is_ours: bool


@dataclass(frozen=True)
class Outcome:
    """What became of a file; ``reason`` is set when it failed."""

    task: Task
    copied: Entry | None = None
    md5: str | None = None
    reason: str | None = None
    was_there: bool = False


@dataclass
class Copied:
    """What a copy did: files, bytes, and what failed by name."""

    run_id: str
    files: int = 0
    size: int = 0
    found_there: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The result as ``--json`` prints it."""
        return {
            "run_id": self.run_id,
            "copied": {"files": self.files, "bytes": self.size},
            "found_there": self.found_there,
            "failed": [
                {"file": name, "reason": reason} for name, reason in self.failures
            ],
        }


class Budget:
    """Bytes that all workers together may hold; whoever wants more waits."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._size = size
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, size: int) -> Iterator[None]:
        """Hold this many bytes, at most all there are."""
        size = min(size, self._size)
        with self._changed:
            self._changed.wait_for(lambda: self._left >= size)
            self._left -= size
        try:
            yield
        finally:
            with self._changed:
                self._left += size
                self._changed.notify_all()


def copy(
    connection: Connection,
    run_id: str,
    pipeline: str,
    sources: Mapping[str, Store],
    target: Store,
    *,
    on_progress: Progress = lambda files, of_files, size, of_size: None,
) -> Copied:
    """Copy all that is planned; what fails is entered with its reason.

    Commits as it goes. Raises nothing for single files.
    """
    started = datetime.now(timezone.utc)
    result = Copied(run_id)
    result.failures += _refuse_taken(connection, pipeline, target)
    total = _outstanding(connection, pipeline, target)
    budget = Budget(_HELD_BYTES)

    def work(task: Task) -> Outcome:
        return copy_file(task, sources[task.source], target, budget)

    pool = ThreadPoolExecutor(workers(), thread_name_prefix="storage")
    try:
        for outcomes in _worked(connection, pipeline, target, pool, work):
            _enter(connection, outcomes)
            for outcome in outcomes:
                _count(result, outcome)
            on_progress(
                result.files + len(result.failures), total[0], result.size, total[1]
            )
    finally:
        # What runs is let end; what waits is left for the next time.
        pool.shutdown(cancel_futures=True)
    detail = {**result.as_dict(), "failed": result.failures[:100]}
    status = "failed" if result.failures else "done"
    record = ledger.StepRecord(result.files, detail, status)
    with committed(connection):
        ledger.add_step(connection, run_id, "storage.copy", started, record)
    return result


def copy_file(task: Task, source: Store, target: Store, budget: Budget) -> Outcome:
    """Copy one file, again after a pause when another attempt may cure what failed."""
    entry = Entry(task.source_name, task.size, task.etag, task.content_type)
    for pause in (*PAUSES, None):
        try:
            if task.was_claimed and (there := _stands_there(task, entry, target)):
                return Outcome(task, there, entry.md5, was_there=True)
            if source.service == target.service:
                return Outcome(task, target.copy(source, entry, task.target_name))
            return _carry(task, entry, source, target, budget)
        except (FileMissing, SourceChanged, FileRefused) as error:
            return Outcome(task, reason=str(error))
        except FileFailed as error:
            if pause is None:
                return Outcome(
                    task, reason=f"{error}, after {len(PAUSES) + 1} attempts"
                )
            time.sleep(pause)
            # The attempt may have got further than it could tell.
            task = replace(task, was_claimed=True)
    raise AssertionError("unreachable")


def _carry(
    task: Task, entry: Entry, source: Store, target: Store, budget: Budget
) -> Outcome:
    """Copy by way of us, hashing what passes."""
    with (
        budget.taken(min(entry.size, 2 * PART_BYTES)),
        source.read(entry.name, entry.etag) as content,
    ):
        chunks = Digested(content.chunks)
        # What the store says of the type counts; a folder's guess is the plan's.
        kind = content.entry.content_type or entry.content_type
        described = replace(content.entry, content_type=kind)
        copied = target.write(task.target_name, Content(described, chunks))
    return Outcome(task, copied, chunks.md5)


def _stands_there(task: Task, entry: Entry, target: Store) -> Entry | None:
    """What an interrupted attempt left whole in the target, if it did.

    Raises ``FileRefused`` for a file that is not the one: it may be somebody's.
    """
    target.forget_unfinished(task.target_name, task.size)
    there = target.head(task.target_name)
    if there is None:
        return None
    differs = there.md5 and entry.md5 and there.md5 != entry.md5
    if there.size == entry.size and not differs:
        return there
    if task.is_ours:
        return None
    raise FileRefused(
        f"{task.target_name} is in the target with {there.size:,} bytes, and nothing "
        "says that we wrote it: it is left. Plan again: the file gets another name"
    )


def _worked(
    connection: Connection,
    pipeline: str,
    target: Store,
    pool: ThreadPoolExecutor,
    work: Callable[[Task], Outcome],
) -> Iterator[list[Outcome]]:
    """Claim files, have them copied, and give back what is done in batches."""
    running: set[Future[Outcome]] = set()
    done: list[Outcome] = []
    entered, last_id, is_more = time.monotonic(), 0, True
    while running or is_more:
        if is_more and len(running) < _BATCH // 2:
            tasks = _claim(connection, pipeline, target, last_id)
            is_more = len(tasks) == _BATCH
            last_id = tasks[-1].file_id if tasks else last_id
            running |= {pool.submit(work, task) for task in tasks}
        finished, running = wait(running, _ENTER_SECONDS, FIRST_COMPLETED)
        done += [future.result() for future in finished]
        is_due = time.monotonic() - entered > _ENTER_SECONDS
        if done and (len(done) >= _BATCH or is_due or not running):
            yield done
            done, entered = [], time.monotonic()


def _claim(
    connection: Connection, pipeline: str, target: Store, after: int
) -> list[Task]:
    """Enter, and commit, that the next files are being copied."""
    with committed(connection):
        rows = connection.execute(
            query("storage_claim"),
            {
                "pipeline": pipeline,
                "target": target.url,
                "after": after,
                "batch": _BATCH,
            },
        ).fetchall()
    return sorted((Task(*row) for row in rows), key=lambda task: task.file_id)


def _enter(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    """Enter what became of a batch of files."""
    rows = [
        (
            outcome.task.file_id,
            "copied" if outcome.copied else "failed",
            outcome.reason,
            outcome.copied.etag if outcome.copied else None,
            outcome.md5,
        )
        for outcome in outcomes
    ]
    with committed(connection):
        connection.execute(
            query("storage_copied"),
            [list(column) for column in zip(*rows, strict=True)],
        )


def _count(result: Copied, outcome: Outcome) -> None:
    if outcome.copied is None:
        name = f"{outcome.task.source}/{outcome.task.source_name}"
        result.failures.append((name, outcome.reason or ""))
        return
    result.files += 1
    result.size += outcome.task.size
    result.found_there += outcome.was_there


def _refuse_taken(
    connection: Connection, pipeline: str, target: Store
) -> list[tuple[str, str]]:
    """Fail what somebody else has put into the target under its name since the plan."""
    with committed(connection):
        connection.execute("create temporary table storage_there (name text)")
        with (
            connection.cursor() as cursor,
            cursor.copy("copy storage_there (name) from stdin") as copying,
        ):
            for entry in target.entries():
                if is_text(entry.name):
                    copying.write_row((entry.name,))
        rows = connection.execute(
            query("storage_refuse_taken"), {"pipeline": pipeline, "target": target.url}
        ).fetchall()
        connection.execute("drop table storage_there")
    return [(f"{source}/{name}", reason) for source, name, reason in rows]


def _outstanding(
    connection: Connection, pipeline: str, target: Store
) -> tuple[int, int]:
    """How many files, and bytes, are still to be copied."""
    row = connection.execute(
        sql.SQL(
            "select count(*), coalesce(sum(size), 0)::bigint from {}"
            " where pipeline = %s and target = %s"
            " and status in ('planned', 'copying', 'failed') and not is_taken"
        ).format(sql.Identifier(settings.ledger_schema(), "storage_files")),
        [pipeline, target.url],
    ).fetchone()
    connection.rollback()
    return (int(row[0]), int(row[1])) if row else (0, 0)
