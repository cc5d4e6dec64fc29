"""What a client wrote into a dump that is none: warnings, errors, a prompt.

Owns which lines are a client's, what each of them is called, and what to do about an
error. A dump taken with ``2>&1`` holds such lines. Pure: no I/O.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_PROGRAMS = (
    rb"(?:mysqldump|mariadb-dump|mysqlpump|mysql|mariadb|mydumper|mysqladmin|"
    rb"docker|kubectl|ssh|bash|sh|zsh|perl)"
)
_DIRECTORY = rb"(?:[A-Z]:[\\/][^\r\n]*?[\\/]|\\\\[^\r\n]*?\\|/[^\r\n*]*?/|\./)?"
_PROGRAM = rb"[\"']?" + _DIRECTORY + _PROGRAMS + rb"(?:\.exe)?[\"']? ?: "
#: A line that begins so is no statement: none has a colon behind its first word.
_LINE = re.compile(
    rb"(?:" + _PROGRAM + rb"|(?:Warning|Note|Error|Info|Deprecated)(?: \(?\d+\)?)?: "
    rb"|\[(?:Warning|Note|Error|System)\] "
    rb"|\d{4}-\d\d-\d\d[T ][\d:.]+\S*(?: \d+)? \[(?:Warning|Note|Error|System)\] "
    rb"|Got error: |Couldn't execute '|Can't connect to |Deprecated program name"
    rb"|At line:\d+ char:\d+|\+ |Defaulted container "
    rb"|Pseudo-terminal will not be allocated |the input device is not a TTY"
    rb"|(?:Killed|Terminated|Segmentation fault)(?=[ :\r\n]|\Z)"
    rb")[^\r\n]*",
    re.IGNORECASE,
)
_PROMPT = re.compile(rb"Enter password: *", re.IGNORECASE)
#: A comment as a warning: what mysqldump says on standard error, in a comment's form.
_COMMENT = re.compile(rb"-- Warning: ", re.IGNORECASE)
#: What a statement looks like: a line that holds one is not passed over.
_STATEMENT = re.compile(
    rb";\s*\Z|/\*M?!|\b(?:INSERT|REPLACE)\s+(?:IGNORE\s+|LOW_PRIORITY\s+|DELAYED\s+)?"
    rb"(?:INTO\b|`)|\bVALUES\s*\(|\b(?:CREATE|DROP|ALTER|TRUNCATE|RENAME|LOCK)\s+"
    rb"(?:TABLES?|VIEW|DATABASE|SCHEMA|TRIGGER|TEMPORARY)\b|;\s*(?:SET|USE|INSERT|"
    rb"REPLACE|CREATE|DROP|DELETE|UPDATE|BEGIN|START|COMMIT)\b",
    re.IGNORECASE,
)
_ERROR = re.compile(
    rb"\berror\b|Couldn't|Can't|Access denied|not found|unknown (?:option|variable)|"
    rb"No such file|ambiguous option|Lost connection|gone away|"
    rb"\A(?:Killed|Terminated|Segmentation fault)",
    re.IGNORECASE,
)
#: The dump is whole in spite of it: no row is in what it says of tablespaces.
_HARMLESS_ERROR = re.compile(
    rb"PROCESS privilege.*tablespaces|INFORMATION_SCHEMA\.FILES.*PROCESS privilege",
    re.IGNORECASE,
)
_KINDS = (
    (rb"using a password", "a password on the command line"),
    (rb"GTID", "GTIDs"),
    (rb"PROCESS privilege", "the PROCESS privilege, which --no-tablespaces spares"),
    (rb"\bssl\b|ssl-|\bTLS\b|certificate", "an encrypted connection"),
    (rb"deprecated program name", "a deprecated program name"),
    (rb"column.statistics", "column statistics"),
    (rb"mysql\.event|--events", "the data of mysql.event"),
    (rb"deprecated", "a deprecated option"),
    (rb"known hosts", "a host of ssh"),
    (rb"locale", "a locale"),
    (rb"Enter password", "a password's prompt"),
)
_ONCE_MORE = "make the dump again"
_ADVICE = (
    (
        rb"COLUMN_STATISTICS|column.statistics",
        f"The server is older than the client: {_ONCE_MORE} with mysqldump "
        "--column-statistics=0",
    ),
    (
        rb"max_allowed_packet",
        f"A row is longer than the client allows: {_ONCE_MORE} with mysqldump "
        "--max-allowed-packet=1G",
    ),
    (
        rb"Lost connection|gone away",
        "The connection broke, and rows are missing: raise the server's "
        f"net_write_timeout and {_ONCE_MORE}",
    ),
    (
        rb"LOCK TABLES",
        f"The user may not lock the tables: {_ONCE_MORE} with mysqldump "
        "--single-transaction --skip-lock-tables",
    ),
    (
        rb"\bRELOAD\b|FLUSH_TABLES|FLUSH TABLES|FLUSH LOCAL",
        f"The user may not flush the tables: {_ONCE_MORE} with mysqldump "
        "--single-transaction --set-gtid-purged=OFF --source-data=0, or grant RELOAD",
    ),
    (
        rb"EVENT|SHOW CREATE (?:FUNCTION|PROCEDURE|TRIGGER)|insufficient privileges",
        f"The user may not read routines: {_ONCE_MORE} with mysqldump --skip-events "
        "--skip-routines --skip-triggers",
    ),
    (
        rb"SHOW VIEW|definer|View '",
        "A view cannot be read, and the dump ended there: grant SHOW VIEW, or "
        f"{_ONCE_MORE} with mysqldump --ignore-table=DATABASE.VIEW",
    ),
    (
        rb"unknown (?:option|variable)|ambiguous option",
        f"The client does not know this option: leave it out and {_ONCE_MORE}",
    ),
    (
        rb"command not found|: not found|No such file",
        f"The client was not there: install it, or write its whole path, and "
        f"{_ONCE_MORE}",
    ),
    (
        rb"\A(?:Killed|Terminated|Segmentation fault)",
        f"The client was ended before the dump was whole: {_ONCE_MORE}",
    ),
    (
        rb"Access denied|trying to connect|Can't connect|1045|2002|2003",
        f"The client could not connect: check host, user and password and {_ONCE_MORE}",
    ),
)
_LONGEST_SHOWN = 200


class Message(NamedTuple):
    """A client's line: the index behind it, its kind, and what to do about an error.

    ``advice`` is ``None`` for a line that leaves the dump whole.
    """

    end: int
    kind: str
    text: str
    advice: str | None


def find_message(data: bytes, at: int) -> Message | None:
    """The client's line at ``at``, without its line end; ``None`` when it is none.

    A line that may hold a statement besides is none: it is for the reader to refuse.
    """
    if prompt := _PROMPT.match(data, at):
        return Message(prompt.end(), kind_of(prompt[0]), _shown(prompt[0]), None)
    found = _LINE.match(data, at)
    if found is None:
        return None
    line = found[0]
    if _ERROR.search(line) and not _HARMLESS_ERROR.search(line):
        return Message(found.end(), kind_of(line), _shown(line), _advice(line))
    if _STATEMENT.search(line):
        return None
    return Message(found.end(), kind_of(line), _shown(line), None)


def is_warning(comment: bytes) -> bool:
    """Whether a comment line is a warning of mysqldump's."""
    return _COMMENT.match(comment) is not None


def kind_of(line: bytes) -> str:
    """What a client's line is about, without what it says of data."""
    for pattern, kind in _KINDS:
        if re.search(pattern, line, re.IGNORECASE):
            return kind
    program = re.search(_PROGRAMS + rb"(?=(?:\.exe)?[\"']? ?: )", line, re.IGNORECASE)
    return "another matter" + (f", of {program[0].decode()}" if program else "")


def _advice(line: bytes) -> str:
    for pattern, advice in _ADVICE:
        if re.search(pattern, line, re.IGNORECASE):
            return advice
    return f"Remove the cause that it names, and {_ONCE_MORE}"


def _shown(line: bytes) -> str:
    return line[:_LONGEST_SHOWN].decode("utf-8", "backslashreplace").strip()
