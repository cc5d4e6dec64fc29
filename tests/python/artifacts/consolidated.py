"""A run of the consolidation at each of its stages, made by SQL.

Nothing but the ledger's own schema comes from the project, so that the tables have only
what the artifacts may rely on.
"""

from __future__ import annotations

from typing import Any

from psycopg.types.json import Jsonb

from harness import ledger
from harness.database import Connection
from harness.pipelines import CONSOLIDATION, working_on
from tests.python.artifacts import stages

RUN = "20260203T040506Z-00cc"
#: What no file may hold.
WORDS = "meet me at eight"
SESSION = "aaaaaaaa-0000-4000-8000-00000000000{}"
MESSAGE = "cccccccc-0000-4000-8000-00000000000{}"

MARTS = f"""
    create schema consolidated;
    create table consolidated.loaded_run (run_id text);
    create table consolidated.legacy_reconciliation (
        origin text, rows_read bigint, rows_kept bigint, rows_merged bigint,
        rows_skipped bigint
    );
    create table consolidated.chat_sessions (id uuid, type text, status text);
    create table consolidated.extended_sessions (id uuid);
    create table consolidated.chat_messages (
        id uuid, type text, content text, origin text
    );
    create table consolidated.skipped_legacy_rows (
        origin text, source_id text, sender_id uuid, reason_id text, reason text
    );
    create table consolidated.merged_legacy_rows (
        origin text, source_id text, kept_message_id uuid
    );
    create table consolidated.legacy_coercions (
        origin text, source_id text, column_name text, rule text, old_value text,
        new_value text
    );
    insert into consolidated.loaded_run values ('{RUN}');
    insert into consolidated.legacy_reconciliation values
        ('messages', 4, 3, 0, 1), ('voice_notes', 4, 1, 1, 2);
    insert into consolidated.chat_sessions values
        ('{SESSION.format(1)}', 'booking', 'active'),
        ('{SESSION.format(2)}', 'booking', 'active'),
        ('{SESSION.format(3)}', 'unlinked', 'ended');
    insert into consolidated.extended_sessions values ('{SESSION.format(4)}');
    insert into consolidated.chat_messages values
        ('{MESSAGE.format(1)}', 'text', '{WORDS}', 'messages'),
        ('{MESSAGE.format(2)}', 'text', '{WORDS}', 'messages'),
        ('{MESSAGE.format(3)}', 'audio', '{WORDS}', 'messages'),
        ('{MESSAGE.format(4)}', 'audio', 'Voice message', 'voice_notes');
    insert into consolidated.skipped_legacy_rows values
        ('messages', 'm4', null, 'no_profile', 'Sender has no profile'),
        ('voice_notes', 'v3', '{stages.USER}', 'no_chat', 'Not of a <chat>'),
        ('voice_notes', 'v4', '{stages.USER}', 'no_chat', 'Not of a <chat>');
    insert into consolidated.merged_legacy_rows values
        ('voice_notes', 'v2', '{MESSAGE.format(3)}');
    insert into consolidated.legacy_coercions values
        ('messages', 'm1', 'type', 'voice_to_audio', 'voice', 'audio');
"""
CHANGES = (
    ("constraint", "fk_chat_messages_session_id", "alter table x add foreign key (y)"),
    ("constraint", "chat_messages_type_check", "alter table x add check (true)"),
    ("policy", "chat_messages_select", "create policy"),
    ("policy", "chat_messages_insert", "create policy"),
)


def land(connection: Connection) -> None:
    """Land four messages and four voice notes as a run."""
    ledger.ensure(connection)
    with working_on(CONSOLIDATION):
        ledger.begin_run(connection, RUN, target="host/db")
    connection.execute(
        "update carryover.runs set started_at = %s where run_id = %s",
        [stages.START, RUN],
    )
    tables = {"messages": {"rows": 4}, "voice_notes": {"rows": 4}}
    stages.step(connection, RUN, "consolidate.land", rows=8, detail={"tables": tables})


