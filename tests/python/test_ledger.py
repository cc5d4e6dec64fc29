"""The ledger: brought up by version, in place, and refused when it is newer."""

from __future__ import annotations

import pytest

from harness import ledger, publish, rollback, status, validate
from harness.database import Connection
from harness.errors import Refused
from tests.python import world


@pytest.fixture
def of_version_1(connection: Connection) -> Connection:
    """A published world as the first version of the ledger knew it."""
    world.rehearse(connection)
    world.publish(connection)
    connection.execute(
        "drop table carryover.storage_plans, carryover.storage_files,"
        " carryover.storage_references, carryover.storage_unmatched,"
        " carryover.storage_changes;"
        "drop table carryover.cutovers, carryover.kept_audit_logs;"
        "drop table carryover.restores, carryover.backup_objects,"
        " carryover.backup_tables, carryover.backups, carryover.left_rows;"
        "alter table carryover.published_rows drop column action,"
        " drop column source_hash, drop column before, drop column superseded_by;"
        "create unique index published_rows_current on carryover.published_rows"
        " (table_name, row_id) where rolled_back_at is null;"
        "delete from carryover.schema_version where version > 1;"
        "update carryover.steps set detail = detail - 'published_columns' - 'before'"
        " - 'backup' where step = 'publish'"
    )
    connection.commit()
    return connection


def test_an_older_ledger_is_brought_up_and_keeps_its_rows(
    of_version_1: Connection,
) -> None:
    connection = of_version_1
    assert status.read_status(connection).standing == {}
    assert [t.counts["identical"] for t in publish.publish(connection).tables] == [
        3,
        12,
        3,
    ]
    assert status.read_status(connection).standing["chat_messages"] == 12
    assert validate.validate(connection).is_valid
    done = rollback.rollback(connection)
    assert done.deleted == 18
    # What stood before that publish was not recorded then: nothing is claimed.
    assert done.proof is None


def test_users_changes_are_told_apart_on_an_older_ledger(
    of_version_1: Connection,
) -> None:
    connection = of_version_1
    connection.execute(
        "update chat_messages set content = 'mine' where id = %s",
        [world.identifier("e", 101)],
    )
    connection.execute(
        "update marts.chat_messages set content = 'theirs' where id in (%s, %s)",
        [world.identifier("e", 101), world.identifier("e", 102)],
    )
    connection.commit()
    counts = publish.preview(connection).tables[1].counts
    # Nobody knows what the source said of the first then, so users keep theirs.
    assert (counts["changed live"], counts["update"], counts["identical"]) == (1, 1, 10)


def test_a_newer_ledger_is_refused(connection: Connection) -> None:
    ledger.ensure(connection)
    connection.execute("insert into carryover.schema_version (version) values (99)")
    connection.commit()
    with pytest.raises(Refused, match="is at version 99, this Carryover knows"):
        ledger.ensure(connection)


def test_a_landing_that_a_crash_has_emptied_is_told_from_none(
    connection: Connection,
) -> None:
    world.rehearse(connection)
    # What the server does to unlogged tables when it recovers.
    connection.execute("truncate staging.loads, staging.chat, staging.message")
    connection.commit()
    with pytest.raises(Refused, match="the server ended abnormally since the load"):
        publish.publish(connection)
    connection.execute("drop schema staging cascade")
    connection.commit()
    with pytest.raises(Refused, match="nothing is loaded in this database"):
        publish.publish(connection)
