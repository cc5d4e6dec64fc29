"""The application in use: threads that write messages and remember what they wrote.

A writer retries nothing: the first statement that fails ends it, and the test. It keeps
how long each transaction took, and what every row that it touched must look like.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import make_conninfo

from harness.database import Connection
from tests.python.chaos.source import identifier
from tests.python.chaos.tasks import Operator, wait_for

#: The application's own person and chats, as ``databases`` makes them.
PERSON = "99999999-0000-4000-8000-000000000001"
OWN_CHATS = 20
Cursor = psycopg.Cursor[tuple[object, ...]]
Turn = Callable[[Cursor], None]


class Writer:
    """One user at a time, in transactions. What one does, ``turns`` says.

    ``messages`` are the contents, and whether they are read, that its rows must have by
    id, None for a row that it deleted; ``published`` the same for rows that a publish
    brought.
    """

    #: Seconds between two transactions: a busy chat, not a benchmark.
    pause = 0.003

    def __init__(self, operator: Operator, number: int, seed: str) -> None:
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._where = make_conninfo(
            **operator.parameters, application_name=f"user {number}"
        )
        self._number = number
        self._rng = random.Random(f"{seed} {number}")  # noqa: S311 - no secret
        self._end = threading.Event()
        self._made = 0
        self.messages: dict[str, tuple[str, bool] | None] = {}
        self.published: dict[str, str | None] = {}
        self.waits: list[float] = []
        self.error: Exception | None = None

    def turns(self) -> Sequence[Turn]:
        """What the user does, one thing in each transaction."""
        raise NotImplementedError

    def begin(self) -> None:
        """Write until told to end, or until a statement fails."""
        self._thread.start()

    def end(self) -> None:
        """Let the writer finish its transaction and wait for it."""
        self._end.set()
        self._thread.join()

    def log_in(self, cursor: Cursor) -> None:
        """Become a user of the application, at the beginning of a transaction."""

    def _write(self) -> None:
        turns = self.turns()
        try:
            with psycopg.connect(self._where) as connection:
                while not self._end.is_set():
                    started = time.monotonic()
                    with connection.transaction(), connection.cursor() as cursor:
                        self.log_in(cursor)
                        self._rng.choice(turns)(cursor)
                    self.waits.append(time.monotonic() - started)
                    time.sleep(self.pause)
        except (psycopg.Error, AssertionError) as error:
            self.error = error

    def next_key(self, kind: str = "f") -> str:
        """An id that nobody else makes."""
        self._made += 1
        return identifier(kind, self._number * 10_000_000 + self._made)

    def _one(self) -> str | None:
        keys = [key for key, value in self.messages.items() if value is not None]
        return self._rng.choice(keys) if keys else None

    def _must_be_one(self, cursor: Cursor) -> None:
        assert cursor.rowcount == 1, "a row of the writer's own is gone"


class UserOfChats(Writer):
    """Inserts, edits, reads and deletes in the migration's tables, as their owner.

    ``numbers`` are those of the source's messages that it may touch.
    """

    def __init__(
        self, operator: Operator, number: int, seed: str, numbers: Sequence[int]
    ) -> None:
        super().__init__(operator, number, seed)
        self._numbers = numbers

    def turns(self) -> Sequence[Turn]:
        """Mostly in chats of the application's own, but in published ones as well."""
        return (
            self._insert,
            self._insert,
            self._edit,
            self._read,
            self._delete,
            self._chat_first,
            self._chat_last,
            self._answer_published,
            self._edit_published,
            self._delete_published,
        )

    def _insert(self, cursor: Cursor, chat: str | None = None) -> None:
        key = self.next_key()
        text = f"mine {self._made}"
        cursor.execute(
            "insert into chat_messages (id, chat_id, sender_id, content)"
            " select %s, id, %s, %s from chats where id = %s",
            [key, PERSON, text, chat or self._chat()],
        )
        if cursor.rowcount:  # a published chat may not be there
            self.messages[key] = (text, False)

    def _edit(self, cursor: Cursor) -> None:
        if key := self._one():
            text = f"mine, edited {self._made}"
            cursor.execute(
                "update chat_messages set content = %s where id = %s", [text, key]
            )
            self._must_be_one(cursor)
            self.messages[key] = (text, self._is_read(key))

    def _read(self, cursor: Cursor) -> None:
        if key := self._one():
            cursor.execute(
                "update chat_messages set is_read = true where id = %s"
                " returning content",
                [key],
            )
            self._must_be_one(cursor)
            self.messages[key] = (str((cursor.fetchone() or ("",))[0]), True)

    def _delete(self, cursor: Cursor) -> None:
        if key := self._one():
            cursor.execute("delete from chat_messages where id = %s", [key])
            self._must_be_one(cursor)
            self.messages[key] = None

    def _chat_first(self, cursor: Cursor) -> None:
        chat = self._chat()
        cursor.execute("update chats set updated_at = now() where id = %s", [chat])
        self._insert(cursor, chat)

    def _chat_last(self, cursor: Cursor) -> None:
        chat = self._chat()
        self._insert(cursor, chat)
        cursor.execute("update chats set updated_at = now() where id = %s", [chat])

    def _answer_published(self, cursor: Cursor) -> None:
        self._insert(cursor, identifier("c", self._rng.choice(self._numbers)))

    def _edit_published(self, cursor: Cursor) -> None:
        key = identifier("e", self._rng.choice(self._numbers))
        text = f"edited by a user {self._made}"
        cursor.execute(
            "update chat_messages set content = %s where id = %s", [text, key]
        )
        if cursor.rowcount:
            self.published[key] = text

    def _delete_published(self, cursor: Cursor) -> None:
        key = identifier("e", self._rng.choice(self._numbers))
        cursor.execute(
            "delete from chat_messages where id = %s and not exists"
            " (select from media where chat_message_id = chat_messages.id)",
            [key],
        )
        if cursor.rowcount:
            self.published[key] = None

    def _chat(self) -> str:
        return identifier("7", self._rng.randrange(OWN_CHATS) + 1)

    def _is_read(self, key: str) -> bool:
        value = self.messages[key]
        return value is not None and value[1]


