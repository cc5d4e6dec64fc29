"""Properties: what MySQL writes is read back; the two ways of reading agree.

No input hangs, crashes or is misread silently.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.load import DumpError
from harness.load.bulk import BulkConverter
from tests.python.load.dumps import (
    Read,
    Row,
    backslashed,
    double_quoted,
    doubled,
    extended,
    mixed,
    pieces,
    read,
    read_exactly,
    signed,
    table,
)

# The same examples every time: a test that passed passes again.
settings.register_profile("carryover", deadline=None, derandomize=True)
settings.load_profile("carryover")

#: Text with much of what quoting is about.
TEXT = st.text(
    alphabet=st.one_of(
        st.sampled_from("\\'\"`%_ntrZ0bN\n\r\t\x1a\x08\x01\x02(),;-#/*! "),
        st.characters(codec="utf-8", exclude_characters="\0"),
    ),
    max_size=30,
)
NUMBER = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map("{:f}".format),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)
Cell = tuple[str, "str | None"]
BETWEEN = st.sampled_from([",", ",\n", ",\r\n", " , ", ",\n\n", ",-- c\n", ",/* ' */"])


@st.composite
def cells(draw: st.DrawFn, quote: Callable[[str], str]) -> Cell:
    """A literal, and the value that it stands for."""
    kind = draw(st.sampled_from("sssnu"))
    if kind == "s":
        text = draw(TEXT)
        return quote(text), text
    if kind == "n":
        number = draw(NUMBER)
        return number, number
    return "NULL", None


QUOTINGS = {
    "mysqldump": (backslashed, ""),
    "hand-written": (mixed, ""),
    "mydumper": (double_quoted, ""),
    "no backslashes": (doubled, "SET SQL_MODE='NO_BACKSLASH_ESCAPES';\n"),
}


@pytest.mark.parametrize("quoting", QUOTINGS)
@given(data=st.data())
def test_what_mysql_writes_is_read_back(quoting: str, data: st.DataObject) -> None:
    quote, header = QUOTINGS[quoting]
    width = data.draw(st.integers(1, 4))
    rows = data.draw(
        st.lists(st.tuples(*[cells(quote)] * width), max_size=12, min_size=1)
    )
    between = data.draw(BETWEEN)
    statement = extended(
        "t", [[literal for literal, _ in row] for row in rows], between
    )
    create = table("t", *[f"`c{index}` text" for index in range(width)])
    dump = signed(create + statement + statement, header)
    size = data.draw(st.integers(1, 200))
    expected: list[Row] = [tuple(value for _, value in row) for row in rows] * 2
    found = read(dump, chunks=pieces(dump, size))
    assert found.rows["t"] == expected
    assert found.rejected == []
    assert read(dump).rows["t"] == expected
    assert read_exactly(dump).rows["t"] == expected


#: Every control character but NUL, the quotes and what follows a backslash.
CONTROLS = "".join(map(chr, (*range(1, 32), 127)))
NASTY = st.text(alphabet=CONTROLS + "'\\\"Z\x1aax1", max_size=60)


def raw_ctrl_z(text: str) -> str:
    """Quote with 0x1A as it is, as phpMyAdmin does."""
    return "\x1a".join(backslashed(part)[1:-1] for part in text.split("\x1a")).join(
        "''"
    )


@given(
    texts=st.lists(NASTY, min_size=1, max_size=6),
    left_out=st.text(alphabet=CONTROLS, max_size=3),
    escapes_ctrl_z=st.booleans(),
)
def test_no_control_character_is_taken_for_another(
    texts: list[str], left_out: str, escapes_ctrl_z: bool
) -> None:
    r"""However few bytes are free to put in for escapes; 0x1A as ``\Z`` or raw."""
    texts = ["".join(c for c in CONTROLS if c not in left_out), *texts, "it's \\ \x1a"]
    literals = [backslashed(text) for text in texts]
    if not escapes_ctrl_z:
        literals = [raw_ctrl_z(text) for text in texts]
    dump = signed(table("t", "`a` text") + extended("t", [[x] for x in literals]))
    expected: list[Row] = [(text,) for text in texts]
    assert read(dump).rows["t"] == expected
    assert read_exactly(dump).rows["t"] == expected


@given(rows=st.lists(st.tuples(cells(backslashed), cells(backslashed)), min_size=1))
def test_ordinary_rows_are_converted_in_bulk(rows: list[tuple[Cell, Cell]]) -> None:
    """Otherwise every other property would hold of the exact reading alone."""
    statement = extended("t", [[literal for literal, _ in row] for row in rows])
    dump = signed(table() + statement + "/* end */")
    calls = []
    convert = BulkConverter.convert

    def spy(self: BulkConverter, data: bytes, start: int) -> object:
        converted = convert(self, data, start)
        calls.append(converted.rows)
        return converted

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BulkConverter, "convert", spy)
        read(dump)
    assert sum(calls) == len(rows)


@given(raw=st.lists(st.binary(max_size=12), min_size=1, max_size=8))
def test_raw_bytes_arrive_or_are_rejected(raw: list[bytes]) -> None:
    """Text that is no UTF-8 is rejected; a NUL is replaced and told; else unaltered."""
    rows = [value.replace(b"\\", b"\\\\").replace(b"'", b"\\'") for value in raw]
    values = b",".join(b"('%b',%d)" % (row, index) for index, row in enumerate(rows))
    dump = table().encode() + b"INSERT INTO `t` VALUES " + values + b";"
    found = read(dump)
    expected, rejected, coerced = [], 0, []
    for index, value in enumerate(raw):
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            rejected += 1
            continue
        expected.append((text.replace("\0", "\ufffd"), str(index)))
        if "\0" in text:
            coerced.append((len(expected), text.index("\0") + 1, text.count("\0")))
    assert found.rows.get("t", []) == expected
    assert len(found.rejected) == rejected
    assert [(c.row, c.position, c.nuls) for c in found.coerced] == coerced


def outcome(reading: Callable[[], Read]) -> object:
    """What a reading comes to, errors included."""
    try:
        found = reading()
    except DumpError as error:
        return str(error)
    rejected = [(r.byte_offset, r.line, r.reason) for r in found.rejected]
    return found.rows, rejected, found.coerced


SEED = signed(
    "DROP TABLE IF EXISTS `t`;\n"
    + table("t", "`a` text", "`b` varchar(9) DEFAULT 'd'", "`c` int")
    + "LOCK TABLES `t` WRITE;\n"
    + r"""INSERT INTO `t` VALUES ('it\'s','',1),('a;b),(',NULL,-2.5),"""
    + r"""("d\"q",'\\',3),(_utf8mb4'é',x'41',NULL);"""
    + "\nINSERT INTO `t` (`b`,`a`) VALUES ('x','y'),\n('z','\\0');\n"
    + "UNLOCK TABLES;\nDELIMITER ;;\nCREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW\n"
    + "BEGIN INSERT INTO t VALUES (1,2,3); END;;\nDELIMITER ;\n"
)
PIECES = [
    b"'",
    b'"',
    b"`",
    b"\\",
    b"\\'",
    b"''",
    b"(",
    b")",
    b",",
    b";",
    b"--",
    b"-- ",
    b"#",
    b"/*",
    b"*/",
    b"/*!40101 ",
    b"\n",
    b"\0",
    b"\xff",
    b"NULL",
    b"0x41",
    b"b'1'",
    b"1",
    b"),(",
    b");",
    b"INSERT INTO `t` VALUES ",
    b"_binary ",
    "é".encode(),
    b"SET SQL_MODE='ANSI';",
    b"SET SQL_MODE='NO_BACKSLASH_ESCAPES';",
    b"DELIMITER ;;\n",
    b"\x01",
    b"\x02",
    b"\x1a",
    b"\\G\n",
    b"USE d\n",
    b"USE d;",
    b"INSERT INTO `t` (`c`) VALUES (",
    b"CONVERT('x' USING utf8mb4)",
    b"DEFAULT",
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A dump with a few pieces put in, taken out or copied elsewhere."""
    dump = SEED
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(dump)))
        end = min(at + draw(st.integers(0, 20)), len(dump))
        put = draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=3)))
        dump = dump[:at] + put + dump[end:]
    return dump


@settings(max_examples=500)
@given(dump=damaged(), size=st.integers(1, 300))
def test_damaged_dumps_end_in_one_way_however_they_are_read(
    dump: bytes, size: int
) -> None:
    whole = outcome(lambda: read(dump))
    assert outcome(lambda: read_exactly(dump)) == whole
    assert outcome(lambda: read(dump, chunks=pieces(dump, size))) == whole


@given(dump=st.binary(max_size=200))
def test_any_bytes_at_all_end(dump: bytes) -> None:
    assert outcome(lambda: read(dump)) is not None
