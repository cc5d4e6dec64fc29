"""What a file is that is no dump of MySQL's in SQL, and what to do with it.

Owns the beginnings of other formats and the advice that fits each. Pure: no I/O.
"""

from __future__ import annotations

import re
from typing import NamedTuple

#: How much of a file's beginning is looked at, in bytes.
HEAD_BYTES = 1 << 12
_DUMP = "mysqldump --result-file=FILE DATABASE"
_AS_SQL = f"Export it again in the format SQL, or make a dump: {_DUMP}"
MYSQL_ONLY = (
    f"Carryover reads dumps of MySQL and MariaDB. Dump the MySQL server: {_DUMP}"
)


class Foreign(NamedTuple):
    """What a file or what stands in it is, and what to do."""

    what: str
    advice: str


_SQL_SERVER = Foreign("a script of SQL Server", MYSQL_ONLY)
_SQLITE = Foreign("a dump of SQLite", MYSQL_ONLY)
_POSTGRESQL = Foreign("a dump of PostgreSQL", MYSQL_ONLY)
_XML = Foreign("XML (mysqldump --xml)", f"Make the dump again without --xml: {_DUMP}")
_PAGE = Foreign(
    "a web page (HTML)",
    "Open it in a browser: it says why there was no dump. Export again, in the format "
    "SQL",
)
_JSON = Foreign("JSON", _AS_SQL)
_CSV = Foreign("a table of values (CSV or tabs)", _AS_SQL)
_NO_TEXT = Foreign(
    "binary data and no SQL text",
    f"Check that it is the dump and was copied whole, or make it again: {_DUMP}",
)
_ENCRYPTED = "Decrypt it first, and pipe it: … | ./inv load --dump -"

#: Beginnings of files that are no text.
_BINARY: tuple[tuple[bytes, Foreign], ...] = (
    (b"PGDMP", Foreign("an archive of pg_dump (PostgreSQL)", MYSQL_ONLY)),
    (b"SQLite format 3\0", Foreign("a database of SQLite", MYSQL_ONLY)),
    (
        b"\xfebin",
        Foreign("a binary log of MySQL", f"It holds changes. Make a dump: {_DUMP}"),
    ),
    (
        b"XBSTCK01",
        Foreign(
            "a stream of XtraBackup",
            f"Restore it into a MySQL server, and dump that: {_DUMP}",
        ),
    ),
    (
        b"Rar!",
        Foreign("a rar archive", "Pipe it: unrar p -inul FILE | ./inv load --dump -"),
    ),
    (
        b"\x04\x22\x4d\x18",
        Foreign("compressed with lz4", "Pipe it: lz4 -dc FILE | ./inv load --dump -"),
    ),
    (
        b"\x89LZO",
        Foreign("compressed with lzop", "Pipe it: lzop -dc FILE | ./inv load --dump -"),
    ),
    (
        b"\x1f\x9d",
        Foreign(
            "compressed with compress",
            "Pipe it: uncompress -c FILE | ./inv load --dump -",
        ),
    ),
    (b"Salted__", Foreign("encrypted with openssl", _ENCRYPTED)),
    (b"age-encryption.org/", Foreign("encrypted with age", _ENCRYPTED)),
    (b"-----BEGIN PGP MESSAGE", Foreign("encrypted with PGP", _ENCRYPTED)),
)
_TEXTS: tuple[tuple[re.Pattern[bytes], Foreign], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), foreign)
    for pattern, foreign in (
        (rb"<!DOCTYPE html|<(?:html|head|body|br|div|script)\b", _PAGE),
        (rb"<(?:\?xml|mysqldump|pma_xml|!--)", _XML),
        (rb"[\x00-\x08\x0e-\x1f\x80-\xff]", _NO_TEXT),
        (rb"PRAGMA\s", _SQLITE),
        (rb"(?:GO\s|EXEC\s|PRINT\s|DECLARE @)", _SQL_SERVER),
        (rb"COPY\s.+\sFROM stdin;", _POSTGRESQL),
        (rb"\\(?:connect|restrict|copy|c)\s", _POSTGRESQL),
        (
            rb"(?:REM\s|PROMPT\s|SET DEFINE OFF)",
            Foreign("a script of Oracle", MYSQL_ONLY),
        ),
        (rb"(?:\{|\[\s*[\{\[\]\"])", _JSON),
        (rb"[^\r\n;()`]*[^\r\n;()`,\t][,\t][^\r\n;()`]*(?:\r?\n|\Z)", _CSV),
        (rb"\"[^\r\n\"]*\"(?:;\"[^\r\n\"]*\")+\r?(?:\n|\Z)", _CSV),
    )
)
_SCRIPTS = (
    (re.compile(rb"^[ \t]*GO[ \t]*\r?$|\[dbo\]\.\[", re.I | re.M), _SQL_SERVER),
    (re.compile(rb"^(?:PRAGMA\s+\w+|BEGIN TRANSACTION;)", re.I | re.M), _SQLITE),
    (
        re.compile(rb"^SET (?:statement_timeout|row_security)\b", re.I | re.M),
        _POSTGRESQL,
    ),
)
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_UTF16 = "in UTF-16, which alters a dump's bytes"
_POWERSHELL = (
    "Make the dump again with mysqldump --result-file=FILE instead of PowerShell's >"
)


def find_binary(head: bytes) -> Foreign | None:
    """What a whole file is that begins so, when it can be no SQL text."""
    for magic, foreign in _BINARY:
        if head.startswith(magic):
            return foreign
    if encoding := _utf16(head):
        text = head.decode(encoding, "replace").lstrip("\ufeff").encode()
        return find_script(text) or Foreign(_UTF16, _POWERSHELL)
    return _NO_TEXT if b"\0" in head[:4] else find_script(head)


def find_script(head: bytes) -> Foreign | None:
    """What a script is that begins with statements that MySQL's clients know too.

    Nothing is looked for behind the first quote, where texts begin.
    """
    start = head.partition(b"'")[0]
    for pattern, foreign in _SCRIPTS:
        if pattern.search(start):
            return foreign
    return None


def find_foreign(data: bytes) -> Foreign | None:
    """What stands where a statement should begin; ``None`` when it is not known."""
    head = data[:HEAD_BYTES]
    return next((foreign for pattern, foreign in _TEXTS if pattern.match(head)), None)


def _utf16(head: bytes) -> str | None:
    """The form of UTF-16 that text is in: by its mark, or by a NUL in every second."""
    if head.startswith(_UTF16_BOMS):
        return "utf-16"
    low, high = head[0::2], head[1::2]
    if high and b"\0" not in low and high.count(0) * 10 >= len(high) * 9:
        return "utf-16-le"
    if high and b"\0" not in high and low.count(0) * 10 >= len(low) * 9:
        return "utf-16-be"
    return None
