"""``bench.load``: how fast a dump is loaded, as a ratio to COPY of the same rows.

Owns the course of the measurement: a dump is written to a temporary folder, loaded and
copied in turn, several times, in a scratch database that is made and dropped here. The
two stand side by side in time, so that the ratio holds on a busy machine as well.
Never touches another database.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from psycopg import sql

from harness import settings
from harness.bench import messages, others
from harness.bench.run import Measure
from harness.console import Console
from harness.database import Target, connect
from harness.errors import HarnessError, Refused, UsageError
from harness.load.parallel import processors

_MEGABYTE = 1_000_000


class BenchFailed(HarnessError):
    """A measured run did not end well."""


@dataclass(frozen=True)
class Report:
    """What was measured.

    ``verified`` is one load with ``--verify-dump``. ``others`` says of each other tool
    how many seconds it took, or why it was skipped.
    """

    rows: int
    dump_bytes: int
    loads: list[Measure]
    copies: list[Measure]
    others: dict[str, float | str]
    environment: dict[str, Any]
    verified: Measure | None = None

    @property
    def sample_share(self) -> float:
        """What holding a sample against the dump takes of a load, at most."""
        shares = (each.verify_seconds / each.seconds for each in self.loads)
        return statistics.median(shares)

    @property
    def verified_ratio(self) -> float | None:
        """One load that holds every row against the dump, in median loads."""
        if self.verified is None:
            return None
        return self.verified.seconds / _median(self.loads)

    @property
    def ratio(self) -> float:
        """The median load in median COPYs."""
        return _median(self.loads) / _median(self.copies)

    @property
    def peak_bytes(self) -> int:
        """The peak memory of a load, feeder and parser together, the worst of all."""
        return max(measure.peak_bytes for measure in self.loads)

    def as_dict(self) -> dict[str, Any]:
        """The report as ``--json`` prints it."""
        medians = {
            "load_seconds": _median(self.loads),
            "copy_seconds": _median(self.copies),
            "ratio": self.ratio,
            "peak_bytes": self.peak_bytes,
            "sample_share": self.sample_share,
            "verified_ratio": self.verified_ratio,
        }
        return {**medians, **asdict(self)}

    def as_rows(self) -> list[tuple[str, str, str, str]]:
        """The rows of the table: what, seconds, in COPYs, peak memory."""
        copy = _median(self.copies)
        rows = [
            ("COPY of prepared text", f"{copy:.2f} s", "1.00", "-"),
            (
                "load of the dump",
                f"{_median(self.loads):.2f} s",
                f"{self.ratio:.2f}",
                f"{self.peak_bytes / _MEGABYTE:.0f} MB",
            ),
        ]
        proven = statistics.median(each.verify_seconds for each in self.loads)
        rows.append(
            (
                "of it, the proof by a sample",
                f"{proven:.2f} s",
                f"{proven / copy:.2f}",
                "-",
            )
        )
        if self.verified:
            rows.append(
                (
                    "load --verify-dump, once",
                    f"{self.verified.seconds:.2f} s",
                    f"{self.verified.seconds / copy:.2f}",
                    f"{self.verified.peak_bytes / _MEGABYTE:.0f} MB",
                )
            )
        for name, found in self.others.items():
            if isinstance(found, str):
                rows.append((name, f"skipped: {found}", "-", "-"))
            else:
                rows.append((name, f"{found:.2f} s", f"{found / copy:.2f}", "-"))
        return rows


def measure(
    to: Target, console: Console, *, rows: int, repetitions: int, any_server: bool
) -> Report:
    """Measure loads of a dump with ``rows`` messages against COPY.

    ``any_server`` allows a server that is not the embedded one. Raises ``Refused``
    without it, ``UsageError`` for numbers that measure nothing, ``BenchFailed``.
    """
    if rows < 1 or repetitions < 1:
        raise UsageError("--rows and --repetitions must be at least 1.")
    if not (to.is_embedded or any_server):
        raise Refused(
            f"{to} is not the embedded server, and a measurement takes all of its "
            "speed. Nothing was run. Unset DATABASE_URL, or add --any-server."
        )
    with tempfile.TemporaryDirectory(prefix="carryover-bench-") as name:
        folder = Path(name)
        with console.step(f"writing {rows:,} messages") as step:
            files = messages.write(folder, rows)
            step.detail = f"{files.dump_bytes / _MEGABYTE:,.0f} MB"
        with scratch(to) as database:
            loads, copies = _alternate(database, console, files, repetitions)
            with console.step("loading with --verify-dump") as step:
                verified = _run(database, "load --verify-dump", files.dump)
                step.detail = f"{verified.seconds:.2f} s"
            with console.step("measuring other tools") as step:
                found = others.measure(database, files, folder)
        return Report(
            rows,
            files.dump_bytes,
            loads,
            copies,
            found,
            environment(to, repetitions),
            verified,
        )


def _alternate(
    to: Target, console: Console, files: messages.Files, repetitions: int
) -> tuple[list[Measure], list[Measure]]:
    """Load and COPY in turn; the first of each only warms the caches."""
    loads, copies = [], []
    for number in range(repetitions + 1):
        with console.step(f"run {number} of {repetitions}") as step:
            copied = _run(to, "copy", files.copy)
            loaded = _run(to, "load", files.dump)
            for measured in (copied, loaded):
                if measured.rows != files.rows:
                    raise BenchFailed(
                        f"{measured.rows:,} of {files.rows:,} rows arrived. "
                        "Please report this as a bug."
                    )
            step.detail = f"COPY {copied.seconds:.2f} s, load {loaded.seconds:.2f} s"
        if number:
            loads.append(loaded)
            copies.append(copied)
    return loads, copies


def _run(to: Target, what: str, file: Path) -> Measure:
    """Measure one run in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "harness.bench.run", what, str(file)],
        cwd=settings.PROJECT_ROOT,
        env={**os.environ, **to.environment, "CARRYOVER_SCHEMA_PREFIX": ""},
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        raise BenchFailed(
            f"the measured {what} ended with {done.returncode}; its error stands "
            "above. The scratch database was dropped."
        )
    return Measure(**json.loads(done.stdout))


@contextmanager
def scratch(to: Target) -> Iterator[Target]:
    """A database of this process's own on the target's server."""
    name = f"carryover_bench_{os.getpid()}"
    identifier = sql.Identifier(name)
    with connect(to, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(identifier))
        try:
            yield replace(to, parameters={**to.parameters, "dbname": name})
        finally:
            connection.execute(
                sql.SQL("drop database {} with (force)").format(identifier)
            )


def environment(to: Target, repetitions: int) -> dict[str, Any]:
    """What a measurement ran on, for its report."""
    with connect(to) as connection:
        server = connection.info.parameter_status("server_version")
    return {
        "postgresql": server,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processors": processors(),
        "repetitions": repetitions,
        "load_average": [round(load, 1) for load in os.getloadavg()],
    }


def _median(measures: list[Measure]) -> float:
    return statistics.median(measure.seconds for measure in measures)
