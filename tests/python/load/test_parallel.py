"""The parser process: the same landing as without it, and no landing when it dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from harness import settings
from harness.errors import HarnessError
from harness.load import landing, parallel
from harness.load.dumps import find_dumps
from harness.load.events import CopyBlock, RejectedRow, TableFound
from harness.load.parallel import ParallelReader, ParserFailed

MARKETPLACE = settings.SAMPLES / "marketplace"
DUMP = (MARKETPLACE / "marketplace.sql").read_bytes()
TABLES = {"chat", "message", "booking", "buyer", "stylist"}
Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def connection(database: dict[str, str]) -> Iterator[Connection]:
    with psycopg.connect(**database) as connection:  # type: ignore[arg-type]
        yield connection


def reader(dump: Path, *, in_process: bool, **given: Any) -> ParallelReader:
    return ParallelReader(
        find_dumps([str(dump)]), tables=TABLES, in_process=in_process, **given
    )


def read(dump: Path, *, in_process: bool) -> dict[str, Any]:
    """Everything that a reading tells, and the error that ended it."""
    reading = reader(dump, in_process=in_process)
    found: dict[str, Any] = {"tables": [], "rejected": [], "rows": {}, "error": None}
    try:
        for event in reading.events():
            if isinstance(event, TableFound):
                found["tables"].append(event)
            elif isinstance(event, RejectedRow):
                found["rejected"].append(event)
            elif isinstance(event, CopyBlock):
                key = (event.table, event.columns)
                found["rows"][key] = found["rows"].get(key, b"") + event.data
    except HarnessError as error:
        found["error"] = (type(error), str(error), vars(error))
    else:
        outcome = reading.outcome
        found["summary"] = outcome.summary
        found["dumps"] = outcome.dumps
    return found


def parser_of_this_process() -> int:
    """The process id of the one parser that runs for this process."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,ppid=,args=", "-A"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    (found,) = [
        int(pid)
        for pid, parent, *command in rows
        if int(parent) == os.getpid() and "harness.load.parser" in " ".join(command)
    ]
    return found


def is_gone(pid: int, seconds: float = 20) -> bool:
    """Whether the process ends in time; a zombie has ended."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        shown = subprocess.run(
            ["ps", "-o", "stat=", "-p", str(pid)],
            capture_output=True,
            check=False,
            text=True,
        ).stdout.strip()
        if not shown or shown.startswith("Z"):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(DUMP, id="whole"),
        pytest.param(DUMP[: len(DUMP) // 2], id="cut short"),
        pytest.param(
            DUMP.replace(b"'buyer',0,0,", b"'buyer',0,", 3), id="rejected rows"
        ),
        pytest.param(DUMP.replace(b",'stylist',0,", b",now(),0,", 1), id="unreadable"),
        pytest.param(b"", id="empty"),
    ],
)
def test_with_and_without_the_process_all_is_the_same(
    content: bytes, tmp_path: Path
) -> None:
    dump = tmp_path / "dump.sql"
    dump.write_bytes(content)
    with_process = read(dump, in_process=False)
    assert with_process == read(dump, in_process=True)
    if content == DUMP:
        assert with_process["error"] is None
        assert {key[0] for key in with_process["rows"]} == TABLES
    else:
        assert with_process["error"] or with_process["rejected"]


def test_only_a_process_of_its_own_has_memory_of_its_own(tmp_path: Path) -> None:
    dump = tmp_path / "dump.sql"
    dump.write_bytes(DUMP)
    for in_process in (True, False):
        reading = reader(dump, in_process=in_process)
        list(reading.events())
        memory = reading.outcome.parser_peak_memory_bytes
        assert memory is None if in_process else memory and memory > 1 << 20


def test_the_landing_tables_are_the_same(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = []
    for in_process in (True, False):
        monkeypatch.setattr(
            landing, "ParallelReader", partial(ParallelReader, in_process=in_process)
        )
        load(connection, MARKETPLACE / "marketplace.sql")
        contents.append(
            {
                table: connection.execute(
                    f"select * from staging.{table} order by _row"
                ).fetchall()
                for table in sorted(TABLES)
            }
        )
    assert contents[0] == contents[1]
    assert len(contents[0]["message"]) == 6000


def load(connection: Connection, dump: Path) -> None:
    landing.load(
        connection,
        run_id="run-1",
        dumps=[str(dump)],
        bookings=str(MARKETPLACE / "bookings-created.json"),
        users=None,
        live_schema="public",
    )


def test_progress_reaches_the_caller(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    reading = reader(
        MARKETPLACE / "marketplace.sql",
        in_process=False,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    for _ in reading.events():
        pass
    assert seen[-1] == (len(DUMP), len(DUMP))
    assert seen == sorted(seen)


def test_a_killed_parser_is_reported_and_nothing_is_written(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(connection, MARKETPLACE / "marketplace.sql")
    connection.commit()
    killed = []

    class Killing(ParallelReader):
        def events(self) -> Any:
            for number, event in enumerate(super().events()):
                if number == 0:
                    killed.append(parser_of_this_process())
                    os.kill(killed[0], signal.SIGKILL)
                yield event

    # What the pipe holds already is still read, so the dump must be longer than that.
    monkeypatch.setattr(parallel, "_SET_PIPE_SIZE", None)
    monkeypatch.setattr(landing, "ParallelReader", partial(Killing, in_process=False))
    with pytest.raises(ParserFailed, match=r"ended by SIGKILL\. Nothing was loaded"):
        load(connection, MARKETPLACE / "marketplace.sql")
    connection.rollback()
    count = connection.execute("select count(*) from staging.message").fetchone()
    assert count == (6000,)
    assert is_gone(killed[0])


def test_a_parser_that_fails_is_reported_with_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(parallel, "_send", lambda pipe, job: os.write(pipe, b"x" * 16))
    with pytest.raises(ParserFailed, match="ended with the exit code 1"):
        read_all(reader(MARKETPLACE / "marketplace.sql", in_process=False))
    assert "Traceback" in capfd.readouterr().err


def read_all(reading: ParallelReader) -> None:
    for _ in reading.events():
        pass


def test_an_iteration_that_is_given_up_leaves_no_process() -> None:
    reading = reader(MARKETPLACE / "marketplace.sql", in_process=False)
    with closing(reading.events()) as events:
        next(events)
        pid = parser_of_this_process()
    assert is_gone(pid, seconds=0.2)


#: In the background, where CI may run, Ctrl-C is ignored unless a process says no.
_WAITS_FOR_STANDARD_INPUT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from harness.load.dumps import find_dumps
from harness.load.parallel import ParallelReader
tables = {"chat", "message", "booking", "buyer", "stylist"}
events = ParallelReader(find_dumps(["-"]), tables=tables, in_process=False).events()
rows = [event for event in events if hasattr(event, "rows")]
print(sum(block.rows for block in rows))
"""


