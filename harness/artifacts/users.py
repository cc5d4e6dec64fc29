"""What is written for the people who miss something: a list of them, and a text.

Owns ``affected-users.csv``, for customer support, and ``user-communication.md``, the
template of ``docs/`` filled with the run's figures. Reads the marts; writes these two
files. Neither holds the text of a message.
"""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, StrictUndefined

from harness import settings
from harness.artifacts.csv_file import write_csv
from harness.artifacts.folder import write_text
from harness.artifacts.linkage import Comparison
from harness.artifacts.relations import compose, fetch, stands
from harness.artifacts.summary import Summary
from harness.database import Connection
from harness.escaping import markdown

AFFECTED = "affected-users.csv"
LETTER = "user-communication.md"
TEMPLATE = settings.PROJECT_ROOT / "docs" / LETTER

_AFFECTED = """
    select
        old_user_id,
        new_user_id,
        role,
        chats_left,
        messages_left,
        reasons
    from {marts}.affected_users
    order by messages_left desc, chats_left desc, old_user_id, role
"""


def write_for_users(
    connection: Connection, summary: Summary, found: Comparison | None, folder: Path
) -> None:
    """Write both files, where the marts have what they hold."""
    if found is None or not stands(
        connection, settings.marts_schema(), "affected_users"
    ):
        return
    write_csv(connection, folder / AFFECTED, compose(_AFFECTED))
    write_text(folder / LETTER, letter(connection, summary, found))


def letter(connection: Connection, summary: Summary, found: Comparison) -> str:
    """Fill the template with a run's figures."""
    customers, stylists = fetch(
        connection,
        "select count(*) filter (where role = 'customer'),"
        " count(*) filter (where role = 'stylist') from {marts}.affected_users",
    )[0]
    # Markdown, not HTML: every value is escaped for that.
    environment = Environment(  # noqa: S701
        finalize=lambda value: markdown(value) if isinstance(value, str) else value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        run=summary.run,
        chosen=found.chosen,
        reasons=found.reasons_of(found.chosen.strategy),
        rejected=sum(row.rows for row in summary.rejections),
        customers=customers,
        stylists=stylists,
    )
