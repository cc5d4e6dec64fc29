"""The preflight: every line provoked for real, its remedy followed, nothing written.

A remedy's SQL is run as it stands; afterwards the line must pass.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from harness import constraints, ledger, preflight, settings, target
from harness.console import Console
from harness.database import Connection, Target, connect
from harness.errors import CheckFailed, Refused
from harness.preflight import Check, Preflight, activity, readiness, room, server
from harness.server import Server
from harness.variables import thresholds
from tests.python import conftest, world
from tests.python.pooler import pooled

Parameters = dict[str, str]

#: Every line of the list, in its order.
NAMES = (
    "connection",
    "server_version",
    "writable",
    "pooler",
    "connections",
    "standbys",
    "rights",
    "ownership",
    "row_security",
    "live_tables",
    "columns",
    "keys",
    "existing_rows",
    "triggers",
    "publications",
    "another_run",
    "locks",
    "long_transactions",
    "idle_transactions",
    "prepared_transactions",
    "disk_room",
    "temp_files",
    "landed",
    "audits",
    "rows_to_write",
    "ids_taken",
    "bookings_taken",
    "parents_missing",
    "values_refused",
    "error_rate",
    "backup",
)


def look(connection: Connection, parameters: Parameters, **options: Any) -> Preflight:
    to = Target(parameters, is_embedded=False)
    return preflight.run(connection, to, **{"needs_backup": False, **options})


def line(found: Preflight, name: str) -> Check:
    return next(check for check in found.checks if check.name == name)


def follow(parameters: Parameters, check: Check) -> None:
    """Run the SQL of a remedy, as a superuser would paste it."""
    statements = [
        text for text in check.remedy.splitlines()[1:] if not text.startswith("./inv")
    ]
    with psycopg.connect(make_conninfo(**parameters), autocommit=True) as admin:
        for statement in statements:
            if not statement.startswith(("select id, ", "export ", "df ")):
                admin.execute(statement.encode())


@contextmanager
def session_of(parameters: Parameters, *statements: str) -> Iterator[Connection]:
    """Another session, in a transaction in which it ran these statements."""
    other = psycopg.connect(make_conninfo(**parameters))
    try:
        for statement in statements:
            other.execute(statement.encode())
        yield other
    finally:
        other.close()


@contextmanager
def role_of(parameters: Parameters, options: str = "") -> Iterator[Parameters]:
    """Another role with a login; libpq's keywords to connect as it."""
    role = f"{parameters['dbname']}_role"
    with psycopg.connect(make_conninfo(**parameters), autocommit=True) as admin:
        admin.execute(f"create role {role} login {options}".encode())
        yield {**parameters, "user": role}
        admin.execute(
            f"reassign owned by {role} to postgres; drop owned by {role};"
            f"drop role {role}".encode()
        )


def plain_connection(parameters: Parameters) -> Connection:
    """A connection as the harness opens its own."""
    return connect(Target(parameters, is_embedded=False))


@pytest.fixture
def world_of(connection: Connection, database: Parameters) -> Parameters:
    """The database with a rehearsal that could be published."""
    world.rehearse(connection)
    return database


# The whole list


def test_a_rehearsal_passes_every_check(
    connection: Connection, world_of: Parameters
) -> None:
    found = look(connection, world_of)
    assert [check.name for check in found.checks] == list(NAMES)
    assert [c for c in found.checks if c.status != "pass"] == []
    assert found.passed
    preflight.require(found)


def test_before_anything_is_landed_it_says_so(
    connection: Connection, database: Parameters
) -> None:
    target.create(connection)
    connection.commit()
    found = look(connection, database, needs_backup=True)
    assert found.passed
    assert [check.name for check in found.checks] == list(NAMES)
    assert {check.name for check in found.warnings} == {
        "landed",
        "audits",
        "rows_to_write",
        "ids_taken",
        "bookings_taken",
        "parents_missing",
        "values_refused",
        "error_rate",
        "backup",
    }
    assert line(found, "rows_to_write").said.endswith("nothing is landed yet")
    assert "./inv load" in line(found, "landed").remedy


