"""``storage.verify``: every copy against its source, and who may read it.

Sizes and checksums come from the stores' listings where both tell the MD5 of the bytes;
otherwise both files are read and hashed. A copy that differs, or whose source has
changed since, is named and has to be copied again. Writes the ledger only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from harness import ledger
from harness.database import Connection, committed
from harness.queries import query
from harness.storage.access import Access
from harness.storage.opening import workers
from harness.storage.stores import FileFailed, Store, is_text, md5_of

Progress = Callable[[int, int, int, int], None]

_BATCH = 256
_UNSTABLE = "the source has changed since it was copied; plan again"
_GONE = "the source is not there any more"
_CREATE = """
    create temporary table storage_now (
        store text not null, name text not null,
        size bigint not null, etag text not null
    )
"""


@dataclass(frozen=True)
class Copy:
    """A copy to verify, with what both stores list of it now; None when nothing.

    ``md5`` is that of the source when it was copied or verified, where it is known.
    """

    file_id: int
    source: str
    source_name: str
    target_name: str
    size: int
    etag: str
    md5: str | None
    is_switched: bool
    source_size: int | None
    source_etag: str | None
    target_size: int | None
    target_etag: str | None


@dataclass(frozen=True)
class Finding:
    """What was found of a copy: how it was verified, or what is wrong with it."""

    copy: Copy
    verified_by: str | None = None
    reason: str | None = None
    md5: str | None = None


@dataclass
class Verified:
    """What a verification found: files and bytes, hashed or not, faults by name."""

    run_id: str
    files: int = 0
    size: int = 0
    by: dict[str, int] = field(default_factory=dict)
    failures: list[tuple[str, str]] = field(default_factory=list)
    not_copied: int = 0
    access: Access | None = None

    @property
    def is_complete(self) -> bool:
        """Whether everything that was planned is copied, the same, and well guarded."""
        guarded = self.access is None or not self.access.faults
        return not self.failures and not self.not_copied and guarded

    def as_dict(self) -> dict[str, Any]:
        """The result as ``--json`` prints it."""
        return {
            "run_id": self.run_id,
            "verified": {"files": self.files, "bytes": self.size, "by": self.by},
            "failed": [
                {"file": name, "reason": reason} for name, reason in self.failures
            ],
            "not_copied": self.not_copied,
            "access": self.access.as_dict() if self.access else None,
        }


def verify(
    connection: Connection,
    run_id: str,
    pipeline: str,
    sources: Mapping[str, Store],
    target: Store,
    *,
    on_progress: Progress = lambda files, of_files, size, of_size: None,
) -> Verified:
    """Compare every copy that is not cleaned of its source; enter what is found."""
    result = Verified(run_id)
    _list(connection, pipeline, sources, target)
    parts = {"pipeline": pipeline, "target": target.url}
    total = connection.execute(query("storage_to_verify_totals"), parts).fetchone()
    connection.commit()
    files, size, result.not_copied = total or (0, 0, 0)

    def work(copy: Copy) -> Finding:
        return _compare(copy, sources[copy.source], target)

    with ThreadPoolExecutor(workers(), thread_name_prefix="storage") as pool:
        for copies in _batches(connection, parts):
            found = []
            for finding in pool.map(work, copies):
                found.append(finding)
                _count(result, finding)
                on_progress(
                    result.files + len(result.failures), files, result.size, int(size)
                )
            _enter(connection, found)
    connection.execute("drop table storage_now")
    connection.commit()
    return result


def enter_step(connection: Connection, started: datetime, result: Verified) -> None:
    """Enter the verification in the ledger."""
    detail = {**result.as_dict(), "failed": result.failures[:100]}
    record = ledger.StepRecord(
        rows=result.files,
        detail=detail,
        status="done" if result.is_complete else "failed",
    )
    with committed(connection):
        ledger.add_step(connection, result.run_id, "storage.verify", started, record)


def now() -> datetime:
    """The time a step starts."""
    return datetime.now(timezone.utc)


def _list(
    connection: Connection,
    pipeline: str,
    sources: Mapping[str, Store],
    target: Store,
) -> None:
    """List all stores into a temporary table, which lives as long as the connection."""
    connection.execute("drop table if exists storage_now")
    connection.execute(_CREATE)
    stores = [*sources.values(), target]
    with (
        connection.cursor() as cursor,
        cursor.copy("copy storage_now (store, name, size, etag) from stdin") as copying,
    ):
        for store in stores:
            for entry in store.entries() if store.exists() else ():
                if is_text(entry.name):
                    row = (store.url, entry.name, entry.size, entry.etag)
                    copying.write_row(row)
    connection.execute("create index on storage_now (store, name)")
    connection.execute("analyze storage_now")
    connection.commit()


def _batches(connection: Connection, parts: Mapping[str, Any]) -> Iterator[list[Copy]]:
    after = 0
    while True:
        rows = connection.execute(
            query("storage_to_verify"), {**parts, "after": after, "batch": _BATCH}
        ).fetchall()
        connection.commit()
        if not rows:
            return
        copies = [Copy(*row) for row in rows]
        after = copies[-1].file_id
        yield copies


def _compare(copy: Copy, source: Store, target: Store) -> Finding:
    """Compare one copy with its source."""
    if copy.target_size is None:
        return Finding(copy, reason="the copy is not in the target any more")
    is_source_same = copy.source_etag == copy.etag
    if not is_source_same and not (copy.is_switched and copy.md5):
        is_gone = copy.source_size is None
        return Finding(copy, reason=_GONE if is_gone else _UNSTABLE)
    if copy.target_size != copy.size:
        return Finding(
            copy,
            reason=f"the copy has {copy.target_size:,} of {copy.size:,} bytes",
        )
    if _is_md5(copy.etag) and copy.target_etag == copy.etag:
        return Finding(copy, verified_by="md5 of both stores", md5=copy.etag)
    try:
        if is_source_same:
            return _hash(copy, source, target)
        # What happens to a source that nobody's message names does not count.
        return _hash_again(copy, target)
    except FileFailed as error:
        return Finding(copy, reason=str(error))


def _hash(copy: Copy, source: Store, target: Store) -> Finding:
    """Read both files and compare their hashes."""
    expected, size = md5_of(source, copy.source_name, copy.etag)
    found, found_size = md5_of(target, copy.target_name, copy.target_etag)
    if (expected, size) == (found, found_size):
        return Finding(copy, verified_by="both read and hashed", md5=expected)
    return Finding(
        copy,
        reason=f"the copy differs: its MD5 is {found}, the source's {expected}",
    )


def _hash_again(copy: Copy, target: Store) -> Finding:
    """Read the copy of a source that is another by now, and compare it with then."""
    found, _ = md5_of(target, copy.target_name, copy.target_etag)
    if found == copy.md5:
        return Finding(copy, verified_by="hashed as it was copied", md5=found)
    return Finding(copy, reason=f"the copy differs: its MD5 is {found}, was {copy.md5}")


def _is_md5(etag: str) -> bool:
    return len(etag) == 32 and "-" not in etag


def _enter(connection: Connection, findings: list[Finding]) -> None:
    rows = [
        (found.copy.file_id, found.verified_by, found.reason, found.md5)
        for found in findings
    ]
    with committed(connection):
        connection.execute(
            query("storage_verified"),
            [list(column) for column in zip(*rows, strict=True)],
        )


def _count(result: Verified, found: Finding) -> None:
    if found.reason:
        copy = found.copy
        result.failures.append(
            (f"{copy.source}/{copy.source_name} -> {copy.target_name}", found.reason)
        )
        return
    result.files += 1
    result.size += found.copy.size
    by = str(found.verified_by)
    result.by[by] = result.by.get(by, 0) + 1
