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
    "utf8": "utf-8",
    "utf8mb3": "utf-8",
    "utf8mb4": "utf-8",
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
    "euckr": "euc-kr",
    "gb2312": "gb2312",
    "ujis": "euc-jp",
}
#: Only ever the set of a column, met in hex literals; a client cannot speak them.
_COLUMN_CODECS = {
    "ucs2": "utf-16-be",
    "utf16": "utf-16-be",
    "utf16le": "utf-16-le",
    "utf32": "utf-32-be",
}
#: MySQL's latin1 is cp1252 with its five holes filled by the control characters.
LATIN1 = {
    code: ord(bytes([code]).decode("cp1252", "ignore") or chr(code))
    for code in range(256)
}


def _latin1(data: bytes) -> str:
    return codecs.charmap_decode(data, "strict", LATIN1)[0]


def _decoder(codec: str) -> Decoder:
    decode = codecs.lookup(codec).decode
    return lambda data: decode(data, "strict")[0]


_DECODERS: dict[str, Decoder] = {
    "latin1": _latin1,
    **{name: _decoder(codec) for name, codec in _PYTHON_CODECS.items()},
}
_COLUMN_DECODERS: dict[str, Decoder] = {
    **_DECODERS,
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
    return _PYTHON_CODECS.get(name) == "utf-8"