def test_an_empty_database_fails_for_its_tables_alone(
    connection: Connection, database: Parameters
) -> None:
    found = look(connection, database)
    assert [check.name for check in found.failures] == ["live_tables"]
    assert "no profiles, bookings, chats" in line(found, "live_tables").said
    assert "./inv target.create" in line(found, "live_tables").remedy


@pytest.mark.parametrize("is_landed", [False, True])
def test_nothing_is_left_behind(
    connection: Connection, database: Parameters, is_landed: bool
) -> None:
    if is_landed:
        world.rehearse(connection)
    before = everything(connection)
    look(connection, database, needs_backup=True)
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    assert everything(connection) == before


def everything(connection: Connection) -> list[tuple[Any, ...]]:
    rows = connection.execute(
        "select relnamespace::regnamespace::text, relname, relkind, relfilenode,"
        " relacl::text from pg_class union all"
        " select nspname, null, null, null, nspacl::text from pg_namespace"
        " order by 1, 2"
    ).fetchall()
    connection.rollback()
    return rows


def test_a_list_becomes_an_error_a_table_and_json() -> None:
    checks = (
        Check("locks", "pass", "none"),
        Check("rights", "fail", "x lacks: create", "As x:\ngrant create to x;"),
        Check("triggers", "warn", "word " * 40, "Read them"),
        *(Check(f"other_{n}", "fail", "bad") for n in range(3)),
    )
    found = Preflight("here", checks)
    with pytest.raises(CheckFailed) as raised:
        preflight.require(found)
    assert str(raised.value).startswith(
        "the preflight found 4 failures. rights: x lacks: create. As x: grant create "
        "to x; other_0: bad."
    )
    assert "And 1 more." in str(raised.value)
    assert "\n" not in str(raised.value)
    as_dict = json.loads(json.dumps(found.as_dict()))
    assert (as_dict["passed"], as_dict["failures"], as_dict["warnings"]) == (
        False,
        4,
        1,
    )
    assert as_dict["checks"][1]["remedy"] == "As x:\ngrant create to x;"
    out = StringIO()
    preflight.print_preflight(Console(out, StringIO()), found)
    lines = out.getvalue().splitlines()
    assert lines[0].split() == ["status", "check", "found"]
    assert lines[-1] == "6 checks: 1 pass, 1 warn, 4 fail"
    assert "          grant create to x;" in lines
    assert max(map(len, lines)) <= 110
    preflight.require(Preflight("here", checks[:1]))


def test_the_task_ends_with_3_when_a_check_fails(
    environment: Parameters, connection: Connection
) -> None:
    ended = run("preflight", "--json")
    assert ended.returncode == 3
    found = json.loads(ended.stdout)
    assert found["passed"] is False
    assert [check["name"] for check in found["checks"]] == list(NAMES)
    said = "error: the preflight found 1 failure. live_tables: the schema public has no"
    assert ended.stderr.startswith(said)
    target.create(connection)
    connection.commit()
    ended = run("preflight")
    assert ended.returncode == 0
    assert " warn, 0 fail" in ended.stdout


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness", *arguments],
        cwd=settings.PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


# The live tables: damage, the line that must tell of it, and its remedy


class Damage(NamedTuple):
    ddl: str
    name: str
    status: str
    said: str