def build(connection: Connection) -> None:
    """Build the marts: of each kind of fate at least one row."""
    connection.execute(MARTS)
    stages.step(connection, RUN, "build")
    ledger.set_status(connection, RUN, "built")


def back_up(connection: Connection) -> None:
    connection.execute(
        "insert into carryover.backups (backup_id, taken_at, operator, code_version,"
        " target, server_version, live_schema, seconds, status) values"
        " ('b1', %s, 'me', '1', 'db', '18', 'public', 2.5, 'verified')",
        [stages.START],
    )
    connection.execute(
        "insert into carryover.backup_tables"
        " values ('b1', 'messages', 'm', 4, 2000, '')"
    )


def publish(connection: Connection) -> None:
    """Publish all but the last message, which fails."""
    back_up(connection)
    connection.execute(
        "insert into carryover.published_rows"
        " select %(run)s, 'chat_sessions', id, '' from consolidated.chat_sessions"
        " union all select %(run)s, 'extended_sessions', id, ''"
        " from consolidated.extended_sessions"
        " union all select %(run)s, 'chat_messages', id, ''"
        " from consolidated.chat_messages where origin = 'messages'",
        {"run": RUN},
    )
    connection.execute(
        "insert into carryover.failed_rows"
        " values (%s, 'chat_messages', %s, 'too long')",
        [RUN, MESSAGE.format(4)],
    )
    connection.cursor().executemany(
        "insert into carryover.schema_changes"
        " (run_id, kind, table_name, name, ddl, undo_ddl)"
        " values (%s, %s, 't', %s, %s, '')",
        [(RUN, kind, name, ddl) for kind, name, ddl in CHANGES],
    )
    detail = {
        "backup": "b1",
        "changes": [name for _, name, _ in CHANGES],
        "tables": {
            "chat_sessions": {"insert": 3},
            "extended_sessions": {"update": 1},
            "chat_messages": {"insert": 3, "failed": 1},
        },
    }
    stages.step(connection, RUN, "publish", rows=7, detail=detail)
    ledger.set_status(connection, RUN, "published")


def validate(connection: Connection, *, is_valid: bool = True) -> None:
    found = {"missing": 0 if is_valid else 2, "different": 0, "altered": 0}
    result: dict[str, Any] = {
        "validated_at": stages.START.isoformat(),
        "is_valid": is_valid,
        "validation_errors": [] if is_valid else ["2 rows of chat_messages missing"],
        "expected_rows": {"chat_sessions": 3, "chat_messages": 4},
        "findings": {"chat_sessions": found, "chat_messages": found},
    }
    connection.execute(
        "insert into carryover.validations (run_id, validated_at, is_valid, result)"
        " values (%s, %s, %s, %s)",
        [RUN, stages.START, is_valid, Jsonb(result)],
    )
    status = "done" if is_valid else "failed"
    stages.step(connection, RUN, "validate", rows=8, status=status)
    ledger.set_status(connection, RUN, "validated" if is_valid else "invalid")


def check_security(connection: Connection) -> None:
    checks = [
        {"check": "chats", "promise": "none", "status": "pass", "attempts": 9},
        {
            "check": "audit log",
            "promise": "writes are recorded",
            "status": "fail",
            "attempts": 3,
            "findings": [
                {
                    "role": "anon",
                    "what": "reads it",
                    "object": "chat_audit_logs",
                    "is_warning": False,
                }
            ],
        },
    ]
    stages.step(
        connection, RUN, "security.check", status="failed", detail={"checks": checks}
    )


def cut_over(connection: Connection) -> None:
    connection.execute(
        "insert into carryover.cutovers (run_id, executed_at, operator, live_schema,"
        " archive_schema, detail) values (%s, %s, 'me', 'public', 'legacy_archive',"
        ' \'{"rows": {"messages": 4}}\')',
        [RUN, stages.START],
    )
    stages.step(connection, RUN, "cutover")
