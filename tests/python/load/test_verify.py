"""The proof back to the dump: what is landed is what a second decoder reads of it."""

from __future__ import annotations

import gzip
import io
import json
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from harness import settings, stages
from harness.console import Console
from harness.database import Target
from harness.errors import Refused, UsageError
from harness.load import DumpError, LoadResult, landing, parallel, staging
from harness.load.bulk import BulkConverter
from harness.load.events import CopyBlock
from harness.load.rows import RowReader
from harness.load.selection import Selection
from harness.load.values import Literal, RowConverter
from harness.load.verify import verify_landing
from harness.load.witness import NotVerified, Witness
from harness.stages import Inputs, Session
from harness.status import load_report
from tests.python.load.dumps import extended, signed, table

Connection = psycopg.Connection[Any]
MARKETPLACE = settings.SAMPLES / "marketplace" / "marketplace.sql"
NUMBERED = [[f"'{n}'", f"'text {n}'"] for n in range(1, 901)]


@pytest.fixture
def connection(database: dict[str, str]) -> Iterator[Connection]:
    with psycopg.connect(**database) as connection:  # type: ignore[arg-type]
        yield connection


def load(
    connection: Connection, *dumps: Path | str, every_row: bool = False
) -> LoadResult:
    return landing.load(
        connection,
        run_id="run",
        dumps=list(map(str, dumps)),
        bookings=None,
        users=None,
        live_schema="public",
        selection=Selection(None),
        verify_dump=every_row,
    )


def write(path: Path, *statements: str) -> Path:
    path.write_bytes(signed("".join(statements)))
    return path


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    return write(tmp_path / "t.sql", table(), extended("t", NUMBERED))


@pytest.mark.parametrize("in_process", [True, False])
@pytest.mark.parametrize("every_row", [True, False])
def test_a_load_says_how_much_it_held_against_the_dump(
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
    in_process: bool,
    every_row: bool,
) -> None:
    monkeypatch.setattr(parallel, "processors", lambda: 1 if in_process else 2)
    monkeypatch.setattr(parallel, "WORTH_A_PROCESS", 1)
    verified = load(connection, MARKETPLACE, every_row=every_row).verified
    rows = sum(
        count for (count,) in connection.execute(
            "select rows_loaded from staging.loaded_tables"
        )
    )  # fmt: skip
    assert verified.landed == rows
    assert verified.is_complete is every_row
    assert verified.rows
    assert verified.rows <= rows
    again = verify_landing(connection)
    assert (again.rows, again.landed, again.faults) == (verified.rows, rows, ())
    assert again.sentence == verified.sentence
    if every_row:
        assert verify_landing(connection, every_row=True).sentence == (
            "dump verified: every row"
        )
    else:
        assert f"a sample, {verified.rows:,} of {rows:,} rows" in verified.sentence


def test_a_sample_has_both_ends_of_every_table(
    connection: Connection, tmp_path: Path
) -> None:
    """And of a large one something in between; it stays small."""
    big = [[f"'{n}'", f"'{'x' * 500}'"] for n in range(30_000)]
    statements = [extended("big", big[at : at + 1000]) for at in range(0, 30_000, 1000)]
    path = write(
        tmp_path / "many.sql",
        table("small"), extended("small", [["'a'", "'b'"]]),
        table("big"), *statements,
    )  # fmt: skip
    verified = load(connection, path).verified
    sealed = connection.execute(
        "select table_name, first_row, first_row + row_count - 1"
        " from staging.loaded_checksums where table_name in ('small', 'big')"
        " order by 1, 2"
    ).fetchall()
    assert sealed[-1] == ("small", 1, 1)
    assert sealed[0][1] == 1
    assert sealed[-2][2] == 30_000
    assert len([s for s in sealed if s[1] > 1_000 and s[2] < 29_000]) >= 3
    assert verified.rows
    assert verified.rows < 1_000