DAMAGES = (
    Damage(
        "alter table chats drop column created_at;"
        "alter table chat_messages drop column is_read",
        "columns",
        "fail",
        "chats.created_at is missing; chat_messages.is_read is missing",
    ),
    Damage(
        "alter table chat_messages alter column created_at type timestamptz(3),"
        " alter column sender_id type text",
        "columns",
        "fail",
        "chat_messages.sender_id is text, not uuid; chat_messages.created_at is "
        "timestamp(3) with time zone, not timestamptz",
    ),
    Damage(
        "alter table chats drop column updated_at, add column updated_at timestamptz"
        " generated always as (created_at) stored",
        "columns",
        "fail",
        "chats.updated_at is generated",
    ),
    Damage(
        "alter table bookings drop constraint bookings_pkey",
        "keys",
        "fail",
        "bookings.id has no key to refer to",
    ),
    Damage(
        "alter table chats add constraint chats_booking_id_fkey"
        " foreign key (booking_id) references bookings (id) not valid",
        "keys",
        "warn",
        "chats_booking_id_fkey of chats is not validated",
    ),
    Damage(
        "create function noted() returns trigger language plpgsql as"
        " 'begin return new; end';"
        "create trigger note before insert on chats for each row execute function"
        " noted()",
        "triggers",
        "warn",
        "chats.note (noted)",
    ),
    Damage(
        "create publication supabase_realtime for table chats, chat_messages",
        "publications",
        "warn",
        "supabase_realtime sends chats, supabase_realtime sends chat_messages",
    ),
    Damage(
        "alter table media drop constraint media_pkey;"
        "create publication changes for table media",
        "publications",
        "fail",
        "media cannot be updated",
    ),
)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda d: f"{d.name}: {d.said[:30]}")
def test_a_live_table_that_does_not_fit_is_told(
    connection: Connection, world_of: Parameters, damage: Damage
) -> None:
    connection.execute(damage.ddl.encode())
    connection.commit()
    found = look(connection, world_of)
    check = line(found, damage.name)
    assert (check.status, damage.said in check.said) == (damage.status, True), check
    assert [check.name for check in found.checks] == list(NAMES)
    follow(world_of, mendable(check))
    after = line(look(connection, world_of), damage.name)
    expected = "warn" if damage.said.startswith("media cannot") else "pass"
    assert after.status == expected, after


def mendable(check: Check) -> Check:
    """A remedy whose SQL needs a word more for the damages above."""
    cast = check.remedy.replace("type uuid;", "type uuid using sender_id::uuid;")
    return replace(check, remedy=cast)


def test_a_column_that_nobody_has_a_value_for_is_told(
    connection: Connection, world_of: Parameters
) -> None:
    connection.execute("alter table media add column bucket text not null")
    connection.execute("alter table profiles alter column id type text")
    connection.commit()
    check = line(look(connection, world_of), "columns")
    assert check.status == "fail"
    assert "media.bucket needs a value nobody has" in check.said
    assert "profiles.id is text, not uuid" in check.said
    assert "set default VALUE" in check.remedy


def test_a_name_that_is_taken_is_told(
    connection: Connection, world_of: Parameters
) -> None:
    connection.execute(
        "create table chats_booking_id_key (id int);"
        "alter table media add constraint media_owner_id_fkey check (true)"
    )
    connection.commit()
    check = line(look(connection, world_of), "keys")
    assert check.status == "fail"
    assert check.said == (
        "chats_booking_id_key is the name of something else; "
        "media_owner_id_fkey is the name of something else"
    )


def test_an_index_whose_making_failed_is_told(
    connection: Connection, world_of: Parameters
) -> None:
    connection.execute(
        "insert into chats (id, booking_id) select gen_random_uuid(), id"
        " from bookings, generate_series(1, 2) where id = %s",
        [world.identifier("d", 1)],
    )
    connection.commit()
    with (
        psycopg.connect(make_conninfo(**world_of), autocommit=True) as other,
        pytest.raises(psycopg.errors.UniqueViolation),
    ):
        other.execute("create unique index concurrently u on chats (booking_id)")
    found = look(connection, world_of)
    assert "the index u of chats is not valid" in line(found, "keys").said
    assert line(found, "keys").status == "warn"


def test_all_keys_that_stand_are_told(
    connection: Connection, world_of: Parameters
) -> None:
    add_keys(connection)
    check = line(look(connection, world_of), "keys")
    assert (check.status, check.said) == (
        "pass",
        "all that the specification names stand",
    )


def add_keys(connection: Connection) -> None:
    for change in constraints.missing_changes(connection):
        connection.execute(change.ddl.encode())
        if change.check_ddl:
            connection.execute(change.check_ddl.encode())
    connection.commit()


