"""The fuzz test: dumps of a MariaDB server with every byte value in their texts.

Each dump has a table of its own, filled at random with control characters, quotes,
backslashes and all 256 bytes where the character set has them. It is written by
``mariadb-dump`` under random options and read in pieces of a random size; the server's
own ``SELECT`` is the truth, and the second decoder must agree on every row.
``CARRYOVER_FUZZ_DUMPS`` is how many dumps are tried, ``CARRYOVER_FUZZ_SEED`` where
they begin.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from tests.python.load import mariadb
from tests.python.load.dumps import pieces, read

DUMPS = int(os.environ.get("CARRYOVER_FUZZ_DUMPS", "24"))
SEED = int(os.environ.get("CARRYOVER_FUZZ_SEED", "20261127"))
DATABASE = "fuzz"
ASCII = bytes(range(128))
SPECIAL = b"\0\x1a\\\\''\"\"`%_ntrZb0N\n\r\t\x08\x01\x7f(),;-#/*"
BEYOND = [*"éÿ€øЖяωשج日本語ｱ한", "\u2028", "\u0085", "\ufffd", "\ufeff", "😀", "🏳"]
#: The texts' columns, their character sets, and the bytes that these have.
TEXTS = {
    "u8": ("text", "utf8mb4", ASCII),
    "u3": ("longtext", "utf8mb3", ASCII),
    "l1": ("text", "latin1", bytes(range(256))),
    "c1": ("varchar(2000)", "cp1251", bytes(set(range(256)) - {0x98})),
    "k8": ("text", "koi8r", bytes(range(256))),
    "c8": ("text", "cp866", bytes(range(256))),
    "u16": ("text", "utf16", ASCII),
}
BLOBS = ("b", "vb")
COLUMNS = (*TEXTS, *BLOBS, "bits", "ts")
OPTIONS = [
    ["--skip-extended-insert"],
    ["--hex-blob"],
    ["--complete-insert"],
    ["--compact"],
    ["--skip-opt"],
    ["--order-by-primary"],
    ["--net-buffer-length=4096"],
    ["--insert-ignore"],
    ["--replace"],
    ["--skip-tz-utc"],
    ["--skip-quote-names"],
    ["--databases"],
    ["--compatible=ansi", "--default-character-set=utf8mb4"],
    ["--compatible=no_table_options", "--default-character-set=utf8mb4"],
]
CLIENTS = [
    *("utf8mb4", "binary", "latin1", "utf8mb3", "cp1251", "koi8r", "cp866", "greek"),
]
MODES = ["", "", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES", "ANSI"]

Rows = list[tuple["str | None", ...]]


@dataclass(frozen=True)
class Case:
    """One dump: its rows' literals, how it is written and how it is read."""

    rows: list[list[str]]
    options: list[str]
    client: str
    mode: str
    piece: int

    @property
    def lossy(self) -> str | None:
        """The client's set, when it lacks characters."""
        return None if self.client in ("utf8mb4", "binary") else self.client

    @property
    def zone(self) -> str:
        """That of the dump's session; ``--compact`` does not say it, but sets it."""
        return mariadb.TIME_ZONE if "--skip-tz-utc" in self.options else "+00:00"