FAULTS: dict[str, Callable[[bytes], bytes]] = {
    "a letter": lambda copy: copy.replace(b"text 1\n", b"text I\n"),
    "a value that is cut": lambda copy: copy.replace(b"text 1\n", b"text \n"),
    "NULL for a text": lambda copy: copy.replace(b"text 1\n", b"\\N\n"),
    "values in each other's place": lambda copy: copy.replace(
        b"1\ttext 1\n", b"text 1\t1\n"
    ),
    "a letter that moved": lambda copy: copy.replace(b"1\ttext 1\n", b"1t\text 1\n"),
    "a row twice, and one less": lambda copy: copy.replace(
        b"2\ttext 2\n", b"1\ttext 1\n"
    ),
}


@pytest.mark.parametrize("every_row", [True, False])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_row_that_lands_otherwise_stops_the_load(
    connection: Connection,
    dump: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    every_row: bool,
) -> None:
    joined = BulkConverter._joined

    def faulty(self: BulkConverter, *arguments: Any) -> bytes:
        return FAULTS[fault](joined(self, *arguments))

    monkeypatch.setattr(BulkConverter, "_joined", faulty)
    number = 2 if fault.startswith("a row twice") else 1
    place = dump.read_bytes().index(f"('{number}'".encode())
    named = rf"table t is not as the dump has it: row {number} .*byte {place} .*"
    with pytest.raises(NotVerified, match=named) as stopped:
        load(connection, dump, every_row=every_row)
    assert stopped.value.byte_offset == place
    assert "Nothing was loaded" in str(stopped.value)


@pytest.mark.parametrize("row", [17, 450, 899])
def test_every_row_is_held_against_the_dump_when_asked(
    connection: Connection, dump: Path, monkeypatch: pytest.MonkeyPatch, row: int
) -> None:
    monkeypatch.setattr(
        BulkConverter,
        "_joined",
        changed(BulkConverter._joined, f"text {row}\n", f"Text {row}\n"),
    )
    with pytest.raises(NotVerified, match=rf"row {row} "):
        load(connection, dump, every_row=True)


def changed(method: Callable[..., bytes], old: str, new: str) -> Callable[..., bytes]:
    def faulty(*arguments: Any) -> bytes:
        return method(*arguments).replace(old.encode(), new.encode())

    return faulty


def test_a_fault_of_the_exact_reading_stops_the_load(
    connection: Connection, dump: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BulkConverter, "is_able", False)
    line = changed(RowConverter.line, "text 1\n", "text\n")
    monkeypatch.setattr(RowConverter, "line", line)
    with pytest.raises(NotVerified, match="row 1 "):
        load(connection, dump)


def test_a_row_that_only_one_decoder_rejects_stops_the_load(
    connection: Connection, dump: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BulkConverter, "is_able", False)
    read = RowReader.read

    def faulty(self: RowReader, data: bytes, at: int) -> tuple[list[Literal], int]:
        values, end = read(self, data, at)
        return (values[:1] if values[0].data == b"900" else values), end

    monkeypatch.setattr(RowReader, "read", faulty)
    with pytest.raises(
        NotVerified, match=r", 1 to reject .* its second decoder .*, 0 to reject "
    ):
        load(connection, dump)


PLANTED = [
    "update staging.t set b = 'text 2' where a = '1'",
    "update staging.t set b = null where a = '1'",
    "update staging.t set b = b || ' ' where a = '900'",
    "update staging.t set a = b, b = a where a = '900'",
    "delete from staging.t where a = '450'",
    "insert into staging.t (a, b) values ('901', 'x')",
    "insert into staging.t (a, b) select a, b from staging.t where a = '450'",
    "with gone as (delete from staging.t where a = '1' returning a, b)"
    " insert into staging.t (a, b) select a, b from gone",
]


