"""What is no dump of MySQL's is refused with the advice that fits it."""

from __future__ import annotations

import codecs

import pytest

from harness.load import DumpError
from tests.python.load.dumps import read, signed, table

SQL_SERVER = (
    "USE [shop]\r\nGO\r\n/****** Object:  Table [dbo].[chat] ******/\r\n"
    "SET ANSI_NULLS ON\r\nGO\r\nCREATE TABLE [dbo].[chat]([id] [int])\r\nGO\r\n"
)
SQLITE = (
    "BEGIN TRANSACTION;\nCREATE TABLE t (a int);\nINSERT INTO t VALUES(1);\nCOMMIT;\n"
)
FORMATS: dict[str, tuple[bytes | str, str, str]] = {
    "xml": (
        '<?xml version="1.0"?>\n<mysqldump><database name="d"></database></mysqldump>',
        "XML",
        "without --xml",
    ),
    "xml of phpMyAdmin": ("<!--\n- phpMyAdmin XML Dump\n-->\n<a/>", "XML", "--xml"),
    "page": ("<!DOCTYPE html>\n<html><body>#1045</body></html>", "web page", "browser"),
    "page's part": ("<html lang='en'>", "web page", "browser"),
    "error of PHP": (
        "<br />\n<b>Fatal error</b>: Allowed memory",
        "web page",
        "browser",
    ),
    "json": ('[{"id": 1, "body": "a"}]', "JSON", "format SQL"),
    "json lines": ('{"id": 1}\n{"id": 2}\n', "JSON", "format SQL"),
    "json of phpMyAdmin": (
        '/**\n Export to JSON plugin for PHPMyAdmin\n*/\n\n[\n{"type":"header"},',
        "JSON",
        "format SQL",
    ),
    "csv": ("id,body\n1,a\n", "CSV", "format SQL"),
    "quoted csv": ('"id";"body"\n"1";"a"\n', "CSV", "format SQL"),
    "tabs": ("1\ta\n2\tb\n", "CSV", "format SQL"),
    "numbered csv": ('1,"hello"\r\n2,"x"\r\n', "CSV", "format SQL"),
    "pg_dump": (
        "--\n-- PostgreSQL database dump\n--\nSET statement_timeout = 0;\n",
        "PostgreSQL",
        "MySQL and MariaDB",
    ),
    "pg_dump without comments": (
        "SET statement_timeout = 0;\nSET lock_timeout = 0;\n",
        "PostgreSQL",
        "MySQL and MariaDB",
    ),
    "copy": ("COPY public.t (a) FROM stdin;\n1\n\\.\n", "PostgreSQL", "MySQL and"),
    "pg_dump -Fc": (b"PGDMP\x01\x0e\x00", "pg_dump", "MySQL and MariaDB"),
    "sqlite": ("PRAGMA foreign_keys=OFF;\n" + SQLITE, "SQLite", "MySQL and MariaDB"),
    "sqlite's part": (SQLITE, "SQLite", "MySQL and MariaDB"),
    "sqlite's file": (b"SQLite format 3\0\x10\0", "SQLite", "MySQL and MariaDB"),
    "sql server": (SQL_SERVER, "SQL Server", "MySQL and MariaDB"),
    "sql server in utf-16": (
        codecs.BOM_UTF16_LE + SQL_SERVER.encode("utf-16-le"),
        "SQL Server",
        "MySQL and MariaDB",
    ),
    "powershell": (
        codecs.BOM_UTF16_LE + signed(table()).decode().encode("utf-16-le"),
        "UTF-16",
        "--result-file",
    ),
    "utf-16 without a mark": (
        signed(table()).decode().encode("utf-16-be"),
        "UTF-16",
        "--result-file",
    ),
    "nuls": (bytes(600), "binary data", "copied whole"),
    "a nul among binary data": (b"\x07\x01\x00\x99" * 200, "binary data", "copied"),
    "random bytes": (b"\x8f\xee\x91\x02\x1b" * 99, "binary data", "copied whole"),
    "binary log": (b"\xfebin\0\0", "binary log", "Make a dump"),
    "lz4": (b"\x04\x22\x4d\x18\0\0", "lz4", "lz4 -dc"),
    "encrypted": (b"Salted__\x01\x02", "openssl", "Decrypt"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_another_format_has_its_own_advice(name: str) -> None:
    content, what, advice = FORMATS[name]
    with pytest.raises(DumpError, match=what) as refused:
        read(content)
    message = str(refused.value)
    assert "Nothing was loaded" in message
    assert advice in message
    assert ("UTF-16" in message) == (what == "UTF-16")
    assert ("--xml" in message) == (what == "XML")


@pytest.mark.parametrize(
    "text",
    ["x\nGO\ny", "[dbo].[t]", "x\nPRAGMA a", "\nSET statement_timeout", "<html>"],
)
def test_a_text_with_anothers_words_is_a_text(text: str) -> None:
    dump = signed(f"{table()}INSERT INTO `t` VALUES ('{text}','1');\n")
    assert read(dump).rows["t"] == [(text, "1")]