def text(draw: random.Random, charset: str, has: bytes) -> str:
    """An expression for a text of this set, as the bytes that it is."""
    kind = draw.random()
    length = draw.choice([0, 1, 3, 30, 200])
    if kind < 0.1:
        data = has
    elif kind < 0.5:
        data = bytes(draw.choice(SPECIAL) for _ in range(length))
    elif kind < 0.8:
        data = bytes(draw.choice(has) for _ in range(length))
    else:
        data = b"".join(draw.choice(BEYOND).encode() for _ in range(length // 3))
        return f"convert(convert(x'{data.hex()}' using utf8mb4) using {charset})"
    if charset == "utf16":
        data = data.decode("ascii").encode("utf-16-be")
    return f"convert(x'{data.hex()}' using {charset})"


def value(draw: random.Random, column: str) -> str:
    if draw.random() < 0.05:
        return "null"
    if column in TEXTS:
        return text(draw, *TEXTS[column][1:])
    if column == "bits":
        return str(draw.choice([0, 39, 92, 0x5C27, 2**63 + 1]))
    if column == "ts":
        return f"'2024-{draw.randint(1, 12):02}-07 08:09:{draw.randint(0, 59):02}.25'"
    data = draw.choice([bytes(range(256)), draw.randbytes(draw.randint(0, 40))])
    return f"x'{data.hex()}'"


def case(number: int) -> Case:
    draw = random.Random(f"{SEED}/{number}")  # noqa: S311 - a test's
    rows = [
        [value(draw, column) for column in COLUMNS]
        for _ in range(draw.choice([1, 5, 40]))
    ]
    options = [o for some in draw.sample(OPTIONS, draw.randint(0, 3)) for o in some]
    client = "utf8mb4"
    if not any("--default-character-set" in option for option in options):
        client = draw.choice(CLIENTS)
        options.append(f"--default-character-set={client}")
    if client != "utf8mb4":
        # These do not let the dump say its character set.
        options = [o for o in options if o not in ("--compact", "--skip-opt")]
    piece = draw.choice([1, 7, 100, 4096, 1 << 20])
    return Case(rows, options, client, draw.choice(MODES), piece)


@pytest.fixture(scope="module")
def server() -> Iterator[mariadb.MariaDB]:
    if missing := mariadb.missing():
        pytest.skip(f"no MariaDB server here: {', '.join(missing)} not installed")
    with mariadb.running() as running:
        yield running


def fill(server: mariadb.MariaDB, rows: Sequence[Sequence[str]]) -> None:
    """Make the table anew and fill it."""
    texts = ", ".join(
        f"{name} {kind} character set {charset}"
        for name, (kind, charset, _) in TEXTS.items()
    )
    values = ",".join(
        f"({number},{','.join(row)})" for number, row in enumerate(rows, start=1)
    )
    server.run(
        f"create or replace database {DATABASE}; use {DATABASE}; set sql_mode = '';"
        f"create table t (id int primary key, {texts}, b blob, vb varbinary(300),"
        f" bits bit(64), ts timestamp(3) null); insert into t values {values};"
    )


def truth(server: mariadb.MariaDB, case: Case) -> Rows:
    """What must land of the table, by the server's own word."""
    chosen = ["hex(cast(id as char))"]
    for name in COLUMNS:
        if name in BLOBS:
            chosen.append(f"hex(concat(char(92), 'x', lower(hex({name}))))")
        elif name == "bits":
            chosen.append("hex(cast(bits + 0 as char))")
        elif case.lossy and name in TEXTS:
            lost = f"convert(convert({name} using {case.lossy}) using utf8mb4)"
            chosen.append(f"hex({lost})")
        else:
            chosen.append(f"hex(convert({name} using utf8mb4))")
    query = f"set time_zone = '{case.zone}'; select {', '.join(chosen)} from t"
    return [tuple(row) for row in server.select(query + " order by id", DATABASE)]


def dump(server: mariadb.MariaDB, case: Case) -> bytes:
    server.run(f"set global sql_mode = '{case.mode}'")
    printed = server.dump([*case.options, DATABASE])
    server.run("set global sql_mode = default")
    return printed


@pytest.mark.parametrize("number", range(DUMPS))
def test_a_dump_is_read_as_the_server_selects(
    server: mariadb.MariaDB, number: int
) -> None:
    made = case(number)
    fill(server, made.rows)
    expected = truth(server, made)
    printed = dump(server, made)
    found = read(printed, chunks=pieces(printed, made.piece))
    replaced = [tuple(v and v.replace("\0", "\ufffd") for v in row) for row in expected]
    assert found.rejected == [], made
    assert sorted(found.rows["t"], key=lambda row: int(row[0] or 0)) == replaced, made
    nuls = sum("\0" in (v or "") for row in expected for v in row)
    assert len(found.coerced) == nuls, made
