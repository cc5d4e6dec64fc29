"""Lines that a client wrote into a dump: passed over, or refused with advice."""

from __future__ import annotations

import pytest

from harness.load import DumpError
from tests.python.load.dumps import pieces, read, signed, table

ROWS = "INSERT INTO `t` VALUES ('a','1');\n"
MORE = "INSERT INTO `t` VALUES ('b','2');\n"
EXPECTED = [("a", "1"), ("b", "2")]
INSECURE = "Using a password on the command line interface can be insecure."
WARNINGS = {
    f"Warning: {INSECURE}": "a password",
    f"mysqldump: [Warning] {INSECURE}": "a password",
    f"mysqldump.exe: [Warning] {INSECURE}": "a password",
    f"C:\\Program Files\\MySQL\\MySQL Server 8.0\\bin\\mysqldump.exe: [Warning] "
    f"{INSECURE}": "a password",
    f"/Applications/MySQL Workbench.app/Contents/MacOS/mysqldump: {INSECURE}": "a pass",
    f"mysqldump : mysqldump: [Warning] {INSECURE}": "a password",
    "Warning: A partial dump from a server that has GTIDs will by default include the "
    "GTIDs of all transactions, even those that changed suppressed parts of the "
    "database. If you don't want to restore GTIDs, pass --set-gtid-purged=OFF. To make "
    "a complete dump, pass --all-databases --triggers --routines --events. ": "GTIDs",
    "WARNING: --ssl is deprecated and will be removed in a future version. Use "
    "--ssl-mode instead.": "an encrypted connection",
    "WARNING: option --ssl-verify-server-cert is disabled, because of an insecure "
    "passwordless login.": "an encrypted connection",
    "/usr/bin/mysqldump: Deprecated program name. It will be removed in a future "
    "release, use '/usr/bin/mariadb-dump' instead": "a deprecated program name",
    "-- Warning: column statistics not supported by the server.": "column statistics",
    "-- Warning: Skipping the data of table mysql.event. Specify the --events option "
    "explicitly.": "the data of mysql.event",
    "mysqldump: Error: 'Access denied; you need (at least one of) the PROCESS "
    "privilege(s) for this operation' when trying to dump tablespaces": (
        "--no-tablespaces"
    ),
    "Enter password: ": "a password's prompt",
    "bash: warning: setlocale: LC_ALL: cannot change locale (en_US.UTF-8)": "a locale",
    "mariadb-dump: Everything is as it was": "of mariadb-dump",
}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
@pytest.mark.parametrize("line", WARNINGS)
def test_a_clients_line_between_statements_is_passed_over(line: str, end: str) -> None:
    dump = signed(f"{table()}{ROWS}{line}{end}{MORE}").decode()
    header, rest = dump.split("\n", 1)
    for placed in (
        dump,
        line + end + dump,
        f"{header}\n{line}{end}{rest}",
        dump + line,
    ):
        found = read(placed)
        assert found.rows["t"] == EXPECTED
        assert found.summary.has_trailer
        for warning in found.summary.warnings:
            assert "a line of the client was skipped" in warning
            assert WARNINGS[line] in warning
        assert found.summary.warnings


@pytest.mark.parametrize("line", WARNINGS)
def test_however_the_stream_is_cut(line: str) -> None:
    dump = signed(f"{table()}{ROWS}{line}\n{MORE}")
    for size in (1, 7, 100):
        found = read(dump, chunks=pieces(dump, size))
        assert found.rows["t"] == EXPECTED
        assert len(found.summary.warnings) == 1


ERRORS = {
    "mysqldump: Couldn't execute 'SELECT COLUMN_NAME, JSON_EXTRACT(HISTOGRAM, "
    "'$.\"number-of-buckets-specified\"') FROM information_schema.COLUMN_STATISTICS "
    "WHERE SCHEMA_NAME = 'd';': Unknown table 'COLUMN_STATISTICS' in "
    "information_schema (1109)": "--column-statistics=0",
    "mysqldump: Error 2020: Got packet bigger than 'max_allowed_packet' bytes when "
    "dumping table `t` at row: 7": "--max-allowed-packet=1G",
    "mysqldump: Error 2013: Lost connection to MySQL server during query when dumping "
    "table `t` at row: 7": "net_write_timeout",
    "mysqldump: Got error: 1044: Access denied for user 'u'@'%' to database 'd' when "
    "using LOCK TABLES": "--single-transaction --skip-lock-tables",
    "mysqldump: Got error: 1045: Access denied for user 'u'@'h' (using password: YES) "
    "when trying to connect": "could not connect",
    "mysqldump.exe: Got error: 2003: \"Can't connect to MySQL server on 'h'\" when "
    "trying to connect": "could not connect",
    "mysqldump: [ERROR] unknown variable 'set-gtid-purged=OFF'.": "leave it out",
    "bash: line 1: mysqldump: command not found": "was not there",
    "mysqldump: Couldn't execute 'SHOW CREATE TABLE `v`': SHOW VIEW command denied to "
    "user 'u'@'h' for table 'v' (1142)": "grant SHOW VIEW",
    "Got error: 1: something else": "Remove the cause",
    "Killed": "ended before",
}


@pytest.mark.parametrize("line", ERRORS)
def test_a_clients_error_is_refused_with_its_own_advice(line: str) -> None:
    for dump in (f"{line}\n", signed(f"{table()}{ROWS}{line}\n{MORE}").decode()):
        with pytest.raises(DumpError, match="the message") as refused:
            read(dump)
        assert ERRORS[line] in str(refused.value)
        assert "--xml" not in str(refused.value)


@pytest.mark.parametrize(
    "line",
    [
        "Warning: a word INSERT INTO t VALUES ('c','3');",
        "mysqldump: [Warning] can be insecure.INSERT INTO `t` VALUES ('c','3')",
        "Note: x; DELETE FROM t;",
        "mysqldump: /*!40000 INSERT INTO t VALUES (1,2) */",
    ],
)
def test_what_could_be_a_statement_is_never_passed_over(line: str) -> None:
    with pytest.raises(DumpError, match="begins with"):
        read(signed(f"{table()}{ROWS}{line}\n{MORE}"))


@pytest.mark.parametrize("message", [f"mysqldump: [Warning] {INSECURE}", "Warning: x"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("CREATE TABLE `u` (\n `a` int,\n", " `b` int\n);\n"),
        ("INSERT INTO `t` VALUES ('a','1'),\n", "('b','2');\n"),
        ("INSERT INTO `t` VALUES ('a','1'),('b',\n", "'2');\n"),
        ("INSERT INTO `t` VALUES ('a','1')", ",('b','2');\n"),
    ],
)
def test_inside_a_statement_the_way_out_is_named(
    message: str, before: str, after: str
) -> None:
    with pytest.raises(DumpError, match=r"inside a statement .*--result-file"):
        read(signed(f"{table()}{before}{message}\n{after}"))


def test_a_text_with_a_clients_words_is_a_text() -> None:
    text = f"x\nmysqldump: [Warning] {INSECURE}\nWarning: y"
    found = read(signed(f"{table()}INSERT INTO `t` VALUES ('{text}','1');\n"))
    assert found.rows["t"] == [(text, "1")]
    assert found.summary.warnings == []