@pytest.mark.parametrize("statement", PLANTED)
@pytest.mark.parametrize("every_row", [True, False])
def test_a_change_of_the_landing_is_found(
    connection: Connection, dump: Path, statement: str, every_row: bool
) -> None:
    load(connection, dump, every_row=every_row)
    connection.execute(statement)
    found = verify_landing(connection).faults
    assert found
    assert all(fault.startswith("the landing table t ") for fault in found)
    assert verify_landing(connection, [str(dump)], every_row=True).faults


def test_a_byte_outside_the_sample_is_found_with_the_dump(
    connection: Connection, tmp_path: Path
) -> None:
    rows = [[f"'{n}'", f"'{'x' * 90}'"] for n in range(20_000)]
    parts = [extended("t", rows[at : at + 4000]) for at in range(0, 20_000, 4000)]
    dump = write(tmp_path / "t.sql", table(), *parts)
    load(connection, dump)
    connection.execute("update staging.t set b = 'y' where a = '9000'")
    assert verify_landing(connection).faults == ()
    with pytest.raises(UsageError, match="--verify-dump --dump FILE"):
        verify_landing(connection, every_row=True)
    (fault,) = verify_landing(connection, [str(dump)], every_row=True).faults
    assert "rows 9,001 to 9,100" in fault


def test_other_files_are_refused(
    connection: Connection, dump: Path, tmp_path: Path
) -> None:
    load(connection, dump)
    other = write(tmp_path / "other.sql", table(), extended("t", NUMBERED[:-1]))
    with pytest.raises(Refused, match="SHA-256"):
        verify_landing(connection, [str(other)], every_row=True)
    renamed = tmp_path / "renamed.sql"
    renamed.write_bytes(dump.read_bytes())
    assert verify_landing(connection, [str(renamed)], every_row=True).is_complete


def test_a_landing_of_an_earlier_version_is_said_to_be_unproven(
    connection: Connection, dump: Path
) -> None:
    load(connection, dump)
    connection.execute("drop table staging.loaded_checksums")
    found = verify_landing(connection)
    assert (str(found), found.faults) == ("not (loaded by an earlier version)", ())
    with pytest.raises(UsageError, match="earlier version"):
        verify_landing(connection, every_row=True)
    assert verify_landing(connection, [str(dump)], every_row=True).is_complete


ODD = [
    "INSERT INTO t (b) VALUES ('only b'),(DEFAULT);\n",
    "INSERT INTO `t` VALUES ('few'),(1,2),('x','\\0'),(0x41,x'42');\n",
    "/*!40000 INSERT INTO t VALUES ('a','b'),('c',NULL) */;\n",
    "INSERT INTO t VALUES (/*!50705 'x',*/'y')/* c */, # c\n(_latin1'\\'', -1.5e3);\n",
    "INSERT INTO t VALUES ('a','b');INSERT INTO t VALUES ('a','b');\n",
    'REPLACE INTO t VALUES ("it\'s ""q""", \'it\'\'s \\\\\');\n',
    "SET NAMES latin1;\nINSERT INTO t VALUES ('\xc3\xa9','x');\nSET NAMES utf8mb4;\n",
    "SET SQL_MODE='NO_BACKSLASH_ESCAPES';\nINSERT INTO t VALUES ('\\','''');\n",
    "SET SQL_MODE='ANSI_QUOTES';\nINSERT INTO \"t\" VALUES ('\"','''');\n",
]


def odd_parts(folder: Path) -> list[Path]:
    created = table("t", "`a` varchar(20) DEFAULT 'it''s'", "`b` text")
    bulk = [extended("t", NUMBERED[at : at + 100]) for at in range(0, 900, 100)]
    statements = [part for pair in zip(bulk, ODD, strict=True) for part in pair]
    first = write(folder / "1.sql", created, *statements)
    second = folder / "2.sql.gz"
    second.write_bytes(gzip.compress(signed("".join(statements))))
    return [first, second]


