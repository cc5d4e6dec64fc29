"""Whose tables a dump's rows are: one database's, or the dump is refused."""

from __future__ import annotations

import pytest

from harness.load import DumpError
from tests.python.load.dumps import pieces, read, read_exactly, table


@pytest.mark.parametrize(
    "rows",
    [
        "INSERT INTO shop.t (a,b) VALUES\n\t (1,'a'),\n\t (2,'b');\n",
        "INSERT INTO `shop`.`t` VALUES (1,'a');\nINSERT INTO shop.t VALUES (2,'b');",
        "INSERT INTO shop . `t` VALUES (1,'a');\nINSERT INTO t VALUES (2,'b');",
        "INSERT INTO shop.t VALUES (1,'a');\nUSE shop;\nINSERT INTO t VALUES (2,'b');",
    ],
)
def test_a_table_created_without_a_database_is_of_the_one_that_its_rows_name(
    rows: str,
) -> None:
    dump = "-- shop.t definition\n" + table() + rows
    for found in (
        read(dump),
        read_exactly(dump.encode()),
        read(dump, chunks=pieces(dump.encode(), 5)),
    ):
        assert found.rows["t"] == [("1", "a"), ("2", "b")]


def test_two_tables_may_be_of_one_such_database() -> None:
    dump = table("t") + table("u")
    rows = "INSERT INTO shop.{0} VALUES (1,'a');\n"
    found = read(dump + rows.format("t") + rows.format("u"))
    assert found.rows == {"t": [("1", "a")], "u": [("1", "a")]}


INTO_A = "INSERT INTO `a`.`t` VALUES (1,'x');\n"
INTO_B = "INSERT INTO `b`.`t` VALUES (2,'y');\n"
HEAD = "SET NAMES utf8;\n"


@pytest.mark.parametrize(
    "dump",
    [
        f"CREATE DATABASE `a`;\nUSE `a`;\n{table()}INSERT INTO `t` VALUES (1,'x');\n"
        f"CREATE DATABASE `b`;\nUSE `b`;\n{table()}INSERT INTO `t` VALUES (2,'y');\n",
        f"USE `a`;\n{table()}USE `b`;\n{table()}",
        f"{table()}{INTO_A}{INTO_B}",
        f"USE a;\n{table()}{INTO_B}",
        f"{table()}{table('u')}{INTO_A}" + INTO_B.replace("`t`", "`u`"),
    ],
)
def test_two_databases_are_named_with_the_way_to_dump_one(dump: str) -> None:
    with pytest.raises(DumpError, match="dump one database: mysqldump b") as refused:
        read(HEAD + dump)
    assert "database b" in str(refused.value)


@pytest.mark.parametrize(
    "between", ["", "USE d;\n", "/*!40000 ALTER TABLE `t` DISABLE KEYS */;\n"]
)
def test_rows_without_a_table_are_told_to_bring_it(between: str) -> None:
    with pytest.raises(DumpError, match=r"without its CREATE TABLE.*--dump SCHEMA"):
        read(f"{HEAD}{between}INSERT INTO `t` VALUES (1,'x');\n")