def test_rows_that_break_the_keys_to_come_are_told(
    connection: Connection, world_of: Parameters
) -> None:
    connection.execute(
        "insert into chats (id, booking_id) select gen_random_uuid(), id from bookings,"
        " generate_series(1, 2) where id = %s",
        [world.identifier("d", 1)],
    )
    connection.execute(
        "insert into chat_messages (id, chat_id, sender_id, content)"
        " select gen_random_uuid(), gen_random_uuid(), id, '' from profiles;"
        "insert into media (id, media_type, file_path, owner_id)"
        " values (gen_random_uuid(), 'x', '', gen_random_uuid())"
    )
    connection.commit()
    check = line(look(connection, world_of), "existing_rows")
    assert check.status == "fail"
    assert "1 booking_id stand more than once in chats" in check.said
    assert "the chat_id of 2 rows of chat_messages is not in chats" in check.said
    assert "the owner_id of 1 rows of media is not in profiles" in check.said
    listings = check.remedy.splitlines()[1:]
    counts = [len(connection.execute(each.encode()).fetchall()) for each in listings]
    assert counts == [1, 2, 1]


def test_a_view_in_the_place_of_a_table_is_told(
    connection: Connection, world_of: Parameters
) -> None:
    connection.execute(
        "alter table media rename to media_rows; create view media as table media_rows"
    )
    connection.commit()
    found = look(connection, world_of)
    check = line(found, "live_tables")
    assert (check.status, "media is a view" in check.said) == ("fail", True)
    assert line(found, "columns").said.startswith("not looked at")


def test_a_partitioned_table_is_told(
    connection: Connection, world_of: Parameters
) -> None:
    connection.execute(
        "drop table media; create table media (id uuid, chat_message_id uuid,"
        " media_type text, owner_id uuid, file_path text, created_at timestamptz)"
        " partition by range (created_at)"
    )
    connection.commit()
    check = line(look(connection, world_of), "live_tables")
    assert (check.status, "partitioned: media" in check.said) == ("warn", True)


