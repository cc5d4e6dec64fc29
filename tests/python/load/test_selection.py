"""Which tables are landed, and which names a landing table can have."""

from __future__ import annotations

import pytest

from harness import settings
from harness.errors import UsageError
from harness.load import DumpError
from harness.load.names import OWN_TABLES, check_names
from harness.load.schema import Column, Table
from harness.load.selection import (
    FOR_MODELS,
    Selection,
    check_selection,
    parse_tables,
)
from harness.load.staging import _OWN_TABLES


def made(name: str, *columns: str) -> Table:
    return Table(None, name, tuple(map(Column, columns)))


def test_tables_are_parsed() -> None:
    assert parse_tables(None) is FOR_MODELS
    assert parse_tables("Chat, message,") == Selection(frozenset({"chat", "message"}))
    assert parse_tables("*") == Selection(None)


@pytest.mark.parametrize("text", ["", " , ", "chat,*"])
def test_no_tables_are_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="--tables"):
        parse_tables(text)


def test_the_models_tables_are_required_with_their_columns() -> None:
    tables = {n: made(n, *c) for n, c in settings.REQUIRED_COLUMNS.items()}
    check_selection(FOR_MODELS, "d.sql", list(tables), [], tables)
    tables["chat"] = made("chat", "id")
    with pytest.raises(DumpError, match=r"chat in d\.sql has no column booking_id"):
        check_selection(FOR_MODELS, "d.sql", list(tables), [], tables)
    del tables["chat"]
    with pytest.raises(DumpError, match="no table chat; tables found: message, book"):
        check_selection(FOR_MODELS, "d.sql", list(tables), [], tables)
    with pytest.raises(DumpError, match="only a view chat"):
        check_selection(FOR_MODELS, "d.sql", list(tables), ["chat"], tables)


def test_only_the_named_tables_are_required() -> None:
    tables = {"film": made("film", "id")}
    check_selection(parse_tables("film"), "d.sql", ["film"], [], tables)
    check_selection(parse_tables("*"), "d.sql", [], [], {})
    with pytest.raises(DumpError, match="no table actor; tables found: film"):
        check_selection(parse_tables("film,actor"), "d.sql", ["film"], [], tables)


def test_the_names_that_are_taken_are_those_that_a_load_writes() -> None:
    assert tuple(_OWN_TABLES) == OWN_TABLES


@pytest.mark.parametrize("name", OWN_TABLES)
def test_our_own_tables_names_are_taken(name: str) -> None:
    with pytest.raises(DumpError, match=f"table {name} has the name of a table"):
        check_names(made(name, "id"))


@pytest.mark.parametrize(
    ("table", "named"),
    [
        (made("t", "id", "_row"), r"column _row in the table t is taken"),
        (made("t", "xmin"), "column xmin .* taken"),
        (made("ä" * 32, "id"), "64 bytes long, PostgreSQL allows 63"),
        (made("t", "é" * 32), "column é+ in the table t is 64 bytes long"),
        (made("t", "key", "id", "key"), "only in case.*: key"),
    ],
)
def test_names_that_postgresql_cannot_have_are_refused(
    table: Table, named: str
) -> None:
    with pytest.raises(DumpError, match=named):
        check_names(table)


def test_names_that_fit_are_taken() -> None:
    check_names(made("a" * 63, "é" * 31, "order", "select", "row"))