@pytest.mark.parametrize("every_row", [True, False])
def test_every_kind_of_row_is_proven(
    connection: Connection, tmp_path: Path, every_row: bool
) -> None:
    """Several files, compressed ones, rejected rows, defaults, comments, quotings."""
    parts = odd_parts(tmp_path)
    result = load(connection, *parts, every_row=every_row)
    assert result.verified.is_complete is every_row
    assert sum(result.rejected_reasons.values()) == 2
    again = verify_landing(connection, list(map(str, parts)), every_row=True)
    assert again.is_complete
    assert again.faults == ()


def test_rows_are_numbered_over_tables_that_take_turns(
    connection: Connection, tmp_path: Path
) -> None:
    turns: list[str] = [table("t"), table("u")]
    for at in range(0, 900, 30):
        rows: Sequence[Sequence[str]] = NUMBERED[at : at + 30]
        turns += [extended("t", rows), extended("u", rows)]
    path = write(tmp_path / "turns.sql", *turns)
    assert load(connection, path, every_row=True).verified.is_complete
    assert verify_landing(connection, every_row=True).faults == ()


def test_a_table_without_its_create_is_proven(
    connection: Connection, tmp_path: Path
) -> None:
    path = tmp_path / "t.sql"
    path.write_text("INSERT INTO t (a, b) VALUES (1,b'101'),('x',NULL);\n")
    assert load(connection, path, every_row=True).verified.is_complete


def test_a_long_row_is_proven_and_no_sample(
    connection: Connection, tmp_path: Path
) -> None:
    """Longer texts go into a hash by their own."""
    long = "é" * (3 << 20)
    path = write(tmp_path / "t.sql", table(), extended("t", [["'a'", f"'{long}'"]]))
    assert load(connection, path).verified.rows == 0
    assert load(connection, path, every_row=True).verified.is_complete
    connection.execute("update staging.t set b = 'x' || b")
    assert len(verify_landing(connection).faults) == 1


