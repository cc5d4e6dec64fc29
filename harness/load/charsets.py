"""MySQL's character sets and how their bytes become text.

Owns the names and the decoders. A character set whose characters may hold a quote's or
a backslash's byte cannot be read byte by byte and is not here. Pure: no I/O.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable

Decoder = Callable[[bytes], str]

#: What a dump without ``SET NAMES`` is taken to be in: the producers' own default.
DEFAULT = "utf8mb4"

_PYTHON_CODECS = {
    "utf8mb4": "utf-8",
    # As MySQL has it: Microsoft's extension, whose second bytes are letters at most.
    "euckr": "cp949",
    "gb2312": "gb2312",
}
_PYTHON_CODECS_OF_ONE_BYTE = {
    "ascii": "ascii",
    "latin2": "iso8859-2",
    "latin5": "iso8859-9",
    "latin7": "iso8859-13",
    "greek": "iso8859-7",
    "hebrew": "iso8859-8",
    "cp850": "cp850",
    "cp852": "cp852",
    "cp866": "cp866",
    "cp1250": "cp1250",
    "cp1251": "cp1251",
    "cp1256": "cp1256",
    "cp1257": "cp1257",
    "koi8r": "koi8-r",
    "koi8u": "koi8-u",
    "tis620": "tis-620",
    "macroman": "mac-roman",
    "macce": "mac-latin2",
}
#: Where MySQL and MariaDB differ from Python's codec: byte to code point, ``None`` for
#: a byte that is no character. As ``share/charsets/*.xml`` of both servers declare it;
#: ``tests/python/load/test_charsets.py`` asks a MariaDB server for every byte.
CORRECTIONS: dict[str, dict[int, int | None]] = {
    "greek": {0xA1: 0x02BD, 0xA2: 0x02BC, 0xA4: None, 0xA5: None, 0xAA: None},
    "hebrew": {0xAF: 0x203E},
    "cp866": {0xFC: 0x207F, 0xFD: 0x00B2},
    "cp1256": dict.fromkeys([0x8A, 0x8F, 0x98, 0x9A, 0x9F, 0xAA, 0xC0, 0xFF]),
    "koi8u": {0x95: 0x2022},
}
#: Only ever the set of a column, met in hex literals; a client cannot speak them.
_COLUMN_CODECS = {
    "utf16": "utf-16-be",
    "utf16le": "utf-16-le",
    "utf32": "utf-32-be",
}
#: MySQL's latin1 is cp1252 with its five holes filled by the control characters.
LATIN1 = {
    code: ord(bytes([code]).decode("cp1252", "ignore") or chr(code))
    for code in range(256)
}
#: What ``charmap_decode`` takes for a byte that is no character.
_NO_CHARACTER = "\ufffe"
#: The bytes of UTF-8's sequences of one to three bytes.
_UP_TO_THREE_BYTES = bytes(range(0xF0))
#: ujis: rows 85 to 94 of each plane are for private use, in their order.
_UJIS_PRIVATE = ((b"", 0xE000), (b"\x8f", 0xE3AC))
_UJIS_FIRST_ROW, _UJIS_FIRST_CELL, _UJIS_CELLS = 0xF5, 0xA1, 94
_FULLWIDTH_BACKSLASH = "\uff3c"


def _one_byte(name: str, codec: str) -> Decoder:
    corrections = CORRECTIONS.get(name, {})
    characters = ""
    for code in range(256):
        point = corrections.get(code, -1)
        if point == -1:
            characters += bytes([code]).decode(codec, "ignore") or _NO_CHARACTER
        else:
            characters += _NO_CHARACTER if point is None else chr(point)
    # Python's own codecs pass a text as well; typeshed knows the dictionary only.
    decode: Callable[..., tuple[str, int]] = codecs.charmap_decode
    return lambda data: decode(data, "strict", characters)[0]


def _decoder(codec: str) -> Decoder:
    decode = codecs.lookup(codec).decode
    return lambda data: decode(data, "strict")[0]


def _utf8mb3(data: bytes) -> str:
    """UTF-8 of the basic plane: the server takes a longer sequence for no character."""
    if data.translate(None, _UP_TO_THREE_BYTES):
        raise UnicodeDecodeError("utf8mb3", data, 0, len(data), "four bytes")
    return data.decode("utf-8")


def _ucs2(data: bytes) -> str:
    """Two bytes a character, which knows no surrogates."""
    text = data.decode("utf-16-be")
    if 2 * len(text) < len(data):
        raise UnicodeDecodeError("ucs2", data, 0, len(data), "surrogates")
    return text


def _ujis(data: bytes) -> str:
    """EUC-JP with MySQL's characters for private use and its full-width backslash."""
    text = data.decode("euc_jp", _UJIS_ERRORS)
    return text.replace(_FULLWIDTH_BACKSLASH, "\\")


def _ujis_private(error: UnicodeError) -> tuple[str, int]:
    """Decode one character for private use, which Python's codec does not know."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    for plane, first in _UJIS_PRIVATE:
        at = error.start + len(plane)
        two = error.object[at : at + 2]
        if len(two) == 2 and error.object.startswith(plane, error.start):
            row, cell = two[0] - _UJIS_FIRST_ROW, two[1] - _UJIS_FIRST_CELL
            if row in range(10) and cell in range(_UJIS_CELLS):
                return chr(first + row * _UJIS_CELLS + cell), at + 2
    raise error


_UJIS_ERRORS = "carryover_ujis"
codecs.register_error(_UJIS_ERRORS, _ujis_private)
_DECODERS: dict[str, Decoder] = {
    "latin1": lambda data: codecs.charmap_decode(data, "strict", LATIN1)[0],
    "utf8": _utf8mb3,
    "utf8mb3": _utf8mb3,
    "ujis": _ujis,
    **{name: _decoder(codec) for name, codec in _PYTHON_CODECS.items()},
    **{name: _one_byte(name, c) for name, c in _PYTHON_CODECS_OF_ONE_BYTE.items()},
}
_COLUMN_DECODERS: dict[str, Decoder] = {
    **_DECODERS,
    "ucs2": _ucs2,
    **{name: _decoder(codec) for name, codec in _COLUMN_CODECS.items()},
}


def client_decoder(name: str) -> Decoder | None:
    """How the text of a dump in this character set is decoded; ``None``: it cannot be.

    The decoder raises ``UnicodeDecodeError`` for bytes that the set does not have.
    """
    return _DECODERS.get(name)


def column_decoder(name: str) -> Decoder | None:
    """How the bytes of a column in this character set are decoded; ``None``: cannot."""
    return _COLUMN_DECODERS.get(name)


def is_utf8(name: str) -> bool:
    """Whether text in this set is UTF-8 already."""
    return name in ("utf8", "utf8mb3", "utf8mb4")


def keeps_ascii_apart(name: str) -> bool:
    """Whether only ASCII bytes become ASCII characters, such as a backslash."""
    return name != "ujis"
