"""Backup and the ledger: what counts for a publish, what a restore makes of runs."""

from __future__ import annotations

import pytest
from psycopg import sql

from harness import backup, hashing, publish, rollback
from harness.database import Connection
from harness.errors import Refused, UsageError
from tests.python import live_tables, world
from tests.python.live_tables import Keywords


def test_without_a_backup_or_after_a_change_none_counts(
    connection: Connection, database: Keywords
) -> None:
    world.rehearse(connection)
    connection.commit()
    with pytest.raises(Refused, match="as they are: none was taken"):
        backup.require_verified(connection)
    to = live_tables.target(database)
    first = backup.take(to, connection)
    assert backup.require_verified(connection) == first
    connection.execute("create index extra on chats (id)")
    with pytest.raises(
        Refused, match="is of other tables: index extra of chats is ext"
    ):
        backup.require_verified(connection)
    connection.execute("drop index extra")
    connection.commit()
    publish.publish(connection)
    with pytest.raises(
        Refused, match=f"{first.backup_id} was taken before the publish"
    ):
        backup.require_verified(connection)
    second = backup.take(to, connection)
    assert backup.require_verified(connection) == second
    rollback.rollback(connection)
    with pytest.raises(Refused, match="was taken before the rollback of run"):
        backup.require_verified(connection)
    backup.restore(connection, second.backup_id)
    with pytest.raises(Refused, match="was taken before the restore of backup"):
        backup.require_verified(connection)
    backup.drop(connection, second.backup_id)
    connection.execute(f'drop table carryover_backups."{first.table("media").copy}"')
    with pytest.raises(Refused, match=f"{second.backup_id} is dropped"):
        backup.require_verified(connection)
    found = {b.backup_id: b for b in backup.list_backups(connection)}
    assert backup.why_not(connection, found[first.backup_id]) == "has lost a copy"
    with pytest.raises(Refused, match="no more: it is dropped"):
        backup.find(connection, second.backup_id)
    with pytest.raises(UsageError, match="there is no backup nothing"):
        backup.find(connection, "nothing")


def standing(connection: Connection) -> dict[str, int]:
    rows = connection.execute(
        "select table_name, count(*) from carryover.published_rows"
        " where rolled_back_at is null and superseded_by is null group by 1"
    ).fetchall()
    return dict(rows)


def test_the_ledger_follows_a_restore_both_ways(
    connection: Connection, database: Keywords
) -> None:
    """A restore to before a publish takes it back; one to after it brings it back."""
    world.rehearse(connection)
    connection.commit()
    to = live_tables.target(database)
    empty = backup.take(to, connection)
    run_id = publish.publish(connection).run_id
    published = standing(connection)
    changes = (
        "select count(*) from carryover.schema_changes where rolled_back_at is null"
    )
    added = connection.execute(changes).fetchone()
    full = backup.take(to, connection)

    done = backup.restore(connection, empty.backup_id)
    assert done.is_done
    assert done.unexplained == 0
    assert standing(connection) == {}
    assert connection.execute(changes).fetchone() == (0,)
    assert _status(connection, run_id) == "rolled_back"
    with pytest.raises(Refused, match="no run has published rows"):
        rollback.rollback(connection)

    assert backup.restore(connection, full.backup_id).is_done
    assert standing(connection) == published
    assert connection.execute(changes).fetchone() == added
    assert _status(connection, run_id) == "published"
    taken_back = rollback.rollback(connection)
    assert taken_back.left == 0
    assert connection.execute("select count(*) from chats").fetchone() == (0,)
    assert backup.preview_restore(connection, empty.backup_id).is_needed is False


def _status(connection: Connection, run_id: str) -> str:
    row = connection.execute(
        "select status from carryover.runs where run_id = %s", [run_id]
    ).fetchone()
    assert row is not None
    return str(row[0])


def test_a_later_publish_that_updated_rows_is_taken_back_in_the_ledger(
    connection: Connection, database: Keywords
) -> None:
    """The first run's rows count again when the restore undoes the second's updates."""
    world.rehearse(connection)
    connection.commit()
    to = live_tables.target(database)
    backup.take(to, connection)
    first = publish.publish(connection).run_id
    between = backup.take(to, connection)
    chat = world.identifier("c", 1)
    ids = {"row": chat, "first": first, "second": "second"}
    hashing.fix_session(connection)
    connection.execute(
        "update chats set updated_at = '2030-01-01' where id = %(row)s", ids
    )
    columns = ["id", "booking_id", "created_at", "updated_at"]
    live = hashing.content_hash("chats", columns)
    connection.execute(
        sql.SQL(
            "insert into carryover.runs select 'second', pipeline, now(), null,"
            " 'published', operator, code_version, target, vars from carryover.runs;"
            "insert into carryover.steps (run_id, step, started_at, finished_at,"
            " seconds, rows, status) values ('second', 'publish', now(), now(), 0, 1,"
            " 'done');"
            "update carryover.published_rows set superseded_by = 'second'"
            " where row_id = {row};"
            "insert into carryover.published_rows (run_id, table_name, row_id,"
            " content_hash, action) select 'second', 'chats', id, {live}, 'update'"
            " from chats where id = {row}"
        ).format(row=sql.Literal(chat), live=live)
    )
    connection.commit()
    updated = backup.take(to, connection)
    query = (
        "select run_id, rolled_back_at is null, superseded_by"
        " from carryover.published_rows where row_id = %(row)s"
        " order by run_id <> %(first)s"
    )
    then = [(first, True, "second"), ("second", True, None)]
    assert connection.execute(query, ids).fetchall() == then
    assert backup.restore(connection, between.backup_id).unexplained == 0
    assert connection.execute(query, ids).fetchall() == [
        (first, True, None),
        ("second", False, None),
    ]
    assert _status(connection, "second") == "rolled_back"
    assert backup.restore(connection, updated.backup_id).is_done
    assert connection.execute(query, ids).fetchall() == then
    assert _status(connection, "second") == "published"


def test_a_run_that_a_restore_took_back_does_not_stand_at_the_next_backup(
    connection: Connection, database: Keywords
) -> None:
    """Else the rows that a second restore takes away would pass for deleted ones."""
    world.rehearse(connection)
    to = live_tables.target(database)
    backup.take(to, connection)
    publish.publish(connection)
    backup.restore(connection)
    assert standing(connection) == {}
    backup.take(to, connection)
    publish.publish(connection)
    backup.restore(connection)
    assert standing(connection) == {}
    backup.take(to, connection)
    assert publish.publish(connection).inserted == 18