def test_a_statement_that_the_decoder_cannot_read_is_a_fault(
    connection: Connection, dump: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    see = Witness.see
    monkeypatch.setattr(
        Witness, "see", lambda self, piece: see(self, piece._replace(end=piece.end - 9))
    )
    with pytest.raises(NotVerified, match="second decoder no row"):
        load(connection, dump, every_row=True)


def test_a_copy_block_is_what_is_proven(
    connection: Connection, dump: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is altered on its way from the reader to the table is found as well."""
    copy = staging.Writer.copy

    def faulty(self: staging.Writer, block: CopyBlock) -> None:
        data = block.data.replace(b"text 900\n", b"text 9OO\n")
        copy(self, CopyBlock(block.table, block.columns, data, block.rows))

    monkeypatch.setattr(staging.Writer, "copy", faulty)
    with pytest.raises(DumpError, match="row 900 "):
        load(connection, dump)


FILES = ("marketplace.sql", "bookings-created.json", "user-id-mapping.json")


@pytest.fixture
def session(connection: Connection) -> Session:
    to = Target({"dbname": connection.info.dbname}, is_embedded=False)
    session = Session(Console(io.StringIO(), io.StringIO()), to, connection)
    stages.create_target(session)
    return session


def printed_by(session: Session) -> str:
    printed = session.console.err
    assert isinstance(printed, io.StringIO)
    return printed.getvalue()


def land(session: Session, *, verify_dump: bool = False) -> LoadResult:
    dump, bookings, users = (str(MARKETPLACE.with_name(name)) for name in FILES)
    return stages.load(session, Inputs([dump], bookings, users, verify_dump))


@pytest.mark.parametrize(
    ("verify_dump", "recorded", "printed"),
    [
        (False, r"a sample: [\d,]+ of 7,760 rows", r"a sample, [\d,]+ of 7,760 rows\n"),
        (True, "all rows", "every row\n"),
    ],
)
def test_load_and_validate_say_what_was_done(
    session: Session, verify_dump: bool, recorded: str, printed: str
) -> None:
    """On the console, in both JSONs and in the ledger."""
    result = land(session, verify_dump=verify_dump)
    said = printed_by(session)
    assert re.search("dump verified: " + printed, said)
    assert re.fullmatch(recorded, load_report(result)["dump_verified"])
    detail = session.connection.execute(
        "select detail from carryover.steps where step = 'load'"
    ).fetchone()
    assert detail
    assert re.fullmatch(recorded, detail[0]["dump_verified"])
    assert sum(each["rows"] for each in detail[0]["checksums"].values()) == (
        result.verified.rows
    )
    found = stages.run_validate(session)
    assert re.fullmatch(recorded, found.result["dump_verified"])
    said = printed_by(session)
    assert len(re.findall("dump verified: " + printed, said)) == 2
    assert not any("landing table" in error for error in found.errors)


def test_validate_finds_a_byte_that_was_planted(session: Session) -> None:
    """In the sample with nothing more said, elsewhere when every row is verified."""
    land(session)
    last = "(select max(_row) from staging.message)"
    plant = "update staging.message set message = message || 'x' where _row = {}"
    session.connection.execute(plant.format(4_000))
    session.connection.commit()
    read_again = stages.run_validate(
        session, verify_dump=True, dumps=[str(MARKETPLACE)]
    )
    assert "landing table message is not as the dump has it" in read_again.errors[0]
    assert read_again.result["dump_verified"] == "all rows"
    with pytest.raises(UsageError, match="--verify-dump --dump FILE"):
        stages.run_validate(session, verify_dump=True)
    session.connection.execute(plant.format(last))
    session.connection.commit()
    sampled = stages.run_validate(session)
    assert not sampled.is_valid
    assert "landing table message is not as the dump has it" in sampled.errors[0]
    land(session, verify_dump=True)
    session.connection.execute(plant.format(4_000))
    session.connection.commit()
    assert "landing table message" in stages.run_validate(session).errors[0]


class _Input:
    """Standard input that is a file."""

    def __init__(self, path: Path) -> None:
        self.buffer = io.BytesIO(path.read_bytes())

    def isatty(self) -> bool:
        return False


@pytest.mark.parametrize("in_process", [True, False])
def test_standard_input_is_proven_and_told_without_the_row(
    connection: Connection,
    dump: Path,
    monkeypatch: pytest.MonkeyPatch,
    in_process: bool,
) -> None:
    """It comes but once, so a difference is told by the rows around it."""
    if not in_process:
        monkeypatch.setattr(parallel, "processors", lambda: 2)
        start: Any = subprocess.Popen
        with dump.open("rb") as file, monkeypatch.context() as patch:
            patch.setattr(
                "harness.load.parallel.subprocess.Popen",
                lambda *args, **given: start(*args, stdin=file, **given),
            )
            assert load(connection, "-", every_row=True).verified.is_complete
        return
    monkeypatch.setattr(parallel, "processors", lambda: 1)
    monkeypatch.setattr("sys.stdin", _Input(dump))
    assert load(connection, "-", every_row=True).verified.is_complete
    monkeypatch.setattr("sys.stdin", _Input(dump))
    assert verify_landing(connection, ["-"], every_row=True).faults == ()
    monkeypatch.setattr("sys.stdin", _Input(dump))
    joined = changed(BulkConverter._joined, "text 17\n", "text 71\n")
    monkeypatch.setattr(BulkConverter, "_joined", joined)
    with pytest.raises(NotVerified, match="one of the rows 1 to 100 differs"):
        load(connection, "-", every_row=True)


def test_a_mydumper_directory_is_proven(connection: Connection, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    files = {
        "metadata": "# Started dump at: x\n# Finished dump at: y\n",
        "d.t-schema.sql": table(),
        "d.t.00000.sql": extended("t", NUMBERED[:400]),
        "d.t.00001.sql": "/*!40101 SET NAMES binary*/;\n"
        + extended("t", NUMBERED[400:]),
    }
    for name, content in files.items():
        (folder / name).write_text(content)
    for every_row in (False, True):
        assert load(connection, folder, every_row=every_row).verified.rows
        assert verify_landing(connection).faults == ()
        again = verify_landing(connection, [str(folder)], every_row=True)
        assert (again.is_complete, again.faults) == (True, ())
    connection.execute("update staging.t set b = 'text 900 ' where a = '900'")
    (fault,) = verify_landing(connection).faults
    assert "export/d.t.00001.sql" in fault


INPUT_DAMAGE = {
    "a booking gone": "delete from staging.bookings_created where _row = 2",
    "a booking more": "insert into staging.bookings_created (id, success)"
    " values ('x', true)",
    "a failure as a success": "update staging.bookings_created set success = true"
    " where not success",
    "another user": "update staging.user_id_mapping set new_id = old_id where _row = 1",
    "a user more": "insert into staging.user_id_mapping (old_id, new_id)"
    " values ('x', 'y')",
}


@pytest.mark.parametrize("way", INPUT_DAMAGE)
def test_the_inputs_beside_the_dump_are_sealed_as_well(
    connection: Connection, dump: Path, tmp_path: Path, way: str
) -> None:
    bookings, users = tmp_path / "bookings.json", tmp_path / "users.json"
    results = [{"id": "a", "success": True}, {"id": "b", "success": False}]
    bookings.write_text(json.dumps({"results": results}))
    users.write_text(json.dumps({"mapping": {"é": "ü"}}))
    landing.load(
        connection,
        run_id="run",
        dumps=[str(dump)],
        bookings=str(bookings),
        users=str(users),
        live_schema="public",
        selection=Selection(None),
    )
    verified = verify_landing(connection)
    assert verified.faults == ()
    assert verified.landed == len(NUMBERED)
    connection.execute(INPUT_DAMAGE[way].encode())
    table = "user_id_mapping" if "user" in way else "bookings_created"
    faults = verify_landing(connection).faults
    assert faults
    assert all(f"the landing table {table} " in fault for fault in faults)


def test_live_bookings_that_were_taken_are_sealed_as_well(
    connection: Connection, dump: Path
) -> None:
    connection.execute(
        "create table bookings (id uuid); insert into bookings"
        " select gen_random_uuid() from generate_series(1, 3)"
    )
    load(connection, dump)
    assert verify_landing(connection).faults == ()
    connection.execute("update staging.bookings_created set id = 'x' where _row = 3")
    assert verify_landing(connection).faults == (
        "the landing table bookings_created is not as public.bookings has it: one of "
        "its 3 rows differs.",
    )


CTRL_Z = {
    "a quote": bytes([*range(1, 9), *range(14, 25)]),
    "a backslash": bytes([*range(1, 9), *range(14, 26)]),
    "neither, with most of them": bytes([*range(1, 9), *range(14, 32)]),
    "neither, with all of them": bytes([*range(1, 9), *range(14, 32), 127]),
}


@pytest.mark.parametrize("what", CTRL_Z)
def test_ctrl_z_beside_control_characters_lands_as_itself(
    connection: Connection, tmp_path: Path, what: str
) -> None:
    """It landed as a quote or a backslash, and every check said that all was well."""
    values = (
        b"INSERT INTO `t` VALUES ('1','"
        + CTRL_Z[what]
        + rb"'),('2','it\'s \Z end'),('3','\\Z \\\Z \\\'\Z');"
    )
    path = tmp_path / "ctrlz.sql"
    path.write_bytes(signed(table() + values.decode()))
    assert load(connection, path, every_row=True).verified.is_complete
    landed = connection.execute("select b from staging.t order by _row").fetchall()
    assert [text.encode() for (text,) in landed] == [
        CTRL_Z[what],
        b"it's \x1a end",
        b"\\Z \\\x1a \\'\x1a",
    ]