def test_rows_published_into_another_schema_are_told(
    connection: Connection, world_of: Parameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    def elsewhere(_: Connection) -> None:
        raise Refused("the rows stand in old. Nothing was changed. Set that.")

    monkeypatch.setattr(ledger, "require_live_schema", elsewhere)
    check = line(look(connection, world_of), "live_tables")
    assert check == Check("live_tables", "fail", "the rows stand in old", "Set that.")


# Rights


def test_a_role_without_rights_is_told_each(
    connection: Connection, world_of: Parameters
) -> None:
    connection.execute(
        "alter table chats add column number serial; alter table chats alter number"
        " drop not null; revoke all on schema public from public"
    )
    connection.commit()
    with role_of(world_of) as parameters:
        with plain_connection(parameters) as plain:
            found = look(plain, parameters)
            rights = line(found, "rights")
            assert rights.status == "fail"
            for grant in (
                "grant create on database",
                "grant usage on schema public",
                "grant create on schema public",
                "grant create on schema staging",
                "grant delete on public.media",
                "grant select on public.profiles",
                "grant references on public.bookings",
                "grant usage on sequence",
                "grant postgres to",
            ):
                assert grant in rights.remedy
            assert "could not be looked at: permission denied" in (
                line(found, "landed").said
            )
            assert line(found, "ownership").status == "fail"
            follow(world_of, rights)
        with plain_connection(parameters) as plain:
            assert look(plain, parameters).failures == ()


def test_a_role_that_owns_nothing_is_told(
    connection: Connection, world_of: Parameters
) -> None:
    with role_of(world_of) as parameters:
        connection.execute(
            sql.SQL("grant all on all tables in schema public to {}").format(
                sql.Identifier(parameters["user"])
            )
        )
        connection.commit()
        with plain_connection(parameters) as plain:
            ownership = line(look(plain, parameters), "ownership")
            assert ownership.status == "fail"
            assert "publishing adds chats_booking_id_key" in ownership.said
            add_keys(connection)
            ownership = line(look(plain, parameters), "ownership")
            assert ownership.status == "warn"
            follow(world_of, ownership)
        with plain_connection(parameters) as plain:
            assert line(look(plain, parameters), "ownership").status == "pass"


@pytest.mark.parametrize("force", ["", "force"])
def test_rows_that_a_policy_hides_are_told(
    connection: Connection, world_of: Parameters, force: str
) -> None:
    with role_of(world_of) as parameters:
        user = sql.Identifier(parameters["user"])
        connection.execute("alter table chats enable row level security")
        if force:
            connection.execute(
                sql.SQL(
                    "alter table chats force row level security;"
                    "alter table chats owner to {}"
                ).format(user)
            )
        connection.execute(
            sql.SQL("grant all on all tables in schema public to {}").format(user)
        )
        connection.commit()
        with plain_connection(parameters) as plain:
            found = look(plain, parameters)
            hidden = line(found, "row_security")
            assert (hidden.status, "on chats;" in hidden.said) == ("fail", True)
            assert ("no force row level security" in hidden.remedy) == bool(force)
            follow(world_of, hidden)
            assert line(look(plain, parameters), "row_security").status == "pass"


# The server, and the way to it


def test_a_connection_that_is_gone_ends_the_list(
    connection: Connection, database: Parameters
) -> None:
    pid = connection.info.backend_pid
    with psycopg.connect(make_conninfo(**database), autocommit=True) as admin:
        admin.execute("select pg_terminate_backend(%s, 5000)", [pid])
    (only,) = look(connection, database).checks
    assert (only.name, only.status) == ("connection", "fail")
    assert "the connection is gone" in only.said
    (only,) = look(connection, database).checks
    assert only.status == "fail"


def test_a_slow_connection_is_told(
    connection: Connection, database: Parameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SLOW_SECONDS", 0.0)
    check = line(look(connection, database), "connection")
    assert (check.status, "a round trip takes" in check.said) == ("warn", True)


def test_a_server_that_is_not_tested_is_told(
    connection: Connection, database: Parameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "NEWEST_TESTED", 14)
    assert line(look(connection, database), "server_version").status == "warn"
    monkeypatch.setattr("harness.database.MINIMUM_SERVER_VERSION", 190_000)
    check = line(look(connection, database), "server_version")
    assert (check.status, check.said.endswith("older than 19")) == ("fail", True)


@pytest.mark.parametrize(
    "place", ["database {0}", "role {1}", "role {1} in database {0}"]
)
def test_a_role_that_only_reads_is_told(database: Parameters, place: str) -> None:
    with role_of(database) as parameters:
        where = place.format(parameters["dbname"], parameters["user"])
        with psycopg.connect(make_conninfo(**database), autocommit=True) as admin:
            admin.execute(
                f"alter {where} set default_transaction_read_only = on".encode()
            )
        with plain_connection(parameters) as connection:
            check = line(look(connection, parameters), "writable")
        assert (check.status, "read only by default" in check.said) == ("fail", True)
        reset, export = check.remedy.splitlines()[1:]
        assert export == "export PGOPTIONS='-c default_transaction_read_only=off'"
        with psycopg.connect(
            make_conninfo(**database), options=export[18:-1], autocommit=True
        ) as admin:
            admin.execute(reset.encode())
        with plain_connection(parameters) as connection:
            assert line(look(connection, parameters), "writable").status == "pass"


def test_a_session_pooler_is_told(world_of: Parameters, connection: Connection) -> None:
    connection.close()
    with pooled(world_of, "session") as at, plain_connection(at) as through:
        check = line(look(through, at), "pooler")
    assert (check.status, "seems to keep the session" in check.said) == ("warn", True)


def test_a_server_elsewhere_is_told(
    world_of: Parameters, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "LOOPBACK", ())
    with (
        pooled(world_of, "session") as parameters,
        plain_connection(parameters) as through,
    ):
        found = look(through, parameters)
    check = line(found, "connection")
    assert (check.status, "not encrypted" in check.said) == ("warn", True)
    assert "PGSSLMODE=require" in check.remedy
    check = line(found, "disk_room")
    assert (check.status, "cannot be seen from here" in check.said) == ("warn", True)
    assert "df -h /" in check.remedy


@pytest.mark.parametrize(("limit", "status"), [(1, "fail"), (3, "warn"), (50, "pass")])
def test_too_few_connections_are_told(
    database: Parameters, limit: int, status: str
) -> None:
    with (
        role_of(database, f"connection limit {limit}") as parameters,
        plain_connection(parameters) as connection,
    ):
        check = line(look(connection, parameters), "connections")
        assert check.status == status
        if status != "pass":
            assert f"of {limit} free (role " in check.said
            follow(database, check)
            mended = line(look(connection, parameters), "connections")
            assert mended.status == "pass"


def test_a_limit_of_temporary_files_is_told(
    connection: Connection, world_of: Parameters
) -> None:
    connection.execute("set temp_file_limit to '1kB'")
    connection.commit()
    check = line(look(connection, world_of), "temp_files")
    assert (check.status, "set temp_file_limit = -1;" in check.remedy) == ("warn", True)
    connection.execute("set temp_file_limit to '1GB'")
    connection.commit()
    assert line(look(connection, world_of), "temp_files").status == "pass"


@pytest.mark.parametrize(
    ("share", "status"), [(0.5, "fail"), (1.5, "warn"), (3, "pass")]
)
def test_a_full_disk_is_told(
    connection: Connection,
    world_of: Parameters,
    monkeypatch: pytest.MonkeyPatch,
    share: float,
    status: str,
) -> None:
    usage = shutil.disk_usage("/")
    needed = 160 * 1024  # two times two tables and a bit, in pages of 8 kB
    monkeypatch.setattr(
        "shutil.disk_usage", lambda _: usage._replace(free=int(share * needed))
    )
    monkeypatch.setattr(room, "_need", lambda _: room.Need(needed, 1, "needed: some"))
    check = line(look(connection, world_of), "disk_room")
    assert check.status == status
    assert ("df -h" in check.remedy) == (status != "pass")


# Others at work


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("update bookings set status = 'x'", "holds RowExclusive on bookings"),
        ("lock chat_messages in share mode", "holds Share on chat_messages"),
        ("select count(*) from chats", "holds AccessShare on chats"),
    ],
)
def test_a_lock_in_the_way_is_told(
    connection: Connection, world_of: Parameters, statement: str, said: str
) -> None:
    with session_of(world_of, "set application_name = 'shop'", statement) as other:
        found = look(connection, world_of)
        check = line(found, "locks")
        pid = other.info.backend_pid
        assert check.status == "warn"
        assert f"process {pid} (postgres, shop) since " in check.said
        assert said in check.said
        assert line(found, "idle_transactions").status == "warn"
        follow(world_of, check)
        found = look(connection, world_of)
    assert line(found, "locks").status == "pass"
    assert line(found, "idle_transactions").status == "pass"


