"""Landing several dumps and any tables, and what the stages after it make of them."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness import ledger, settings, stages, target
from harness.console import Console
from harness.database import Connection, Target
from harness.errors import Refused
from harness.landed import find_landed, require_landed
from harness.load import DumpError, landing
from harness.load.selection import parse_tables
from tests.python.load.dumps import extended, signed, table

MARKETPLACE = settings.SAMPLES / "marketplace"
BOOKINGS = str(MARKETPLACE / "bookings-created.json")


def load(connection: Connection, *dumps: Path, tables: str | None = "*") -> Any:
    return landing.load(
        connection,
        run_id="run-1",
        dumps=[str(dump) for dump in dumps],
        bookings=None,
        users=None,
        live_schema="public",
        selection=parse_tables(tables),
    )


def inv(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness", *argv],
        cwd=settings.PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def two_dumps(folder: Path) -> list[Path]:
    """One table in two files, the second compressed and with a row to reject."""
    first, second = folder / "a.sql", folder / "b.sql.gz"
    first.write_bytes(signed(table("Film") + extended("Film", [("'a'", "'1'")])))
    rows = [("'b'", "'2'"), ("'only one'",)]
    second.write_bytes(gzip.compress(signed(extended("Film", rows))))
    return [first, second]


def test_two_dumps_land_in_one_table_in_their_order(
    connection: Connection, tmp_path: Path
) -> None:
    first, second = two_dumps(tmp_path)
    result = load(connection, first, second)
    rows = connection.execute("select _row, a, b from staging.film order by _row")
    assert rows.fetchall() == [(1, "a", "1"), (2, "b", "2")]
    assert [(i.kind, i.name, i.rows) for i in result.inputs] == [
        ("dump", "a.sql", 1),
        ("dump", "b.sql.gz", 2),
    ]
    rejected = connection.execute("select file_name, line from staging.rejected_rows")
    (name, _), *more = rejected.fetchall()
    assert (name, more) == ("b.sql.gz", [])
    recorded = connection.execute(
        "select dump_name, dump_bytes, dump_sha256 from staging.loads"
    ).fetchall()
    sums = "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in (first, second)
    )
    size = first.stat().st_size + second.stat().st_size
    digest = hashlib.sha256(sums.encode()).hexdigest()
    assert recorded == [("a.sql, b.sql.gz", size, digest)]


def test_a_failure_in_the_second_dump_leaves_nothing(
    connection: Connection, tmp_path: Path
) -> None:
    first, _ = two_dumps(tmp_path)
    cut = tmp_path / "cut.sql"
    cut.write_bytes(signed(extended("Film", [("'b'", "'2'")]))[:-20])
    with pytest.raises(DumpError, match=r"cut\.sql is cut short"):
        load(connection, first, cut)
    connection.rollback()
    left = connection.execute("select to_regnamespace('staging')").fetchone()
    assert left == (None,)


def test_every_table_lands_when_all_are_wanted(connection: Connection) -> None:
    result = load(connection, MARKETPLACE / "marketplace.sql")
    names = [t.name for t in result.tables]
    assert names == ["address", "booking", "buyer", "chat", "message", "stylist"]
    counted = connection.execute("select count(*) from staging.address").fetchone()
    assert counted == (20,)


def test_only_the_named_tables_land(connection: Connection) -> None:
    dump = MARKETPLACE / "marketplace.sql"
    result = load(connection, dump, tables="Address,chat")
    assert [t.name for t in result.tables] == ["address", "chat"]
    assert find_landed(connection).tables == ("address", "chat")
    with pytest.raises(DumpError, match=r"no table film; tables found: .*message"):
        load(connection, dump, tables="film")


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        (["`_row` int", "`b` int"], "column _row"),
        ([f"`{'n' * 64}` int", "`b` int"], "64 bytes"),
    ],
)
def test_names_that_no_landing_table_can_have_are_refused(
    connection: Connection, tmp_path: Path, columns: list[str], named: str
) -> None:
    dump = tmp_path / "names.sql"
    dump.write_bytes(signed(table("t", *columns)))
    with pytest.raises(DumpError, match=named):
        load(connection, dump)


@pytest.mark.parametrize("name", ["loads", "Rejected_Rows", "user_id_mapping"])
def test_a_table_with_the_name_of_ours_is_refused(
    connection: Connection, tmp_path: Path, name: str
) -> None:
    dump = tmp_path / "taken.sql"
    dump.write_bytes(signed(table(name) + table("u")))
    with pytest.raises(DumpError, match=name.lower()):
        load(connection, dump)
    connection.rollback()
    assert [t.name for t in load(connection, dump, tables="u").tables] == ["u"]


def session(connection: Connection, database: dict[str, str]) -> stages.Session:
    return stages.Session(
        Console(quiet=True), Target(database, is_embedded=False), connection
    )


def test_later_stages_name_what_is_not_landed(
    connection: Connection, database: dict[str, str]
) -> None:
    target.create(connection)
    connection.commit()
    dump = str(MARKETPLACE / "marketplace.sql")
    on = session(connection, database)
    stages.load(on, stages.Inputs([dump]), parse_tables("chat,address"))
    missing = r"the table message, the table booking.*landed tables: address, chat"
    for stage in (
        stages.build,
        stages.run_validate,
        lambda each: stages.audit(each, "landing"),
    ):
        with pytest.raises(Refused, match=missing + r".*without --tables: \./inv load"):
            stage(on)
        connection.rollback()


def test_a_table_without_a_column_of_the_models_is_named(
    connection: Connection, tmp_path: Path
) -> None:
    dump = tmp_path / "changed.sql"
    text = (MARKETPLACE / "marketplace.sql").read_bytes()
    dump.write_bytes(text.replace(b"`is_unread`", b"`was_unread`"))
    load(connection, dump)
    with pytest.raises(Refused, match="columns is_unread of message"):
        require_landed(connection)


def test_a_load_that_knows_no_bookings_is_not_built_on(connection: Connection) -> None:
    load(connection, MARKETPLACE / "marketplace.sql")
    with pytest.raises(Refused, match="--bookings"):
        require_landed(connection)
    connection.execute("create table public.bookings (id uuid)")
    require_landed(connection)


def test_the_report_is_json(
    environment: dict[str, str], connection: Connection, tmp_path: Path
) -> None:
    first, second = two_dumps(tmp_path)
    given = ["--dump", str(first), "--dump", str(second), "--tables", "film"]
    ended = inv("load", *given, "--json")
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    (counted,) = found["tables"]
    assert {
        key: counted[key] for key in ("table", "statements", "rows", "rejected")
    } == {
        "table": "film",
        "statements": 2,
        "rows": 2,
        "rejected": 1,
    }
    assert counted["bytes"] == len("a\t1\n") + len("b\t2\n")
    assert counted["seconds"] >= 0
    assert found["bytes"] == first.stat().st_size + second.stat().st_size
    assert (found["rows"], found["rejected"]) == (2, 1)
    assert found["rejected_reasons"] == {
        "wrong number of values: expected 2, found 1": 1
    }
    assert found["seconds"] > 0
    run = ledger.current_run(connection)
    entered = connection.execute(
        "select name, bytes, sha256, rows from carryover.inputs where run_id = %s"
        " order by name",
        [run.run_id],
    ).fetchall()
    assert entered == [
        (each["name"], each["bytes"], each["sha256"], each["rows"])
        for each in found["inputs"]
    ]
