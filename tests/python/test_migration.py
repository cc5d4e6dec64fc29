"""The end of a migration: what does not stand its proof is taken back."""

from __future__ import annotations

import io

import pytest

from harness import delivery, publish, stages
from harness.console import Console
from harness.database import Connection, Target
from harness.errors import CheckFailed, Refused
from harness.stages import Session
from tests.python import world


@pytest.fixture
def session(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A session on a built world; checkpoints and preflight are tested elsewhere."""
    world.rehearse(connection)
    monkeypatch.setattr(stages, "audit", lambda *_: None)
    monkeypatch.setattr(stages, "preflight", lambda *_, **__: None)
    to = Target({"dbname": connection.info.dbname}, is_embedded=False)
    return Session(Console(io.StringIO(), io.StringIO()), to, connection)


def rows(connection: Connection) -> int:
    row = connection.execute("select count(*) from chat_messages").fetchone()
    connection.rollback()
    assert row is not None
    return int(row[0])


def status(connection: Connection) -> str:
    row = connection.execute("select status from carryover.runs").fetchone()
    connection.rollback()
    assert row is not None
    return str(row[0])


def break_inserts(connection: Connection) -> None:
    """Let the application alter what is inserted, as no rule of ours foresees."""
    connection.execute(
        "create function shorten() returns trigger language plpgsql as"
        " $$ begin new.content = left(new.content, 3); return new; end $$;"
        "create trigger shortens before insert on chat_messages"
        " for each row execute function shorten()"
    )
    connection.commit()


def test_a_good_publish_stands(session: Session) -> None:
    delivery.publish_and_prove(session, in_use=False)
    assert rows(session.connection) == 12
    assert status(session.connection) == "validated"
    backups = session.connection.execute("select count(*) from carryover.backups")
    assert backups.fetchone() == (1,)


def test_a_publish_that_is_not_valid_is_rolled_back_by_itself(session: Session) -> None:
    break_inserts(session.connection)
    with pytest.raises(CheckFailed, match=r"12 different rows.*was rolled back"):
        delivery.publish_and_prove(session, in_use=False)
    assert rows(session.connection) == 0
    assert status(session.connection) == "rolled_back"


def test_a_failed_checkpoint_rolls_back_as_well(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise CheckFailed("the live checkpoint failed.")

    monkeypatch.setattr(stages, "audit", fails)
    with pytest.raises(
        CheckFailed, match=r"checkpoint failed\. The run .* rolled back"
    ):
        delivery.publish_and_prove(session, in_use=False)
    assert rows(session.connection) == 0


def test_a_run_that_wrote_nothing_rolls_nothing_back(session: Session) -> None:
    delivery.publish_and_prove(session, in_use=False)
    session.connection.execute(
        "alter table media drop constraint media_owner_id_fkey;"
        "update media set owner_id = gen_random_uuid()"
    )
    session.connection.commit()
    with pytest.raises(CheckFailed, match=r"orphaned rows of media .* changed nothing"):
        delivery.publish_and_prove(session, in_use=False)
    assert rows(session.connection) == 12


def test_publish_refuses_without_a_backup(session: Session) -> None:
    with pytest.raises(Refused, match=r"no verified backup .* \./inv backup --execute"):
        publish.publish(session.connection)
    assert rows(session.connection) == 0


def test_a_backup_of_before_the_last_publish_does_not_count(session: Session) -> None:
    connection = session.connection
    world.publish(connection)
    connection.execute(
        "delete from carryover.published_rows where table_name = 'media'"
    )
    connection.execute("delete from media")
    connection.commit()
    with pytest.raises(Refused, match="was taken before"):
        publish.publish(connection)
