"""Several files as one load: each with its own state, the tables in common."""

from __future__ import annotations

import gzip
import hashlib
import io
import sys
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.errors import InputError, UsageError
from harness.load import DumpError
from harness.load.dumps import Part, find_dumps, require_dumps
from harness.load.events import CopyBlock, RejectedRow, TableFound
from harness.load.parts import LoadReader, Outcome, PartsDiffer
from tests.python.load.dumps import Row, copied, extended, read, signed, table

CREATED = table() + extended("t", [("'a'", "'1'")])
MORE = extended("t", [("'b'", "'2'"), ("'c'", "'3'")])
FINISHED = "# Started dump at: 2024-02-03 04:05:06\n# Finished dump at: 2024-02-03\n"
DATA_HEAD = "/*!40101 SET NAMES binary*/;\n/*!40103 SET TIME_ZONE='+00:00' */;\n"


@dataclass
class Loaded:
    """What some dumps were read as."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)
    rejected: list[RejectedRow] = field(default_factory=list)
    outcome: Outcome = field(default_factory=Outcome)


def load(*paths: Path, tables: Collection[str] | None = None) -> Loaded:
    reader = LoadReader(find_dumps([str(path) for path in paths]), tables=tables)
    loaded = Loaded(outcome=reader.outcome)
    for event in reader.events():
        if isinstance(event, CopyBlock):
            loaded.rows.setdefault(event.table, []).extend(copied(event.data))
        elif isinstance(event, TableFound):
            loaded.found.append(event.table.name)
        elif isinstance(event, RejectedRow):
            loaded.rejected.append(event)
    return loaded


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_table_goes_on_in_a_file_that_does_not_create_it(tmp_path: Path) -> None:
    first = write(tmp_path / "a.sql", signed(CREATED))
    second = write(tmp_path / "b.sql.gz", gzip.compress(signed(MORE)))
    loaded = load(first, second)
    assert loaded.rows == {"t": [("a", "1"), ("b", "2"), ("c", "3")]}
    assert loaded.found == ["t"]
    count = loaded.outcome.summary.counts["t"]
    assert (count.statements, count.rows_loaded, count.rows_rejected) == (2, 3, 0)
    assert [
        (dump.name, dump.bytes, dump.sha256, dump.rows) for dump in loaded.outcome.dumps
    ] == [
        (path.name, path.stat().st_size, sha256(path.read_bytes()), rows)
        for path, rows in ((first, 1), (second, 2))
    ]
    listed = "".join(
        f"{sha256(path.read_bytes())}  {path.name}\n" for path in (first, second)
    )
    assert loaded.outcome.sha256 == sha256(listed.encode())
    assert loaded.outcome.name == "a.sql, b.sql.gz"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_rows_may_come_before_the_other_files_tables(tmp_path: Path) -> None:
    schema = write(tmp_path / "schema.sql", signed(table() + table("u")))
    rows = write(tmp_path / "rows.sql", signed(MORE))
    loaded = load(schema, rows)
    assert loaded.rows == {"t": [("b", "2"), ("c", "3")]}
    assert loaded.found == ["t", "u"]
    assert loaded.outcome.summary.counts["u"].rows_read == 0


def test_a_file_that_another_one_sources_is_given_beside_it(tmp_path: Path) -> None:
    """As the employees sample is written: its rows are in files of their own."""
    main = write(tmp_path / "main.sql", f"USE d;\n{table()}source data/rows.dump ;\n")
    rows = write(tmp_path / "rows.dump", MORE)
    with pytest.raises(DumpError, match=r"source data/rows\.dump, which is not given"):
        load(main)
    assert load(main, rows).rows == {"t": [("b", "2"), ("c", "3")]}


@pytest.mark.parametrize(
    "again",
    [
        CREATED,
        "DROP TABLE IF EXISTS `t`;\n" + CREATED,
        "TRUNCATE TABLE `t`;\n" + MORE,
        "USE `other`;\n" + CREATED,
        "USE `other`;\n" + MORE,
    ],
)
def test_a_second_table_of_the_name_is_refused(tmp_path: Path, again: str) -> None:
    first = write(tmp_path / "a.sql", signed(CREATED))
    second = write(tmp_path / "b.sql", signed(again))
    with pytest.raises(DumpError, match=r"b\.sql, line \d+, byte \d+: .*\bt\b"):
        load(first, second)


def test_a_second_table_names_the_file_of_the_first(tmp_path: Path) -> None:
    first = write(tmp_path / "a.sql", signed(CREATED))
    second = write(tmp_path / "b.sql", signed(CREATED))
    with pytest.raises(DumpError, match=r"second table t \(rows .* in a\.sql\)"):
        load(first, second)
    assert load(first, second, tables={"u"}).rows == {}


def test_each_file_has_its_own_character_set_and_mode(tmp_path: Path) -> None:
    latin1 = signed(CREATED).replace(b"utf8mb4", b"latin1").replace(b"'a'", b"'\xe9'")
    first = write(tmp_path / "a.sql", latin1)
    quoted = "SET SQL_MODE='NO_BACKSLASH_ESCAPES';\n" + extended(
        "t", [("'C:\\'", "'é'")]
    )
    second = write(tmp_path / "b.sql", signed(quoted))
    third = write(tmp_path / "c.sql", signed(extended("t", [(r"'it\'s'", "'3'")])))
    loaded = load(first, second, third)
    assert loaded.rows["t"] == [("é", "1"), ("C:\\", "é"), ("it's", "3")]
    assert loaded.outcome.summary.charsets == ["latin1", "utf8mb4"]
    assert loaded.outcome.summary.sql_modes == ["", "NO_BACKSLASH_ESCAPES"]


def test_each_file_must_reach_its_own_end(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.sql", signed(CREATED))
    cut = write(tmp_path / "b.sql", signed(MORE)[:-30])
    with pytest.raises(DumpError, match=r"b\.sql is cut short"):
        load(whole, cut)
    unsigned = write(tmp_path / "c.sql", MORE)
    warnings = load(whole, unsigned).outcome.summary.warnings
    assert [warning.split()[0] for warning in warnings] == ["c.sql"]


def test_two_time_zones_are_refused(tmp_path: Path) -> None:
    utc = "SET TIME_ZONE='+00:00';\n"
    first = write(tmp_path / "a.sql", signed(CREATED, utc))
    second = write(tmp_path / "b.sql", signed(MORE))
    with pytest.raises(PartsDiffer, match=r"b\.sql .*server.* a\.sql .*\+00:00"):
        load(first, second)
    schema = write(tmp_path / "schema.sql", signed(table()))
    assert load(schema, second).outcome.summary.time_zone is None


def test_a_rejected_row_knows_its_file(tmp_path: Path) -> None:
    first = write(tmp_path / "a.sql", signed(CREATED))
    dump = signed(extended("t", [("'only one'",)]))
    second = write(tmp_path / "b.sql", dump)
    (row,) = load(first, second).rejected
    assert (row.file, row.byte_offset) == ("b.sql", dump.index(b"('only one')"))


def test_progress_is_that_of_all_files(tmp_path: Path) -> None:
    paths = [
        write(tmp_path / "a.sql", signed(CREATED)),
        write(tmp_path / "b.sql", signed(MORE)),
    ]
    seen: list[tuple[int, int]] = []
    reader = LoadReader(
        find_dumps([str(path) for path in paths]),
        tables=None,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    for _ in reader.events():
        pass
    sizes = [path.stat().st_size for path in paths]
    assert seen == [(sizes[0], sum(sizes)), (sum(sizes), sum(sizes))]


def test_standard_input_is_one_of_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(signed(MORE)))
    monkeypatch.setattr(sys, "stdin", stdin)
    schema = write(tmp_path / "a.sql", signed(CREATED))
    loaded = load(schema, Path("-"))
    assert len(loaded.rows["t"]) == 3
    assert loaded.outcome.dumps[1].name == "standard input"


@pytest.mark.parametrize("given", [["-", "-"], ["a.sql", "./a.sql"]])
def test_a_dump_given_twice_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: list[str]
) -> None:
    write(tmp_path / "a.sql", signed(CREATED))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="twice"):
        find_dumps(given)


def test_dumps_of_one_name_are_called_by_their_paths(tmp_path: Path) -> None:
    paths = []
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        content = signed(CREATED if folder == "x" else MORE)
        paths.append(str(write(tmp_path / folder / "a.sql", content)))
    other = str(write(tmp_path / "b.sql", signed(MORE)))
    dumps = find_dumps([*paths, other])
    assert [dump.name for dump in dumps] == [*paths, "b.sql"]
    assert [part.name for dump in dumps for part in dump.parts] == [*paths, "b.sql"]


def test_no_dump_at_all_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="--dump"):
        require_dumps([])


def test_names_that_differ_only_in_case_are_refused() -> None:
    for between in ("", "DROP TABLE IF EXISTS `T`;\n"):
        dump = table("t") + between + table("T")
        with pytest.raises(DumpError, match="tables t and T"):
            read(dump)


# A mydumper directory.


def export(folder: Path, metadata: str = FINISHED) -> Path:
    folder.mkdir()
    write(folder / "metadata", metadata)
    return folder


def mydumped(folder: Path, metadata: str = FINISHED) -> Path:
    """An export of a table in chunks, a view and a trigger, as mydumper names them."""
    export(folder, metadata)
    contents = {
        "shop-schema-create.sql": "CREATE DATABASE `shop`;\n",
        "shop.t-schema.sql": DATA_HEAD + table(),
        "shop.t.00000.sql": DATA_HEAD + 'INSERT INTO `t` VALUES("a","1");\n',
        "shop.t.00001.sql.gz": DATA_HEAD + 'INSERT INTO `t` VALUES("b","2");\n',
        "shop.t.00002.sql": DATA_HEAD + 'INSERT INTO `t` VALUES("c","é");\n',
        "shop.empty-schema.sql": DATA_HEAD + table("empty"),
        "shop.empty.sql": "",
        "shop.v-schema.sql": DATA_HEAD + table("v", "`a` int"),
        "shop.v-schema-view.sql": "DROP TABLE IF EXISTS `v`;\nCREATE VIEW `v` AS ...",
        "shop-schema-post.sql": "CREATE PROCEDURE p() INSERT INTO `t` VALUES (1,2);\n",
        "shop.t-schema-triggers.sql": "CREATE TRIGGER x BEFORE INSERT ON t BEGIN\n",
    }
    for name, content in contents.items():
        data = content.encode()
        write(folder / name, gzip.compress(data) if name.endswith(".gz") else data)
    return folder


def test_a_mydumper_directory_is_read_in_its_order(tmp_path: Path) -> None:
    folder = mydumped(tmp_path / "export")
    loaded = load(folder)
    assert loaded.rows == {"t": [("a", "1"), ("b", "2"), ("c", "é")]}
    assert loaded.found == ["t", "empty"]
    summary = loaded.outcome.summary
    assert summary.tables == ["empty", "t"]
    assert summary.views == ["v"]
    assert summary.producer == "mydumper"
    assert summary.warnings == []
    (dump,) = loaded.outcome.dumps
    assert (dump.name, dump.rows) == ("export", 3)
    names = [part.name.removeprefix("export/") for part in find_parts(folder)]
    listed = "".join(
        f"{sha256((folder / name).read_bytes())}  {name}\n" for name in names
    )
    assert dump.sha256 == sha256(listed.encode())
    assert dump.bytes == sum((folder / name).stat().st_size for name in names)


def find_parts(folder: Path) -> tuple[Part, ...]:
    return find_dumps([str(folder)])[0].parts


def test_chunks_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    folder = export(tmp_path / "export", FINISHED + "\n[`d`.`t`]\nRows = 4\n")
    write(folder / "d.t-schema.sql", table())
    for number in (9, 10, 100_000, 99_999):
        rows = extended("t", [(f"'{number}'", "''")])
        write(folder / f"d.t.{number:05}.sql", rows)
    loaded = load(folder)
    assert [a for a, _ in loaded.rows["t"]] == ["9", "10", "99999", "100000"]


@pytest.mark.parametrize(
    ("metadata", "named"),
    [
        ("# Started dump at: 2024-02-03 04:05:06\n", "Finished dump at"),
        ("", "Finished dump at"),
    ],
)
def test_an_export_without_an_end_is_refused(
    tmp_path: Path, metadata: str, named: str
) -> None:
    with pytest.raises(InputError, match=named):
        load(mydumped(tmp_path / "export", metadata))


def test_an_unfinished_export_is_refused(tmp_path: Path) -> None:
    folder = mydumped(tmp_path / "export")
    (folder / "metadata").rename(folder / "metadata.partial")
    with pytest.raises(InputError, match=r"metadata\.partial"):
        load(folder)
    (folder / "metadata.partial").unlink()
    with pytest.raises(InputError, match="no file metadata"):
        load(folder)


def test_rows_that_metadata_counts_must_be_there(tmp_path: Path) -> None:
    counted = FINISHED + "\n[`shop`.`t`]\nreal_table_name=t\nrows = {}\n"
    folder = mydumped(tmp_path / "export", counted.format(3))
    assert len(load(folder).rows["t"]) == 3
    (folder / "shop.t.00001.sql.gz").unlink()
    with pytest.raises(PartsDiffer, match=r"2 rows of t, .* 3"):
        load(folder)
    assert load(folder, tables={"empty"}).rows == {}


def test_rows_in_other_files_than_sql_are_refused(tmp_path: Path) -> None:
    folder = mydumped(tmp_path / "export")
    write(folder / "shop.t.00003.dat", "a\t1\n")
    with pytest.raises(InputError, match=r"shop\.t\.00003\.dat"):
        load(folder)


def test_a_chunk_cut_short_is_named(tmp_path: Path) -> None:
    folder = mydumped(tmp_path / "export")
    path = folder / "shop.t.00002.sql"
    path.write_bytes(path.read_bytes()[:-6])
    with pytest.raises(DumpError, match=r"export/shop\.t\.00002\.sql is cut short"):
        load(folder)


REPORT_18 = (
    "Started dump at: 2025-09-18 10:00:00\nFinished dump at: 2025-09-18 10:00:05\n"
)
PACKED = gzip.compress(b"INSERT INTO `t` VALUES ('x','y');\n")


def chunks(folder: Path, *names: str, metadata: str = REPORT_18) -> Path:
    """An export of one table with these files of rows."""
    export(folder, metadata)
    write(folder / "d.t-schema.sql", table())
    for name in names:
        row = PACKED if name.endswith(".gz") else b"INSERT INTO `t` VALUES ('x','y');\n"
        write(folder / name, row)
    return folder


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (["d.t.00001.sql", "d.t.00003.sql"], "00002"),
        (["d.t.00000.sql", "d.t.00001.sql", "d.t.00003.sql.gz"], "00002"),
        (["d.t.00002.sql", "d.t.00003.sql"], "00001"),
        (["d.t.00007.sql"], "00001"),
        (["d.t.00000.00000.sql", "d.t.00000.00002.sql"], "00000.00001"),
        (["d.t.00000.00000.sql", "d.t.00002.00000.sql"], "00001"),
        (["d.t.00001.00004.sql"], "00001.00001"),
        (["d.t.000000000.sql", "d.t.000000002.sql"], "00001"),
        (["d.t.0000000000000.sql", "d.t.0000000020000.sql"], "00001"),
        (["d.t.0000000000000.sql", "d.t.0000000000002.sql"], "00000.00001"),
    ],
)
def test_a_chunk_that_is_missing_is_named(
    tmp_path: Path, names: list[str], missing: str
) -> None:
    folder = chunks(tmp_path / "export", *names)
    with pytest.raises(PartsDiffer, match=rf"no chunk {missing} of d\.t, "):
        load(folder)
    assert load(folder, tables={"other"}).rows == {}
    counted = f"[`d`.`t`]\nreal_table_name=t\nrows = {len(names)}\n"
    write(folder / "metadata", f"{FINISHED}\n{counted}")
    assert len(load(folder).rows["t"]) == len(names)


@pytest.mark.parametrize(
    "names",
    [
        ["d.t.sql"],
        ["d.t.00000.sql", "d.t.00001.sql"],
        ["d.t.00001.sql", "d.t.00002.sql"],
        ["d.t.00000.00000.sql", "d.t.00000.00001.sql", "d.t.00001.00000.sql"],
        ["d.t.000000000.sql"],
        ["d.t.0000000000000.sql", "d.t.0000000000001.sql", "d.t.0000000010000.sql"],
    ],
)
def test_chunks_without_a_gap_are_whole(tmp_path: Path, names: list[str]) -> None:
    loaded = load(chunks(tmp_path / "export", *names))
    assert len(loaded.rows["t"]) == len(names)
    assert loaded.outcome.summary.warnings == []


def test_a_tables_own_file_of_its_rows_counts_them(tmp_path: Path) -> None:
    """As mydumper 0.12 writes it."""
    folder = chunks(tmp_path / "export", "d.t.00000.sql", "d.t.00002.sql")
    write(folder / "d.t-metadata", "2")
    assert len(load(folder).rows["t"]) == 2
    write(folder / "d.t-metadata", "3")
    with pytest.raises(PartsDiffer, match="2 rows of t, but its metadata tells of 3"):
        load(folder)


@pytest.mark.parametrize("name", ["d.t.00001.sql", "d.t.00001.sql.gz"])
def test_an_empty_chunk_among_others_was_cut_short(tmp_path: Path, name: str) -> None:
    folder = chunks(tmp_path / "export", "d.t.00000.sql", name, "d.t.00002.sql")
    write(folder / name, b"")
    with pytest.raises(PartsDiffer, match=rf"{name} is empty"):
        load(folder)


def test_an_empty_compressed_file_was_cut_short_in_any_case(tmp_path: Path) -> None:
    folder = chunks(tmp_path / "export", "d.t.00000.sql.gz")
    write(folder / "d.t.00000.sql.gz", b"")
    with pytest.raises(PartsDiffer, match="is empty"):
        load(folder)


def test_rows_without_their_schema_file_are_refused(tmp_path: Path) -> None:
    folder = chunks(tmp_path / "export", "d.t.00000.sql")
    (folder / "d.t-schema.sql").unlink()
    with pytest.raises(PartsDiffer, match=r"rows of t and no t-schema\.sql"):
        load(folder)
    created = write(tmp_path / "schema.sql", signed("USE `d`;\n" + table()))
    assert load(created, folder).rows["t"] == [("x", "y")]


def test_a_file_of_rows_that_metadata_does_not_name_is_refused(tmp_path: Path) -> None:
    metadata = f"{FINISHED}\n[`d`.`other`]\nrows = 0\n"
    folder = chunks(tmp_path / "export", "d.t.00000.sql", metadata=metadata)
    with pytest.raises(PartsDiffer, match=r"files of d\.t, of which its metadata says"):
        load(folder)


def test_a_table_without_files_and_without_a_count_is_warned_of(tmp_path: Path) -> None:
    loaded = load(chunks(tmp_path / "export"))
    assert loaded.rows == {}
    (warning,) = loaded.outcome.summary.warnings
    assert "no rows of t and no count of them" in warning
    counted = f"{FINISHED}\n[`d`.`t`]\nrows = 0\n"
    assert load(chunks(tmp_path / "b", metadata=counted)).outcome.summary.warnings == []
