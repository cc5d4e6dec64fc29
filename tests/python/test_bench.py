"""The measurement compares the same rows, and runs only where it may."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from harness.bench import load as bench
from harness.bench import messages, others
from harness.bench import storage as bench_of_storage
from harness.bench.run import Measure
from harness.console import Console
from harness.database import Target, connect
from harness.errors import Refused, UsageError
from harness.load.events import CopyBlock
from harness.load.reader import DumpReader


def console() -> Console:
    return Console(io.StringIO(), io.StringIO(), quiet=True)


def test_the_dump_and_the_prepared_text_hold_the_same_rows(tmp_path: Path) -> None:
    files = messages.write(tmp_path, 12_345)
    with files.dump.open("rb") as stream:
        reader = DumpReader(iter(lambda: stream.read(1 << 16), b""))
        blocks = [e for e in reader.events() if isinstance(e, CopyBlock)]
    assert reader.summary.counts["message"].rows_loaded == 12_345
    assert reader.summary.counts["message"].statements > 1
    # COPY reads an escaped double quote as the quote; the prepared text has it bare.
    read = b"".join(block.data for block in blocks).replace(b'\\"', b'"')
    assert read == files.copy.read_bytes()


def test_the_dump_is_the_same_every_time(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = (messages.write(tmp_path / name, 500) for name in "ab")
    assert first.dump.read_bytes() == second.dump.read_bytes()


def test_another_server_is_measured_only_when_asked(database: dict[str, str]) -> None:
    to = Target(database, is_embedded=False)
    with pytest.raises(Refused, match="--any-server"):
        bench.measure(to, console(), rows=10, repetitions=1, any_server=False)


def test_nothing_to_measure_is_a_usage_error(database: dict[str, str]) -> None:
    to = Target(database, is_embedded=True)
    with pytest.raises(UsageError):
        bench.measure(to, console(), rows=0, repetitions=1, any_server=False)


def test_a_measurement_leaves_no_database(
    database: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    to = Target(database, is_embedded=False)
    monkeypatch.setattr(others, "measure", lambda *_: {"pgloader": "not installed"})
    report = bench.measure(to, console(), rows=1_000, repetitions=1, any_server=True)
    assert [measure.rows for measure in report.loads] == [1_000]
    assert report.as_rows()[-1][1] == "skipped: not installed"
    assert report.verified
    assert report.verified.rows == 1_000
    assert report.as_rows()[-2][0] == "load --verify-dump, once"
    assert 0 < report.sample_share < 1
    assert report.as_dict()["verified_ratio"] > 0
    with connect(to) as connection:
        left = connection.execute(
            "select datname from pg_database where datname like 'carryover_bench%'"
        ).fetchall()
    assert left == []


def test_the_ratio_is_that_of_the_medians() -> None:
    def measures(*seconds: float) -> list[Measure]:
        return [Measure(each, 1, 60, 40) for each in seconds]

    report = bench.Report(1, 1, measures(2, 9, 3), measures(1, 2, 8), {}, {})
    assert report.ratio == 1.5
    assert report.peak_bytes == 100


def test_a_copy_of_files_is_measured_against_a_plain_one(
    database: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without the S3 server, which the tests of storage start often enough.
    monkeypatch.setattr(bench_of_storage, "find_spec", lambda _: None)
    to = Target(database, is_embedded=True)
    report = bench_of_storage.measure(
        to, console(), files=30, large_megabytes=1, repetitions=1
    )
    assert report.skipped
    (pair,) = report.pairs
    assert (pair.name, pair.files) == ("folder to folder", 31)
    assert pair.ratio > 0
    assert report.as_rows()[0][1] == "31 files, 1 MB"
    with pytest.raises(UsageError):
        bench_of_storage.measure(
            to, console(), files=0, large_megabytes=1, repetitions=1
        )
    with pytest.raises(Refused, match="not the embedded server"):
        bench_of_storage.measure(
            Target(database, is_embedded=False),
            console(),
            files=1,
            large_megabytes=0,
            repetitions=1,
        )
