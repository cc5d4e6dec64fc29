"""The report and the log say what happened, safely, and nothing that did not."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from harness.artifacts import headline, read_summary, write_artifacts
from harness.artifacts.report import MAX_REPORT_ROWS, SAMPLE_ROWS
from harness.database import Connection
from tests.python.artifacts import stages


def _report(connection: Connection) -> str:
    folder = write_artifacts(connection, stages.RUN)
    return (folder / "report.html").read_text(encoding="utf-8")


class Page(HTMLParser):
    """What a page is made of, as far as the tests look at it."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_report_is_one_page_that_needs_nothing_else(connection: Connection) -> None:
    """No script, nothing from outside, a caption and scopes on each table."""
    stages.build(connection)
    stages.publish(connection)
    text = _report(connection)
    page = Page(text)
    names = [tag for tag, _ in page.tags]
    assert not {"script", "link", "img", "iframe"} & set(names)
    assert not any({"src", "href", "srcset"} & set(attrs) for _, attrs in page.tags)
    assert not re.search(r"url\(|@import|https?:", text)
    assert names.count("table") == names.count("caption") >= 5
    assert all(attrs.get("scope") for tag, attrs in page.tags if tag == "th")
    assert headline(read_summary(connection, stages.RUN)) in page.text


def test_report_escapes_every_value(connection: Connection) -> None:
    """What looks like markup in the database is text on the page."""
    stages.build(connection)
    connection.execute("create table marts.report_odd as select '<b>x</b>' as \"<i>\"")
    connection.execute("comment on table marts.report_odd is '<u>odd</u>'")
    connection.execute("update marts.skipped_chats set reason = '<script>1</script>'")
    text = _report(connection)
    page = Page(text)
    assert not {"b", "u", "i", "script"} & {tag for tag, _ in page.tags}
    for value in ("<b>x</b>", "<u>odd</u>", "<i>", "<script>1</script>", "<d>.sql"):
        assert value in page.text


def test_report_shows_the_first_rows_of_a_long_table(connection: Connection) -> None:
    """A report_* table is capped, and the page says so."""
    stages.build(connection)
    connection.execute(
        "create table marts.report_long as"
        f" select number from generate_series(1, {MAX_REPORT_ROWS + 1}) as number"
    )
    page = Page(_report(connection))
    assert f"The first {SAMPLE_ROWS} of {MAX_REPORT_ROWS + 1} rows." in page.text


def test_log_ticks_only_what_was_done(connection: Connection) -> None:
    """A failed audit leaves its box open, is an issue, and stops the run."""
    stages.build(connection)
    connection.execute(
        "insert into marts.audit_results values"
        " ('unique_id', 'test', 'fail', 'error', 3, 'Got 3 results', %s),"
        " ('chats', 'model', 'success', null, null, null, %s)",
        [stages.RUN, stages.RUN],
    )
    finding = {
        "table": "chat",
        "column": "id",
        "severity": "critical",
        "unexpected_count": 2,
        "description": "ids are UUIDs",
        "sample": ["private"],
    }
    stages.step(
        connection,
        stages.RUN,
        "audit.landing",
        status="failed",
        detail={
            "checkpoint": "landing",
            "passed": False,
            "expectations": 9,
            "failed": [finding],
            "warnings": [],
        },
    )
    folder = write_artifacts(connection, stages.RUN)
    log = (folder / "execution-log.md").read_text(encoding="utf-8")
    assert "- [x] Dump loaded" in log
    assert "- [ ] Landing audit passed (03:04:06 UTC, failed)" in log
    assert "- [ ] Data tests passed (1 fail, 1 success)" in log
    assert "- [ ] Rows published in one transaction\n" in log
    assert "Audit unique_id: fail, 3 found." in log
    assert "Checkpoint landing, chat.id: fail, ids are UUIDs" in log
    assert "Decision: Stop" in log
    assert "private" not in log + (folder / "report.html").read_text(encoding="utf-8")
