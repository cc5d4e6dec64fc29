"""``bench.storage``: how fast files are copied, as a ratio to a plain concurrent copy.

Owns the course of the measurement: objects are made in temporary stores, and copied in
turn by ``storage.copy``'s own work, with its ledger and checks, and by a pool of
threads that does nothing but call the same library. Works in a scratch database and
temporary stores; an S3 server is the one of the tests, where that is installed.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness import ledger
from harness.bench.load import environment, scratch
from harness.console import Console
from harness.database import Connection, Target, connect
from harness.errors import HarnessError, Refused, UsageError
from harness.queries import query
from harness.storage import copying, opening
from harness.storage.local import LocalStore
from harness.storage.stores import CHUNK_BYTES, Content, Entry, Store

_SESSION = "00000000-0000-4000-8000-000000000001"
_MOST_BYTES = 6000
_PLACES = ("source", "target")


class BenchFailed(HarnessError):
    """A measured copy did not end well."""


@dataclass(frozen=True)
class Pair:
    """What was measured between two stores, in seconds."""

    name: str
    files: int
    size: int
    plain: list[float]
    ours: list[float]

    @property
    def ratio(self) -> float:
        """Our median in plain medians."""
        return statistics.median(self.ours) / statistics.median(self.plain)


@dataclass(frozen=True)
class Report:
    """What was measured, between which stores, and where."""

    pairs: list[Pair]
    skipped: str | None
    environment: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """The report as ``--json`` prints it."""
        pairs = [{**asdict(pair), "ratio": pair.ratio} for pair in self.pairs]
        return {**asdict(self), "pairs": pairs}

    def as_rows(self) -> list[tuple[str, str, str, str, str]]:
        """The rows of the table: what, files, plain, ours, ratio."""
        return [
            (
                pair.name,
                f"{pair.files:,} files, {pair.size / 1e6:,.0f} MB",
                f"{statistics.median(pair.plain):.2f} s",
                f"{statistics.median(pair.ours):.2f} s",
                f"{pair.ratio:.2f}",
            )
            for pair in self.pairs
        ]


def measure(
    to: Target,
    console: Console,
    *,
    files: int,
    large_megabytes: int,
    repetitions: int,
) -> Report:
    """Measure copies between folders and an S3 server.

    Raises ``Refused`` for a server that is not the embedded one, ``UsageError`` for
    numbers that measure nothing, ``BenchFailed``.
    """
    _require_measurable(to, files, large_megabytes, repetitions)
    pairs = []
    with (
        tempfile.TemporaryDirectory(prefix="carryover-bench-") as name,
        scratch(to) as database,
        connect(database) as connection,
        _s3_server() as has_s3,
    ):
        folder = Path(name)
        ledger.ensure(connection)
        for kinds in (("folder", "folder"), ("s3", "s3"), ("folder", "s3")):
            if has_s3 or "s3" not in kinds:
                source, target = (
                    _store(kind, folder, f"{place}-{'-'.join(kinds)}")
                    for kind, place in zip(kinds, _PLACES, strict=True)
                )
                with console.step(" to ".join(kinds)) as step:
                    size = _fill(source, files, large_megabytes << 20)
                    plain, ours = _alternate(connection, source, target, repetitions)
                    total = files + bool(large_megabytes)
                    pairs.append(Pair(step.name, total, size, plain, ours))
                    step.detail = f"{pairs[-1].ratio:.2f} plain copies"
    skipped = None if has_s3 else "S3: moto is not installed"
    return Report(pairs, skipped, environment(to, repetitions))


def _require_measurable(
    to: Target, files: int, large_megabytes: int, repetitions: int
) -> None:
    if files < 1 or repetitions < 1 or large_megabytes < 0:
        raise UsageError("--files and --repetitions must be at least 1.")
    if not to.is_embedded:
        raise Refused(
            f"{to} is not the embedded server, and a measurement takes all of its "
            "speed. Nothing was run. Unset DATABASE_URL."
        )


def _alternate(
    connection: Connection, source: Store, target: Store, repetitions: int
) -> tuple[list[float], list[float]]:
    """Copy plainly and as we do, in turn; the first of each only warms up."""
    plain: list[float] = []
    ours: list[float] = []
    names = [(entry.name, f"{_SESSION}/{entry.name}") for entry in source.entries()]
    for _ in range(repetitions + 1):
        for work, times in (
            (lambda: _plain(source, target, names), plain),
            (lambda: _ours(connection, source, target, len(names)), ours),
        ):
            _plan(connection, source, target)
            _make_anew(target)
            times.append(_seconds(work))
            if sum(1 for _ in target.entries()) != len(names):
                raise BenchFailed(f"not every file arrived at {target.url}.")
    return plain[1:], ours[1:]


def _ours(connection: Connection, source: Store, target: Store, count: int) -> None:
    row = connection.execute("select run_id from carryover.runs").fetchone()
    if row is None:
        raise BenchFailed("the scratch database has no run.")
    done = copying.copy(connection, row[0], "bench", {source.url: source}, target)
    if done.files != count:
        raise BenchFailed(f"{done.files:,} of {count:,} files were copied.")


def _plain(source: Store, target: Store, names: list[tuple[str, str]]) -> None:
    """The same objects with the same library, and nothing else."""
    copy = _plain_copy(source, target)
    with ThreadPoolExecutor(opening.workers()) as pool:
        for _ in pool.map(lambda pair: copy(*pair), names):
            pass


def _plain_copy(source: Store, target: Store) -> Callable[[str, str], None]:
    # The library takes its time, and every task would wait for it.
    from harness.storage.s3 import S3Store

    if isinstance(source, LocalStore) and isinstance(target, LocalStore):
        return lambda name, to: _copy_file(source.root / name, target.root / to)
    if isinstance(source, S3Store) and isinstance(target, S3Store):
        return lambda name, to: target.client.copy_object(
            Bucket=target.bucket,
            Key=to,
            CopySource={"Bucket": source.bucket, "Key": name},
        )
    if isinstance(source, LocalStore) and isinstance(target, S3Store):
        return lambda name, to: target.client.upload_file(
            str(source.root / name), target.bucket, to
        )
    raise BenchFailed("nothing is known of a plain copy between these stores.")


def _copy_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _plan(connection: Connection, source: Store, target: Store) -> None:
    """Enter the mapping as a plan would."""
    connection.execute("delete from carryover.storage_files")
    row = connection.execute("select run_id from carryover.runs").fetchone()
    if row is None:
        run_id = ledger.new_run_id()
        ledger.begin_run(connection, run_id, target="scratch")
    else:
        run_id = row[0]
    connection.cursor().executemany(
        query("storage_bench_plan"),
        [
            {
                "run_id": run_id,
                "source": source.url,
                "target": target.url,
                "name": entry.name,
                "size": entry.size,
                "etag": entry.etag,
                "session": _SESSION,
            }
            for entry in source.entries()
        ],
    )
    connection.execute("analyze carryover.storage_files")
    connection.commit()


def _fill(store: Store, files: int, large: int) -> int:
    """Put objects into a store, in nested folders; returns their bytes."""
    rng = random.Random(1)  # noqa: S311 - the same every time
    store.make()
    total = large
    for number in range(files):
        body = rng.randbytes(rng.randrange(_MOST_BYTES))
        name = f"{number % 7}/{number % 13}/{number:06d}.jpg"
        store.write(name, Content(Entry(name, len(body), ""), [body]))
        total += len(body)
    if large:
        block = rng.randbytes(CHUNK_BYTES)
        chunks = (block for _ in range(large // CHUNK_BYTES))
        store.write("large.bin", Content(Entry("large.bin", large, ""), chunks))
    return total


def _make_anew(store: Store) -> None:
    """Empty a store, as nobody would who cannot make it again."""
    if store.exists():
        store.remove([entry.name for entry in store.entries()])
    else:
        store.make()
    if isinstance(store, LocalStore):
        # It remembers the folders that it made.
        store.forget_folders()


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _store(kind: str, folder: Path, name: str) -> Store:
    return opening.open_store(name if kind == "s3" else (folder / name).as_uri())


@contextmanager
def _s3_server() -> Iterator[bool]:
    """Start the tests' S3 server where it is installed; whether it is."""
    if find_spec("moto") is None or find_spec("flask") is None:
        yield False
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    endpoint = f"http://127.0.0.1:{port}"
    try:
        _wait_for(endpoint)
        # What the caller's environment says of another server must not count here.
        for name in [name for name in os.environ if _is_of_storage(name)]:
            del os.environ[name]
        os.environ["CARRYOVER_STORAGE_ENDPOINT"] = endpoint
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            os.environ[name] = "bench"
        yield True
    finally:
        server.kill()
        server.wait()


def _is_of_storage(name: str) -> bool:
    if name == "CARRYOVER_STORAGE_WORKERS":
        return False
    return name.startswith(("AWS_", "CARRYOVER_STORAGE_"))


def _wait_for(endpoint: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{endpoint}/moto-api/"):  # noqa: S310
                return
        except urllib.error.URLError:
            time.sleep(0.1)
    raise BenchFailed("the S3 server of the tests did not start.")