def users_of_chats(operator: Operator, seed: str, count: int = 3) -> list[Writer]:
    """Writers who each touch published rows of their own, so that memory holds."""
    return [
        UserOfChats(operator, n, seed, range(1 + 20 * n, 21 + 20 * n))
        for n in range(1, count + 1)
    ]


@contextmanager
def traffic(writers: Sequence[Writer]) -> Iterator[None]:
    """Let writers write while the block runs; fails when a statement of theirs did."""
    for writer in writers:
        writer.begin()
    try:
        yield
    finally:
        for writer in writers:
            writer.end()
    for writer in writers:
        if writer.error is not None:
            raise AssertionError("a user's statement failed") from writer.error


def busy(writers: Sequence[Writer], transactions: int = 20) -> None:
    """Wait until each writer has finished more transactions, or has failed."""
    goals = [len(writer.waits) + transactions for writer in writers]
    wait_for(
        lambda: all(
            writer.error or len(writer.waits) >= goal
            for writer, goal in zip(writers, goals, strict=True)
        ),
        "the writers write",
    )


def written(
    connection: Connection, writer: Writer, table: str = "chat_messages"
) -> dict[str, tuple[str, bool] | None]:
    """What the table has of a writer's messages, those that it deleted among them."""
    found = connection.execute(
        f"select id::text, content, is_read from {table} where id = any(%s)",
        [list(writer.messages)],
    ).fetchall()
    standing = {key: (content, is_read) for key, content, is_read in found}
    return {key: standing.get(key) for key in writer.messages}


def contents(connection: Connection, keys: list[str]) -> dict[str, str]:
    """The contents of live messages by id, of those that stand."""
    return dict(
        connection.execute(
            "select id::text, content from chat_messages where id = any(%s)", [keys]
        ).fetchall()
    )


def longest_wait(writers: Sequence[Writer]) -> float:
    """How long the slowest transaction took, in seconds; printed with their number."""
    waits = sorted(wait for writer in writers for wait in writer.waits)
    print(f"{len(waits)} transactions, the longest of {waits[-1]:.1f} s")
    return waits[-1]