def test_readers_are_in_the_way_only_of_a_key_to_come(
    connection: Connection, world_of: Parameters
) -> None:
    add_keys(connection)
    with session_of(world_of, "select count(*) from chats"):
        found = look(connection, world_of)
    assert line(found, "locks").status == "pass"
    assert "with locks on chats" in line(found, "idle_transactions").said


def test_a_table_that_is_locked_for_all_does_not_hang_the_preflight(
    connection: Connection, world_of: Parameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.preflight.runner.LOCK_TIMEOUT", "50ms")
    with session_of(world_of, "lock chats"):
        found = look(connection, world_of)
    assert "holds AccessExclusive on chats" in line(found, "locks").said
    assert "another session's lock" in line(found, "existing_rows").said
    assert line(found, "existing_rows").status == "fail"


def test_a_long_transaction_is_told(
    connection: Connection, world_of: Parameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "LONG_SECONDS", 0.0)
    with session_of(world_of, "select 1") as other:
        check = line(look(connection, world_of), "long_transactions")
        assert check.status == "warn"
        assert f"process {other.info.backend_pid} " in check.said
        follow(world_of, check)
        assert line(look(connection, world_of), "long_transactions").status == "pass"


def test_sessions_that_the_role_may_not_look_into_are_told(
    world_of: Parameters, connection: Connection
) -> None:
    with role_of(world_of) as parameters, plain_connection(parameters) as plain:
        check = line(look(plain, parameters), "long_transactions")
        assert check.status == "warn"
        assert "cannot be looked into" in check.said
        follow(world_of, check)
        assert line(look(plain, parameters), "long_transactions").status == "pass"


def test_another_run_is_told(connection: Connection, world_of: Parameters) -> None:
    with session_of(world_of) as other:
        ledger.take_lock(other)
        check = line(look(connection, world_of), "another_run")
        assert check.status == "fail"
        assert f"process {other.info.backend_pid} (postgres) since " in check.said
        follow(world_of, check)
        assert line(look(connection, world_of), "another_run").status == "pass"


# A server that may be turned into a standby


@pytest.fixture(scope="module")
def other_server() -> Iterator[Server]:
    home = Path(tempfile.mkdtemp(prefix="carryover-preflight-"))
    home.chmod(0o755)
    made = conftest._server(home / "postgres")
    options = {**conftest.UNSAFE_AND_FAST, "max_prepared_transactions": "2"}
    made = replace(made, settings=options)
    try:
        made.start()
        yield made
    finally:
        made.reset()
        shutil.rmtree(home)


@pytest.mark.database
@pytest.mark.parametrize(
    ("table", "status"), [("chats", "fail"), ("staging.chat", "warn")]
)
def test_a_transaction_that_was_prepared_is_told(
    other_server: Server, table: str, status: str
) -> None:
    parameters = other_server.parameters
    with plain_connection(parameters) as connection:
        connection.execute("drop schema if exists public cascade; create schema public")
        connection.execute("drop schema if exists carryover cascade")
        world.rehearse(connection)
        connection.execute(
            f"lock {table} in share mode; prepare transaction 'it''s late'".encode()
        )
        check = line(look(connection, parameters), "prepared_transactions")
        assert (check.status, "it's late of postgres since" in check.said) == (
            status,
            True,
        )
        assert ("with locks on chats" in check.said) == (status == "fail")
        follow(parameters, check)
        found = look(connection, parameters)
        assert line(found, "prepared_transactions").status == "pass"


@pytest.mark.database
def test_a_standby_that_is_waited_for_is_told(other_server: Server) -> None:
    parameters = other_server.parameters
    with connect(Target(parameters, is_embedded=False), autocommit=True) as connection:
        connection.execute(
            "select pg_create_physical_replication_slot('forgotten', true)"
        )
        check = line(look(connection, parameters), "standbys")
        assert (check.status, check.said.endswith("forgotten")) == ("warn", True)
        follow(parameters, check)
        assert line(look(connection, parameters), "standbys").status == "pass"
        connection.execute("set synchronous_commit to on")
        connection.execute("alter system set synchronous_standby_names = 'away'")
        connection.execute("select pg_reload_conf()")
        for _ in range(100):
            check = line(look(connection, parameters), "standbys")
            if check.status == "fail":
                break
        assert (check.status, "(away)" in check.said) == ("fail", True)
        follow(parameters, check)
        connection.execute("alter system reset synchronous_standby_names")


@pytest.mark.database
def test_a_standby_is_told(other_server: Server) -> None:
    other_server.stop()
    signal = other_server.data / "standby.signal"
    signal.touch()
    try:
        parameters = other_server.start()
        with plain_connection(parameters) as connection:
            found = look(connection, parameters)
    finally:
        other_server.stop()
        signal.unlink()
        other_server.start()
    check = line(found, "writable")
    assert (check.status, "a standby" in check.said) == ("fail", True)
    assert "PGTARGETSESSIONATTRS=read-write" in check.remedy


# What is to be published


def test_a_landing_without_the_models_tables_is_told(
    connection: Connection, world_of: Parameters
) -> None:
    connection.execute("delete from staging.loaded_columns where table_name = 'chat'")
    connection.commit()
    check = line(look(connection, world_of), "landed")
    assert (check.status, "lacks the table chat" in check.said) == ("fail", True)
    assert "./inv load" in check.remedy


@pytest.mark.parametrize(
    ("statement", "said", "command"),
    [
        ("drop schema marts cascade", "the marts are not built", "./inv build"),
        (
            "insert into marts.audit_results values ('x', 'unique_id', 'fail')",
            "1 of the audits have not passed: unique_id (fail)",
            "./inv build",
        ),
        (
            "insert into carryover.steps (run_id, step, started_at, finished_at,"
            " seconds, status) select run_id, 'audit.landing', now(), now(), 0,"
            " 'failed' from carryover.runs",
            "the landing checkpoint has failed",
            "./inv audit.landing",
        ),
    ],
)
def test_audits_that_have_not_passed_are_told(
    connection: Connection,
    world_of: Parameters,
    statement: str,
    said: str,
    command: str,
) -> None:
    connection.execute(statement.encode())
    connection.commit()
    found = look(connection, world_of)
    check = line(found, "audits")
    assert (check.status, said in check.said) == ("fail", True)
    assert check.remedy.endswith(command)
    if "marts" in statement.split("(")[0] and "drop" in statement:
        assert line(found, "ids_taken").said == f"not looked at: {readiness.NOT_BUILT}"


OBSTACLES = (
    (
        "insert into chats (id, booking_id) values ('{c1}', '{d1}')",
        "ids_taken",
        "1 rows of chats: its id is taken",
    ),
    (
        "insert into chats (id, booking_id) values (gen_random_uuid(), '{d1}')",
        "bookings_taken",
        "1 rows of chats: its booking_id already belongs",
    ),
    (
        "delete from bookings where id = '{d1}'",
        "parents_missing",
        "1 rows of chats: its booking_id is not in the live table bookings",
    ),
    (
        "alter table chat_messages alter column content type varchar(9)",
        "values_refused",
        "content is longer than the 9 characters",
    ),
)


@pytest.mark.parametrize(("is_over", "status"), [(False, "warn"), (True, "fail")])
@pytest.mark.parametrize(("statement", "name", "said"), OBSTACLES)
def test_rows_that_cannot_go_are_told(
    connection: Connection,
    world_of: Parameters,
    monkeypatch: pytest.MonkeyPatch,
    statement: str,
    name: str,
    said: str,
    is_over: bool,
    status: str,
) -> None:
    rate = 0.0 if is_over else 1.0
    limits = replace(thresholds(), max_error_rate=rate)
    monkeypatch.setattr("harness.preflight.readiness.thresholds", lambda: limits)
    ids = {"c1": world.identifier("c", 1), "d1": world.identifier("d", 1)}
    connection.execute(statement.format(**ids).encode())
    connection.commit()
    found = look(connection, world_of)
    check = line(found, name)
    assert (check.status, said in check.said) == (status, True), check
    assert line(found, "error_rate").status == ("fail" if is_over else "pass")
    assert not is_over or "raise max_error_rate" in line(found, "error_rate").remedy
    for listing in check.remedy.splitlines()[1:]:
        if listing.startswith("select"):
            connection.execute(listing.encode())


def test_a_backup_is_asked_for_only_when_something_will_be_written(
    connection: Connection, world_of: Parameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Module:
        @staticmethod
        def require_verified(_: Connection) -> Any:
            raise Refused("no verified backup stands. Nothing was changed. Run: it")

    monkeypatch.setattr("importlib.import_module", lambda _: Module)
    check = line(look(connection, world_of, needs_backup=True), "backup")
    assert (check.status, check.said) == ("fail", "no verified backup stands")
    assert check.remedy.endswith("\n./inv backup --execute")
    monkeypatch.setattr(Module, "require_verified", lambda _: Check("b1", "pass", ""))
    monkeypatch.setattr(Check, "backup_id", "b1", raising=False)
    check = line(look(connection, world_of, needs_backup=True), "backup")
    assert (check.status, check.said) == ("pass", "b1 is verified and newest")
    connection.execute("truncate marts.chats, marts.chat_messages, marts.media")
    connection.commit()
    check = line(look(connection, world_of, needs_backup=True), "backup")
    assert (check.status, "nothing to write" in check.said) == ("pass", True)
