"""Directories: PlanetScale's export, tables with tabs, and links that lead out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.load.parts import PartsDiffer
from tests.python.load.dumps import table
from tests.python.load.test_parts import FINISHED, export, load, mydumped, write


def planetscale(folder: Path, *chunks: str) -> Path:
    """As ``pscale database dump`` writes: an empty metadata, one file a chunk."""
    export(folder, "")
    write(folder / "shop.t-schema.sql", table())
    for number, row in enumerate(chunks, 1):
        insert = f"INSERT INTO `t`(`a`,`b`) VALUES\n{row};\n"
        write(folder / f"shop.t.{number:05}.sql", insert)
    return folder


def test_an_export_of_planetscale_is_read_with_a_warning(tmp_path: Path) -> None:
    rows = ('("1","hei \\"du\\""),\n("2","it\\\'s\\n2")', '("3",NULL)')
    folder = planetscale(tmp_path / "export", *rows)
    write(folder / "shop.v-schema-view.sql", "CREATE VIEW `v` AS SELECT 1;\n")
    loaded = load(folder)
    assert loaded.rows == {"t": [("1", 'hei "du"'), ("2", "it's\n2"), ("3", None)]}
    (warning,) = loaded.outcome.summary.warnings
    assert "export of pscale database dump, which does not sign its end" in warning
    assert loaded.outcome.summary.producer == "pscale database dump"
    assert loaded.outcome.summary.views == ["v"]


def test_an_export_of_planetscale_that_lacks_a_chunk_is_refused(tmp_path: Path) -> None:
    folder = planetscale(tmp_path / "export", '("1","a")', '("2","b")', '("3","c")')
    (folder / "shop.t.00002.sql").unlink()
    with pytest.raises(PartsDiffer, match=r"no chunk 00002 of shop\.t"):
        load(folder)


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_planetscales_other_formats_are_refused(tmp_path: Path, ending: str) -> None:
    folder = planetscale(tmp_path / "export")
    write(folder / f"shop.t.00001.{ending}", "1")
    with pytest.raises(InputError, match=rf"00001\.{ending}, .* --output-format"):
        load(folder)


@pytest.mark.parametrize("name", ["shop.t.00000.sql", "shop.t.00001.sql.gz"])
def test_an_empty_metadata_of_mydumper_is_still_refused(
    tmp_path: Path, name: str
) -> None:
    folder = planetscale(tmp_path / "export")
    write(folder / name, "INSERT INTO `t` VALUES (1,2);\n")
    with pytest.raises(InputError, match="Finished dump at"):
        load(folder)


@pytest.mark.parametrize(
    ("names", "advice"),
    [
        (["shop/t.sql", "shop/t.txt"], "without --dir: mariadb-dump"),
        (["a/x.sql", "b/t.sql", "b/t.txt"], "without --dir: mariadb-dump"),
        (["t.sql", "t.txt"], "without --tab"),
        (["t.sql", "u.txt"], "Name the files in it"),
        (["shop/@.json", "@.done.json"], "util.loadDump"),
    ],
)
def test_rows_with_tabs_are_refused_by_their_tool(
    tmp_path: Path, names: list[str], advice: str
) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name, "1\ta\n")
    with pytest.raises(InputError, match=advice):
        load(tmp_path)


PRIVATE = "root:x:0"


@pytest.mark.parametrize(
    "name",
    ["shop.t.00002.sql", "shop.t-schema.sql", "metadata", "shop.new.00000.sql", "x"],
)
def test_a_link_out_of_the_directory_is_refused_unread(
    tmp_path: Path, name: str
) -> None:
    private = write(tmp_path / "private", PRIVATE)
    folder = mydumped(tmp_path / "export")
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(private)
    with pytest.raises(InputError, match=f"{name} is a symbolic link") as refused:
        load(folder)
    assert PRIVATE not in str(refused.value)


def test_a_link_within_the_directory_is_followed(tmp_path: Path) -> None:
    folder = mydumped(tmp_path / "export")
    (folder / "shop.t.00002.sql").rename(folder / "x")
    (folder / "shop.t.00002.sql").symlink_to("x")
    (tmp_path / "link").symlink_to(folder)
    assert len(load(tmp_path / "link").rows["t"]) == 3


@pytest.mark.parametrize("kind", ["broken", "pipe"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    folder = mydumped(tmp_path / "export", FINISHED)
    entry = folder / "shop.t.00003.sql"
    entry.symlink_to(folder / "nothing") if kind == "broken" else os.mkfifo(entry)
    with pytest.raises(InputError, match=r"00003\.sql is no file that can be read"):
        load(folder)
