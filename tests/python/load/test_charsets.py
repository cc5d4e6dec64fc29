"""Every character set that is read agrees with a MariaDB server, byte for byte.

The server is asked for every byte, every pair and the triples of the sets that have
them. What it takes for no character, it prints as ``?`` or U+FFFD, which no decoder
of ours ever does, so that a sequence that is not rejected agrees.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.load.charsets import (
    client_decoder,
    column_decoder,
    keeps_ascii_apart,
)
from tests.python.load import mariadb
from tests.python.load.dumps import read, table

ONE_BYTE = [
    *("latin1", "ascii", "latin2", "latin5", "latin7", "greek", "hebrew", "cp850"),
    *("cp852", "cp866", "cp1250", "cp1251", "cp1256", "cp1257", "koi8r", "koi8u"),
    *("tis620", "macroman", "macce"),
]
EUC = ["euckr", "gb2312", "ujis"]
UTF8 = ["utf8mb3", "utf8mb4"]
WIDE = ["ucs2", "utf16", "utf16le", "utf32"]
#: Code points at the edges of planes, surrogates and encoded lengths.
EDGES = [
    *(0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xD800, 0xDBFF, 0xDC00, 0xDFFF, 0xE000),
    *(0xFFFD, 0xFFFE, 0xFFFF, 0x10000, 0x1F600, 0xFFFFF, 0x100000, 0x10FFFF, 0x110000),
]


def encoded(point: int) -> bytes:
    """UTF-8 of a code point, surrogates and those beyond Unicode included."""
    if point < 0x10000:
        return chr(point).encode("utf-8", "surrogatepass")
    tail = [0x80 | point >> shift & 0x3F for shift in (12, 6, 0)]
    return bytes([0xF0 | point >> 18, *tail])


def sequences(name: str) -> list[bytes]:
    """What the server is asked for in this set."""
    ones = [bytes([code]) for code in range(256)]
    if name in ONE_BYTE:
        return ones
    pairs = [bytes([a, b]) for a in range(0x80, 0x100) for b in range(0x30, 0x100)]
    if name in EUC:
        last = range(0xA0, 0x100)
        triples = [bytes([0x8F, a, b]) for a in last for b in last]
        return ones + pairs + (triples if name == "ujis" else [])
    if name in UTF8:
        overlong = [b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xc0\x80", b"\xed\xa0\x80"]
        points = [*range(1, 0x10000), *EDGES]
        return ones + pairs + overlong + [encoded(point) for point in points]
    units = [point.to_bytes(2, "big") for point in range(1, 0x10000)]
    four = [point.to_bytes(4, "big") for point in [*range(0x2100), *EDGES]]
    mixed = [a + b for a in units[0xD7FF:0xDC02:0x80] for b in units[0xDBFE::0x200]]
    return {"utf32": four}.get(name, [*units, *mixed, b"\xd8\x3d\xde\x00"])


@pytest.fixture(scope="module")
def server() -> Iterator[mariadb.MariaDB]:
    if missing := mariadb.missing():
        pytest.skip(f"no MariaDB server here: {', '.join(missing)} not installed")
    with mariadb.running() as running:
        yield running


def answers(server: mariadb.MariaDB, name: str, asked: list[bytes]) -> list[str]:
    """What the server makes of each sequence."""
    values = ",".join(f"({n},x'{data.hex()}')" for n, data in enumerate(asked))
    printed = server.run(
        "create or replace temporary table asked (n int primary key, b varbinary(8));"
        f"insert into asked values {values};"
        f"select hex(convert(convert(b using {name}) using utf8mb4)) from asked;",
        *("--batch", "--skip-column-names", "--max-allowed-packet=64M", "mysql"),
    )
    found = [bytes.fromhex(line.decode()) for line in printed.split()]
    assert len(found) == len(asked)
    return [text.decode("utf-8", "surrogatepass") for text in found]


@pytest.mark.parametrize("name", [*ONE_BYTE, *EUC, *UTF8, *WIDE])
def test_every_sequence_is_what_the_server_has_or_rejected(
    server: mariadb.MariaDB, name: str
) -> None:
    decode = column_decoder(name)
    assert decode is not None
    asked = sequences(name)
    wrong, accepted = [], 0
    for data, theirs in zip(asked, answers(server, name, asked), strict=True):
        try:
            ours = decode(data)
        except UnicodeDecodeError:
            continue
        accepted += 1
        if ours != theirs:
            wrong.append((data.hex(), ours, theirs))
    assert wrong == []
    known = {"gb2312": 7_000, "euckr": 17_000, "ujis": 14_000}
    assert accepted > known.get(name, 100)


@pytest.mark.parametrize(
    ("name", "raw", "expected"),
    [
        ("cp866", b"\xfc \xfd", "\u207f \u00b2"),
        ("greek", b"\xa1\xa2 \xe1", "\u02bd\u02bc \u03b1"),
        ("hebrew", b"\xaf", "\u203e"),
        ("koi8u", b"\x95", "\u2022"),
        ("ujis", b"\xa1\xc0t \xf5\xa1 \x8f\xfe\xfe", "\\t \ue000 \ue757"),
        ("euckr", b"\x81A \xb0\xa1", "\uac02 \uac00"),
    ],
)
def test_a_dump_in_this_set_lands_what_the_server_has(
    name: str, raw: bytes, expected: str
) -> None:
    """Also in bulk, where a character that becomes a backslash would be an escape."""
    dump = (
        f"SET NAMES {name};\n{table('t', '`a` text')}INSERT INTO `t` VALUES ('".encode()
        + raw
        + b"'),('x\\'\\n'),('"
        + raw
        + b"');\n"
    )
    assert read(dump).rows["t"] == [(expected,), ("x'\n",), (expected,)]


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("cp1256", b"\x8a"),
        ("greek", b"\xa4"),
        ("tis620", b"\xdb"),
        ("ujis", b"\xf5"),
        ("ujis", b"\x8f\xf5"),
        ("utf8", "\U0001f600".encode()),
        ("utf8mb3", "\U0001f600".encode()),
    ],
)
def test_what_the_server_has_no_character_for_is_rejected(
    name: str, raw: bytes
) -> None:
    dump = f"SET NAMES {name};\n{table('t', '`a` text')}INSERT INTO `t` VALUES ('x'),('"
    found = read(dump.encode() + raw + b"');\n")
    assert found.rows["t"] == [("x",)]
    assert found.reasons == [f"invalid {name} bytes in column a"]


@pytest.mark.parametrize(
    "column",
    [
        "varchar(9) CHARACTER SET ucs2",
        "varchar(9) CHARACTER SET utf8mb3",
        "varchar(9) COLLATE utf8_general_ci",
    ],
)
def test_a_column_of_the_basic_plane_holds_nothing_beyond(column: str) -> None:
    codec = "utf-16-be" if "ucs2" in column else "utf-8"
    literals = [f"(x'{text.encode(codec).hex()}')" for text in ("é", "\U0001f600")]
    found = read(
        table("t", f"`a` {column}") + f"INSERT INTO t VALUES {','.join(literals)};"
    )
    assert found.rows["t"] == [("é",)]
    assert len(found.rejected) == 1


def test_which_sets_keep_ascii_apart() -> None:
    for name in [*ONE_BYTE, *EUC, *UTF8]:
        alone = [data for data in sequences(name) if min(data) > 0x7F]
        decode = client_decoder(name)
        assert decode is not None
        found = []
        for data in alone:
            try:
                found += list(decode(data))
            except UnicodeDecodeError:
                continue
        assert any(map(str.isascii, found)) != keeps_ascii_apart(name), name
