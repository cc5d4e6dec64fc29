"""No refusal says more than is true of what it leaves, held to a dump of all there is.

Each case provokes one sentence. Where it says that nothing was changed, loaded, written
or the like, pg_dump of every schema, ours included, and the folder of artifacts are
what they were; where it speaks of the live tables, those are. Numbers that a sequence
gave away are no change: PostgreSQL never takes them back.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import tasks
from harness import (
    backup,
    consolidation,
    embedded,
    ledger,
    locks,
    pipelines,
    publish,
    settings,
    target,
)
from harness.cli import Program
from harness.console import Console
from harness.database import Connection, Target, connect
from harness.stages import Session
from tests.python import world

#: What is claimed of all that there is.
NOTHING = re.compile(
    r"[Nn]othing (was|is) (changed|loaded|written|built|made|removed|run|checked"
    r"|started|looked at|left)|no archive and no backup was left"
    r"|database (is unchanged|was only read)",
    re.IGNORECASE,
)
#: What is claimed of the live tables alone.
LIVE = re.compile(
    r"live tables? (were|was) not (touched|changed)|left the live tables as they are"
    r"|They were only read",
    re.IGNORECASE,
)

#: What is claimed of the tables that a publish fills.
PUBLISHED = re.compile("nothing was published", re.IGNORECASE)
FILLED = ("chats", "chat_messages", "media", "chat_sessions")

Prepare = Callable[[Connection], object]


@dataclass(frozen=True)
class Case:
    """A way to be refused: what is done before, the task, and words of its sentence."""

    argv: str
    said: str
    prepare: Prepare = lambda _: None
    variables: Mapping[str, str] = field(default_factory=dict)


def only(*statements: str) -> Prepare:
    """Nothing of ours, but what the statements make."""

    def prepare(connection: Connection) -> None:
        for each in statements:
            connection.execute(each)
        connection.commit()

    return prepare


def built(*statements: str) -> Prepare:
    """A run as far as its marts, then the statements."""
    return lambda connection: (
        world.rehearse(connection),
        only(AS_DBT_HAS_IT, *statements)(connection),
    )


def backed_up(*statements: str) -> Prepare:
    """The same with a backup before the statements."""
    return lambda connection: (
        world.rehearse(connection),
        world.back_up(connection),
        only(AS_DBT_HAS_IT, *statements)(connection),
    )


def published(*statements: str) -> Prepare:
    """The same with a published run before the statements."""
    return lambda connection: (
        world.rehearse(connection),
        world.publish(connection),
        only(AS_DBT_HAS_IT, *statements)(connection),
    )


#: The world's table of audits is without the columns that only artifacts read.
AS_DBT_HAS_IT = (
    "alter table marts.audit_results add resource_type text, add severity text,"
    " add failures bigint, add message text, add run_id text"
)
OBJECTING = (
    "create function object() returns trigger language plpgsql as"
    " $body$ begin raise exception 'no'; end $body$",
    "create trigger object before {} on {} for each row execute function object()",
)


def objecting(event: str, table: str) -> tuple[str, str]:
    """Let a trigger refuse an event of a table."""
    return OBJECTING[0], OBJECTING[1].format(event, table)


NEWER = "insert into carryover.schema_version values (99)"
NOT_OF_THE_LANDED_RUN = "update marts.loaded_run set run_id = 'x'"
FAILED_AUDIT = "insert into marts.audit_results values ('x', 'x', 'fail')"
NO_CONTENT = "alter table chat_messages drop column content"
NO_POLICIES = "alter table chat_messages disable row level security"
PROFILES = "create table profiles (id uuid primary key)"
BOOKINGS = (
    "create table bookings (id uuid primary key, user_id uuid, reader_id uuid,"
    " status text, created_at timestamptz)"
)
NOTES = (
    "create table voice_notes (id uuid, user_id uuid, file_url text,"
    " context_type text, context_id uuid, created_at timestamptz)"
)
MESSAGES = (
    "create table messages (id uuid, booking_id uuid, sender_id uuid, type text,"
    " content text, created_at timestamptz)"
)
LOAD = "load --dump {sample} --bookings {bookings}"

NOTHING_THERE = [
    *(
        Case(argv, "nothing is loaded")
        for argv in (
            *("build", "publish", "publish --execute", "validate", "audit.landing"),
            *("audit.live", "artifacts", "metrics", "consolidate.build"),
            *("consolidate.publish", "consolidate.publish --execute"),
            *("consolidate.validate", "consolidate.audit-landing"),
            "consolidate.audit-live",
        )
    ),
    Case("rollback", "there is no ledger"),
    Case("rollback --execute", "there is no ledger"),
    Case("rollback --run x --execute", "there is no ledger"),
    Case("restore", "there is no verified backup"),
    Case("restore --execute", "there is no verified backup"),
    Case("restore --backup x --execute", "there is no backup x"),
    Case("backups --drop x", "there is no backup x"),
    Case("backups --drop x --execute", "there is no backup x"),
    Case("backup --execute", "has no"),
    Case("metrics --run x", "has no run x"),
    Case("linkage", "Run ./inv build first"),
    Case("linkage --dump no-such.sql", "there is no file"),
    Case("cutover", "Run: ./inv consolidate --execute"),
    Case("cutover --execute", "Run: ./inv consolidate --execute"),
    Case("cutover --undo", "none to undo"),
    Case("cutover --undo --execute", "none to undo"),
    Case("security.check", "Run: ./inv consolidate --execute"),
    Case("storage.plan --pipeline none", "no pipeline none"),
    *(
        Case(f"storage.{task}", "no files of the consolidation are planned")
        for task in (
            *("copy", "copy --execute", "verify", "switch", "switch --execute"),
            *("rollback", "rollback --execute", "clean", "clean --execute"),
        )
    ),
    Case("preflight", "the preflight found"),
    Case("consolidate.preflight", "the preflight found"),
    Case("target.create --linkage none", "linkage"),
    Case("target.create --supabase", "no rehearsal's"),
    Case("consolidate", "there is no table public.messages"),
    Case("consolidate --execute", "there is no table public.messages"),
    Case("consolidate.land", "there is no table public.messages"),
]

INPUTS = [
    Case("load --dump no-such.sql", "there is no file"),
    Case("load --dump {empty} --bookings {bookings}", "is empty"),
    Case("load --dump {sample}", "public.bookings"),
    Case("load --dump {sample} --bookings {empty}", "Nothing was loaded"),
    Case("load --dump {sample} --bookings no-such.json", "Nothing was loaded"),
    Case("load --dump {sample} --users {empty}", "Nothing was loaded", only(BOOKINGS)),
    Case("load --dump {sample} --dump {sample}", "Name each dump once"),
    Case("load --dump {sample} --tables nothing", "Nothing was loaded"),
    Case("migrate --dump no-such.sql --execute", "has no profiles"),
    Case("migrate --dump no-such.sql --execute", "there is no file", built()),
    Case("migrate --dump {empty} --bookings {bookings}", "is empty", built()),
    Case("assess --dump no-such.sql", "there is no file"),
    Case("legacy-references no-such-folder", "no file or folder"),
    Case("demo --sample none", "there is no sample none"),
    Case("build --linkage none", "linkage"),
    Case(LOAD, "failed in the database", built(*objecting("insert", "carryover.runs"))),
]

TABLES = [
    Case(
        "consolidate",
        "lacks sender_id",
        only(PROFILES, BOOKINGS, NOTES, MESSAGES.replace("sender_id uuid, ", "")),
    ),
    Case(
        "consolidate.land",
        "messages.id is integer",
        only(PROFILES, BOOKINGS, NOTES, MESSAGES.replace("id uuid", "id int", 1)),
    ),
    Case("consolidate", "a view does not", only("create view messages as select 1 id")),
    Case(
        "consolidate --execute",
        "no table public.voice_notes",
        only(MESSAGES, PROFILES, BOOKINGS),
    ),
    Case("demo", "never touches those", only("create table chats (id uuid)")),
    Case("consolidate.demo", "never touches those", only(MESSAGES)),
    Case("target.create --supabase", "no rehearsal's", built()),
    Case("audit.landing", "reads chat", built("drop table staging.chat")),
    Case("audit.live", "lack", built("drop table media, chat_messages, chats")),
    Case("build", "", built("delete from staging.loaded_tables")),
    Case("cutover --execute", "", published()),
    Case("security.check", "", published()),
]

OTHERS = [
    *(
        Case(argv, "Use the newer", built(NEWER))
        for argv in (
            *(LOAD, "publish --execute", "backup --execute", "rollback --execute"),
            *("consolidate.land", "build", "validate", "audit.landing", "status"),
        )
    ),
    *(
        Case(
            argv,
            said,
            published("create schema other"),
            {"CARRYOVER_LIVE_SCHEMA": "other"},
        )
        for argv, said in (
            ("publish", "Set CARRYOVER_LIVE_SCHEMA=public"),
            ("publish --execute", "has no"),
            ("rollback", "Set CARRYOVER_LIVE_SCHEMA=public"),
            ("rollback --execute", "Set CARRYOVER_LIVE_SCHEMA=public"),
            ("validate", "Set CARRYOVER_LIVE_SCHEMA=public"),
        )
    ),
    Case(
        "storage.plan --source ftp://x/y --target ftp://x/z",
        "names no store",
        published(),
    ),
    Case("storage.plan", "no credentials", published()),
    Case("status", "connect", variables={"DATABASE_URL": "postgresql://x@[::1]:1/x"}),
    Case("status", "cannot be read", variables={"DATABASE_URL": "mysql://x"}),
]

PUBLISHING = [
    Case("publish --execute", "./inv backup --execute", built()),
    Case("publish --execute", "the landed run", backed_up(NOT_OF_THE_LANDED_RUN)),
    Case("publish", "the landed run", built(NOT_OF_THE_LANDED_RUN)),
    Case("publish --execute", "audits", backed_up(FAILED_AUDIT)),
    Case("publish", "audits", built(FAILED_AUDIT)),
    Case("publish", "no column", built("alter table media drop column media_type")),
    Case("publish --execute", "no media", backed_up("drop table media cascade")),
    Case("publish --execute", "chats", backed_up(*objecting("insert", "chats"))),
    Case(
        "publish --execute",
        "failed in the database",
        backed_up(*objecting("insert", "carryover.published_rows")),
    ),
    Case("preflight", "the preflight found", built()),
    Case("rollback --execute", "no run has published rows", built()),
    Case("rollback --run x --execute", "no run x", published()),
    Case("rollback --execute", "failed", published(*objecting("delete", "chats"))),
    Case("rollback", "cannot be told", published(NO_CONTENT)),
    Case("rollback --execute", "cannot be told", published(NO_CONTENT)),
    Case("validate", "found faults", published("delete from media")),
    Case(
        "validate",
        "",
        published("alter table chats rename booking_id to order_id"),
    ),
    Case(
        "validate",
        "failed in the database",
        published(*objecting("insert", "carryover.validations")),
    ),
    Case(
        "backup --execute", "failed", built(*objecting("insert", "carryover.backups"))
    ),
    Case("backup --execute --file {empty}", "is there already", built()),
    Case("backup --execute --file no/such/x", "there is no folder", built()),
    Case(
        "restore --execute",
        "the restore failed",
        published(*objecting("insert", "carryover.restores")),
    ),
    Case(
        "restore --execute",
        "newer than the backup",
        published(
            "insert into media (id, chat_message_id, media_type, owner_id, file_path)"
            " select gen_random_uuid(), chat_message_id, media_type, owner_id, 'x'"
            " from media"
        ),
    ),
]

CONSOLIDATED = [
    Case("consolidate.publish --execute", "backup --execute", only("select")),
    Case(
        "consolidate.publish --execute",
        "",
        only("update consolidated.audit_results set status = 'fail'"),
    ),
    Case("rollback --execute", "no run has published rows"),
    Case("consolidate.validate", ""),
    Case("cutover --execute", "Run: ./inv consolidate --execute"),
    Case("security.check", "not as secure as promised"),
    Case(
        "consolidate.land", "lacks", only("alter table messages drop sender_id cascade")
    ),
    Case(
        "consolidate.land",
        "cannot be landed",
        only(*objecting("insert", "carryover.runs")),
    ),
    Case("consolidate", "no table", only("drop table voice_notes cascade")),
]

RUN_CONSOLIDATED = [
    Case("cutover --undo --execute", "none to undo"),
    Case("rollback --run x --execute", "no run x"),
    Case("rollback --execute", "failed", only(*objecting("delete", "chat_messages"))),
    Case("consolidate.validate", "", only("update chat_messages set content = 'x'")),
    Case(
        "consolidate.publish --execute",
        "",
        only("update consolidated.audit_results set status = 'fail'"),
    ),
    Case("cutover --execute", "", only("create schema legacy_archive")),
    Case(
        "storage.plan --source file://{folder} --target file://{folder}/new",
        "WORKERS",
        variables={"CARRYOVER_STORAGE_WORKERS": "x"},
    ),
    Case("storage.plan --source file:///no-such --target file:///no-such", ""),
    Case(
        "security.check",
        "",
        only(NO_POLICIES),
    ),
]


@dataclass(frozen=True)
class Everything:
    """A database and the artifacts, as they are."""

    whole: str
    live: str
    filled: str
    artifacts: dict[str, bytes]


def everything(parameters: Mapping[str, str], artifacts: Path) -> Everything:
    return Everything(
        dump(parameters),
        dump(parameters, "--schema=public"),
        dump(parameters, *(f"--table=public.{name}" for name in FILLED)),
        {
            str(path.relative_to(artifacts)): path.read_bytes()
            for path in sorted(artifacts.rglob("*"))
            if path.is_file()
        },
    )


def dump(parameters: Mapping[str, str], *options: str) -> str:
    done = subprocess.run(
        [str(embedded.binary("pg_dump")), *options, make_conninfo(**parameters)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr or "no matching tables" in done.stderr, done.stderr
    passing = ("\\restrict", "\\unrestrict", "SELECT pg_catalog.setval(")
    lines = done.stdout.splitlines()
    return "\n".join(line for line in lines if not line.startswith(passing))


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "empty").touch()
    sample = settings.SAMPLES / "marketplace"
    return {
        "empty": str(tmp_path / "empty"),
        "folder": str(tmp_path),
        "sample": str(sample / "marketplace.sql"),
        "bookings": str(sample / "bookings-created.json"),
    }


def run(argv: list[str]) -> int:
    program = Program(namespace=tasks.namespace, binary="./inv")
    try:
        program.run(["inv", *argv])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def cases(*groups: list[Case]) -> pytest.MarkDecorator:
    listed = [case for group in groups for case in group]
    named = [pytest.param(c, id=f"{n} {c.argv}") for n, c in enumerate(listed)]
    return pytest.mark.parametrize("case", named)


@pytest.fixture
def held(
    environment: dict[str, str],
    files: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[[Case, Connection, Mapping[str, str]], None]:
    """Runs a case, and holds what it says to what it leaves."""
    monkeypatch.setattr(locks, "PAUSES", (0.01,))
    artifacts = tmp_path / "artifacts"

    def hold(case: Case, connection: Connection, database: Mapping[str, str]) -> None:
        case.prepare(connection)
        connection.commit()
        for name, value in case.variables.items():
            monkeypatch.setenv(name, value)
        before = everything(database, artifacts)
        code = run([word.format(**files) for word in case.argv.split()])
        err = capsys.readouterr().err
        after = everything(database, artifacts)
        assert code in (1, 2, 3, 4), err
        (said,) = [line for line in err.splitlines() if line.startswith("error: ")]
        assert "SQLSTATE" not in said, "a condition that has no sentence of its own"
        assert case.said in said
        if NOTHING.search(said):
            assert after.artifacts == before.artifacts, said
            assert after.whole.splitlines() == before.whole.splitlines(), said
        if PUBLISHED.search(said):
            assert after.filled.splitlines() == before.filled.splitlines(), said
        if LIVE.search(said):
            assert after.live.splitlines() == before.live.splitlines(), said

    return hold


Held = Callable[[Case, Connection, Mapping[str, str]], None]


@cases(NOTHING_THERE, INPUTS, TABLES, OTHERS, PUBLISHING)
def test_a_refusal_says_what_is_true(
    case: Case, connection: Connection, database: dict[str, str], held: Held
) -> None:
    held(case, connection, database)


@pytest.mark.slow
def test_a_whole_migration_speaks_of_the_published_alone(
    connection: Connection, database: dict[str, str], held: Held
) -> None:
    """Its earlier stages have landed and built, so not all is as it was."""
    target.create(connection)
    refusing = only(*objecting("insert", "chats"))
    held(
        Case(f"migrate --execute {LOAD[5:]}", "nothing was published", refusing),
        connection,
        database,
    )


@pytest.mark.parametrize("argv", ["publish --execute", "rollback --execute", LOAD])
def test_a_run_at_work_is_named(
    argv: str, connection: Connection, database: dict[str, str], held: Held
) -> None:
    published()(connection)
    with connect(Target(database, is_embedded=False)) as other:
        ledger.take_lock(other, for_session=True)
        other.commit()
        held(Case(argv, "another run is at work"), connection, database)


@pytest.mark.parametrize("argv", ["publish --execute", "rollback --execute"])
def test_a_table_that_stays_locked_is_named(
    argv: str, connection: Connection, database: dict[str, str], held: Held
) -> None:
    (backed_up if argv.startswith("publish") else published)()(connection)
    with psycopg.connect(make_conninfo(**database)) as other:
        other.execute("lock table chats in row exclusive mode")
        held(Case(argv, "the live tables are locked by"), connection, database)


@pytest.fixture
def of_consolidation(
    legacy_chat: Target, environment: object, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Connection]:
    """A database whose legacy chat system is landed and built; tasks work on it."""
    for name, value in legacy_chat.environment.items():
        monkeypatch.setenv(name, value)
    with connect(legacy_chat) as connection:
        yield connection


@cases(CONSOLIDATED)
def test_a_refusal_of_the_consolidation_says_what_is_true(
    case: Case, of_consolidation: Connection, legacy_chat: Target, held: Held
) -> None:
    held(case, of_consolidation, legacy_chat.parameters)


@cases(RUN_CONSOLIDATED)
def test_a_refusal_after_the_consolidation_says_what_is_true(
    case: Case, of_consolidation: Connection, legacy_chat: Target, held: Held
) -> None:
    with pipelines.working_on(pipelines.CONSOLIDATION):
        session = Session(Console(), legacy_chat, of_consolidation)
        consolidation.make_tables(session)
        backup.take(legacy_chat, of_consolidation)
        publish.publish(of_consolidation)
    held(case, of_consolidation, legacy_chat.parameters)


@pytest.mark.slow
def test_a_whole_consolidation_speaks_of_the_published_alone(
    of_consolidation: Connection, legacy_chat: Target, held: Held
) -> None:
    """The tables that it has made for its rows are gone again."""
    refusing = only(*objecting("insert", "carryover.published_rows"))
    held(
        Case("consolidate --execute", "nothing was published", refusing),
        of_consolidation,
        legacy_chat.parameters,
    )
