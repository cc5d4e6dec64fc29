"""One measured run, in a process of its own: a load, or a COPY of prepared text.

A load is measured with its sample of rows that are read twice, or with all of them.

``load`` starts it as ``python -m harness.bench.run WHAT FILE`` with the scratch
database in the environment, so that every run begins alike and its peak memory is its
own. Prints its ``Measure`` as JSON. Writes the scratch database only.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from psycopg import sql

from harness import stages
from harness.bench import messages
from harness.console import Console
from harness.database import connect, target

_BLOCK_BYTES = 1 << 18
#: What getrusage counts in: kilobytes on Linux, bytes on macOS.
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Measure:
    """One run: its time, the rows it wrote, its peak memory.

    ``feeder_bytes`` is this process's, ``parser_bytes`` its child's, 0 when it had
    none. Linux counts what the parent held when the child was started to the child.
    ``verify_seconds`` is what holding rows against the dump took, in both together.
    """

    seconds: float
    rows: int
    feeder_bytes: int
    parser_bytes: int
    verify_seconds: float = 0.0

    @property
    def peak_bytes(self) -> int:
        """At most this much memory was in use at once, in bytes."""
        return self.feeder_bytes + self.parser_bytes


#: The rows that a run wrote, and the seconds that verifying them took.
Done = tuple[int, float]


def load(dump: Path, *, verify_dump: bool = False) -> Done:
    """Load the dump as ``./inv load`` does."""
    session = stages.open_session(Console(quiet=True), "bench", names_run=False)
    bookings = dump.with_name("bookings-created.json")
    inputs = stages.Inputs([str(dump)], str(bookings), verify_dump=verify_dump)
    result = stages.load(session, inputs)
    rows = sum(table.rows_loaded for table in result.tables)
    return rows, result.verified.seconds


def load_verified(dump: Path) -> Done:
    """Load the dump as ``./inv load --verify-dump`` does."""
    return load(dump, verify_dump=True)


def copy(text: Path) -> Done:
    """COPY prepared text into the kind of table that a load makes."""
    with connect(target()) as connection, connection.cursor() as cursor:
        connection.execute("drop table if exists prepared")
        columns = [sql.SQL("{} text").format(sql.Identifier(c)) for c in _columns()]
        identity = sql.SQL("_row bigint generated always as identity (cache 1000)")
        connection.execute(
            sql.SQL("create unlogged table prepared ({})").format(
                sql.SQL(", ").join([identity, *columns])
            )
        )
        names = sql.SQL(", ").join(map(sql.Identifier, _columns()))
        statement = sql.SQL("copy prepared ({}) from stdin").format(names)
        with text.open("rb", buffering=0) as file, cursor.copy(statement) as copying:
            while block := file.read(_BLOCK_BYTES):
                copying.write(block)
        connection.commit()
        return cursor.rowcount, 0.0


def _columns() -> tuple[str, ...]:
    return messages.COLUMNS


def measure(work: Callable[[Path], Done], file: Path) -> Measure:
    """Run one piece of work and measure it."""
    began = time.perf_counter()
    rows, verify_seconds = work(file)
    seconds = time.perf_counter() - began
    return Measure(
        seconds=seconds,
        rows=rows,
        feeder_bytes=_peak(resource.RUSAGE_SELF),
        parser_bytes=_peak(resource.RUSAGE_CHILDREN),
        verify_seconds=verify_seconds,
    )


def _peak(who: int) -> int:
    return resource.getrusage(who).ru_maxrss * _MAXRSS_UNIT


def main() -> None:
    """Run what the arguments name and print its measure."""
    works: dict[str, Callable[[Path], Done]] = {
        "load": load,
        "load --verify-dump": load_verified,
        "copy": copy,
    }
    found = measure(works[sys.argv[1]], Path(sys.argv[2]))
    print(json.dumps(asdict(found)), flush=True)
    # A garbage collection of everything that was imported is not measured anyway.
    os._exit(0)


if __name__ == "__main__":
    main()
