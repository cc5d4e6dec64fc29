"""Who may read and write the copies, where the database is Supabase's."""

from __future__ import annotations

import pytest
from invoke.exceptions import Exit

from harness.database import Connection
from tests.python.storage import world
from tests.python.storage.running import Places, fill, plan, run


@pytest.fixture
def copied(
    folders: Places, connection: Connection, capsys: pytest.CaptureFixture[str]
) -> Places:
    files = world.make(connection, 40)
    connection.execute(world.STAND_INS)
    connection.execute(
        "insert into storage.buckets values ('chat-attachments', 'chat-attachments')"
    )
    connection.commit()
    stores = fill(folders, files)
    owners = [(name, "owner of " + name) for name, _ in files.of(world.ATTACHMENTS)]
    connection.cursor().executemany(
        "insert into storage.objects (bucket_id, name, owner_id, metadata)"
        " values ('chat-attachments', %s, %s, '{\"mimetype\": \"image/png\"}')",
        owners,
    )
    connection.commit()
    assert stores
    plan(folders, capsys)
    run("copy", capsys, execute=True)
    return folders


def policies(connection: Connection) -> list[tuple[object, ...]]:
    found = connection.execute(
        "select policyname, cmd, roles::text, permissive from pg_policies"
        " where schemaname = 'storage' order by 1"
    ).fetchall()
    connection.rollback()
    return found


def structure(connection: Connection) -> list[tuple[object, ...]]:
    """Whatever a policy or a function of ours would add."""
    found = connection.execute(
        "select 'function', oid::regprocedure::text from pg_proc where pronamespace"
        " not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)"
        " union all select 'schema', nspname from pg_namespace"
        " where nspname not like 'pg\\_%' union all"
        " select 'policy', policyname from pg_policies order by 1, 2"
    ).fetchall()
    connection.rollback()
    return found


def test_the_bucket_is_private_and_limited(
    copied: Places, connection: Connection
) -> None:
    row = connection.execute(
        "select public, file_size_limit > 0, 'image/*' = any(allowed_mime_types)"
        " from storage.buckets where id = 'chat-files'"
    ).fetchone()
    assert row == (False, True, True)
    assert policies(connection) == [
        (f"chat-files {action.lower()}", action, "{authenticated}", "PERMISSIVE")
        for action in ("DELETE", "INSERT", "SELECT", "UPDATE")
    ]


def test_participants_strangers_and_admins(
    copied: Places, connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run("verify", capsys)["access"]
    assert found["faults"] == []
    assert set(found["tried"]) == {
        "participant reads",
        "participant uploads",
        "participant keeps out",
        "stranger is kept out",
        "admin reads",
    }
    assert min(found["tried"].values()) >= 20
    row = connection.execute(
        "select count(*) from storage.objects where bucket_id = 'chat-files'"
    ).fetchone()
    assert row == (0,)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (
            "create policy everybody on storage.objects for select using (true)",
            "stranger",
        ),
        ('drop policy "chat-files select" on storage.objects', "cannot read"),
        (
            "create policy anywhere on storage.objects for insert with check (true)",
            "can write into",
        ),
    ],
)
def test_a_hole_in_the_policies_is_found(
    copied: Places,
    connection: Connection,
    capsys: pytest.CaptureFixture[str],
    damage: str,
    words: str,
) -> None:
    connection.execute(damage)
    connection.commit()
    with pytest.raises(Exit, match=words) as ended:
        run("verify", capsys)
    assert ended.value.code == 3


def test_the_owner_is_told_again_and_all_of_it_undone(
    copied: Places, connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    # What Supabase does when a file is copied: it belongs to whoever copied.
    connection.execute(
        "insert into storage.objects (bucket_id, name, owner_id) select 'chat-files',"
        " target_name, 'service' from carryover.storage_files"
    )
    connection.commit()
    run("verify", capsys)
    assert run("switch", capsys, execute=True)["owners_set"] > 20
    wrong = connection.execute(
        "select count(*) from storage.objects as objects inner join"
        " carryover.storage_files as file on objects.name = file.target_name"
        " where file.source like '%attachments'"
        " and objects.owner_id <> 'owner of ' || file.source_name"
    ).fetchone()
    assert wrong == (0,)
    connection.rollback()
    undone = run("rollback", capsys, execute=True)["undone"]
    assert "policy chat-files select" in undone
    assert policies(connection) == []
    assert not [row for row in structure(connection) if "chat_" in str(row[1])]


def test_what_the_bucket_refuses_is_not_planned(
    folders: Places,
    connection: Connection,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = world.make(connection, 40)
    fill(folders, files)
    monkeypatch.setenv("CARRYOVER_STORAGE_MAX_BYTES", "3000")
    monkeypatch.setenv("CARRYOVER_STORAGE_TYPES", "image/*")
    planned = plan(folders, capsys)
    large = planned["unmatched"]["size refused"]
    others = planned["unmatched"]["type refused"]
    assert large > 5
    assert others >= 2
    assert planned["mapped"]["files"] == files.mapped - large - others
