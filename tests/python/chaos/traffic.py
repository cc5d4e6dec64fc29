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

from tests.python.chaos.source import identifier
from tests.python.chaos.tasks import Operator

#: The application's own person and chats, as ``conftest`` makes them.
PERSON = "99999999-0000-4000-8000-000000000001"
OWN_CHATS = 20
#: Seconds between two transactions of a writer: a busy chat, not a benchmark.
_PAUSE = 0.003

Cursor = psycopg.Cursor[tuple[object, ...]]


class Writer:
    """One user at a time: inserts, edits, reads and deletes, in transactions.

    ``messages`` are the contents, and whether they are read, that its rows must have by
    id, None for a row that it deleted; ``published`` the same for rows that a publish
    brought. ``numbers`` are those of the source's messages that it may touch.
    """

    def __init__(
        self, operator: Operator, number: int, seed: str, numbers: Sequence[int]
    ) -> None:
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._where = make_conninfo(
            **operator.parameters, application_name=f"user {number}"
        )
        self._number = number
        self._rng = random.Random(seed)  # noqa: S311 - no secret
        self._numbers = numbers
        self._end = threading.Event()
        self._made = 0
        self.messages: dict[str, tuple[str, bool] | None] = {}
        self.published: dict[str, str | None] = {}
        self.waits: list[float] = []
        self.error: Exception | None = None

    def begin(self) -> None:
        """Write until told to end, or until a statement fails."""
        self._thread.start()

    def end(self) -> None:
        """Let the writer finish its transaction and wait for it."""
        self._end.set()
        self._thread.join()

    def _write(self) -> None:
        turns: Sequence[Callable[[Cursor], None]] = (
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
        try:
            with psycopg.connect(self._where) as connection:
                while not self._end.is_set():
                    started = time.monotonic()
                    with connection.transaction(), connection.cursor() as cursor:
                        self._rng.choice(turns)(cursor)
                    self.waits.append(time.monotonic() - started)
                    time.sleep(_PAUSE)
        except (psycopg.Error, AssertionError) as error:
            self.error = error

    def _insert(self, cursor: Cursor, chat: str | None = None) -> None:
        self._made += 1
        key = identifier("f", self._number * 10_000_000 + self._made)
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

    def _one(self) -> str | None:
        keys = [key for key, value in self.messages.items() if value is not None]
        return self._rng.choice(keys) if keys else None

    def _is_read(self, key: str) -> bool:
        value = self.messages[key]
        return value is not None and value[1]

    def _must_be_one(self, cursor: Cursor) -> None:
        assert cursor.rowcount == 1, "a row of the writer's own is gone"


@contextmanager
def traffic(operator: Operator, seed: str, writers: int = 3) -> Iterator[list[Writer]]:
    """Let writers write while the block runs; fails when a statement of theirs did."""
    # Each touches published rows of its own, so that its memory of them holds.
    found = [
        Writer(operator, n, f"{seed} {n}", range(1 + 20 * n, 21 + 20 * n))
        for n in range(1, writers + 1)
    ]
    for writer in found:
        writer.begin()
    try:
        yield found
    finally:
        for writer in found:
            writer.end()
    for writer in found:
        if writer.error is not None:
            raise AssertionError("a user's statement failed") from writer.error