def on_standard_input(**given: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", _WAITS_FOR_STANDARD_INPUT],
        cwd=settings.PROJECT_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **given,
    )


def test_standard_input_is_read_by_the_parser() -> None:
    with on_standard_input() as process:
        said, _ = process.communicate(DUMP, timeout=60)
    assert said == b"7760\n"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_an_ended_load_takes_its_parser_along(number: signal.Signals) -> None:
    with on_standard_input() as process:
        assert process.stdin is not None
        process.stdin.write(DUMP[: len(DUMP) // 2])
        process.stdin.flush()
        pid = child_of(process.pid)
        process.send_signal(number)
        # Standard input stays open: the parser must not wait for its end.
        assert process.wait(timeout=30) != 0
        assert is_gone(pid)


def child_of(parent: int) -> int:
    """The process id of the one child of a process, once it has one."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        listed = subprocess.run(
            ["ps", "-o", "pid=,ppid=", "-A"], capture_output=True, check=True, text=True
        ).stdout
        for line in listed.splitlines():
            pid, its_parent = map(int, line.split())
            if its_parent == parent:
                return pid
        time.sleep(0.05)
    raise AssertionError("no parser was started")


def test_a_row_of_64_megabytes_is_loaded(
    connection: Connection, tmp_path: Path
) -> None:
    start = DUMP.index(b"INSERT INTO `message` VALUES")
    long = b"it\\'s\\n" + "å".encode() * (32 << 20)
    row = b"('a','b','" + long + b"','buyer',0,0,'2024-01-01 00:00:00')"
    dump = tmp_path / "dump.sql"
    dump.write_bytes(
        DUMP[:start] + b"INSERT INTO `message` VALUES " + row + b";\n" + DUMP[start:]
    )
    load(connection, dump)
    found = connection.execute(
        "select left(message, 6), length(message), octet_length(message)"
        " from staging.message where _row = 1"
    ).fetchone()
    assert found == ("it's\nå", 5 + (32 << 20), 5 + (64 << 20))
    count = connection.execute("select count(*) from staging.message").fetchone()
    assert count == (6001,)
