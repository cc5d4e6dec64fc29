"""No error prints more of a row than the database's primary message says."""

from __future__ import annotations

import pytest
from psycopg import sql

import tasks
from harness import build
from harness.cli import Program
from harness.database import Connection
from tests.python import world

#: Says the rows' text in all that a message has besides its primary part.
TELLING = """
    create function public.tell() returns trigger language plpgsql as $body$
    begin
        raise exception 'the application objects'
            using detail = to_jsonb(coalesce(new, old))::text,
                hint = to_jsonb(coalesce(new, old))::text,
                errcode = {state};
    end $body$;
    create trigger tell before {event} on {table}
    for each row execute function public.tell()
"""


def task(*argv: str) -> int:
    program = Program(namespace=tasks.namespace, binary="./inv")
    with pytest.raises(SystemExit) as ended:
        program.run(["inv", *argv])
    return int(ended.value.code or 0)


def let_tell(
    connection: Connection, event: str, table: str, state: str = "P0001"
) -> None:
    connection.execute(
        sql.SQL(TELLING).format(
            state=sql.Literal(state),
            event=sql.SQL(event),
            table=sql.Identifier(*table.split(".")),
        )
    )
    connection.commit()


@pytest.mark.parametrize("state", ["P0001", "23505"])
@pytest.mark.parametrize(
    ("event", "table", "argv"),
    [
        ("insert", "public.chat_messages", ("publish", "--execute")),
        ("insert", "carryover.backups", ("backup", "--execute")),
        ("delete", "public.chat_messages", ("rollback", "--execute")),
        ("insert", "carryover.validations", ("validate",)),
        ("insert", "carryover.runs", ("load", "--dump", "{dump}", "--tables", "t")),
    ],
)
def test_a_trigger_that_quotes_the_row(
    event: str,
    table: str,
    argv: tuple[str, ...],
    state: str,
    connection: Connection,
    environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    world.rehearse(connection)
    if argv[0] in ("rollback", "validate"):
        world.publish(connection)
    if argv[0] == "backup":
        world.back_up(connection)
    let_tell(connection, event, table, state)
    if argv[0] == "publish":
        world.back_up(connection)
    dump = tmp_path_factory.mktemp("dump") / "t.sql"
    dump.write_text(
        "-- MySQL dump 10.13\nCREATE TABLE `t` (`id` int);\n"
        "-- Dump completed on 2024-01-01  0:00:00\n"
    )
    code = task(*(word.format(dump=dump) for word in argv))
    printed = capsys.readouterr()
    assert code in (1, 3, 4), printed.err
    assert "the application objects" in printed.err
    assert "Traceback" not in printed.err
    for text in ("message 10", world.identifier("e", 101), "{", "{}"):
        assert text not in printed.out + printed.err


@pytest.mark.parametrize(
    "message",
    [
        "Database Error in model chats (models/chats.sql)\n"
        '  null value in column "id" violates not-null constraint\n'
        "  DETAIL:  Failing row contains (null, a secret\nof two lines).\n"
        "  compiled code at target/run/chats.sql",
        "Database Error\n  bad\n  CONTEXT:  SQL statement, a secret",
        "Database Error\n  bad\n  DETAIL:  Key (id)=(a secret) exists.\n"
        "  CONTEXT:  a secret",
    ],
)
def test_what_dbt_says_of_rows_is_left_out(message: str) -> None:
    said = build._said(message)
    assert said.startswith("Database Error")
    assert "secret" not in said
    assert ("compiled code at" in said) == ("compiled code at" in message)
