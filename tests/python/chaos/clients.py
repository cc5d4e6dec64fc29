"""The users of a consolidation: new clients in the chat, old ones at the legacy tables.

Each is one person, a client of bookings, who remembers what was written; as Supabase's
API, under row level security, or as the tables' owner.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from tests.python.chaos.legacy_system import BOOKINGS, CLIENTS, MESSAGES, SESSIONS
from tests.python.chaos.source import identifier
from tests.python.chaos.tasks import Operator
from tests.python.chaos.traffic import Cursor, Turn, Writer


class Client(Writer):
    """Somebody who is client of a booking with a session, and of others without."""

    pause = 0.01

    def __init__(
        self, operator: Operator, number: int, seed: str, *, is_owner: bool
    ) -> None:
        super().__init__(operator, number, seed)
        assert number <= SESSIONS
        self._is_owner = is_owner
        self._me = identifier("a", number % CLIENTS + 1)
        self._session = identifier("d", number)
        self._others = range(number + CLIENTS, BOOKINGS + 1, CLIENTS)

    def log_in(self, cursor: Cursor) -> None:
        """Be what the API makes of a request."""
        if not self._is_owner:
            claims = json.dumps({"sub": self._me, "role": "authenticated"})
            cursor.execute(
                "select set_config('role', 'authenticated', true),"
                " set_config('request.jwt.claims', %s, true)",
                [claims],
            )

    def _booking(self) -> str:
        return identifier("d", self._rng.choice(self._others))

    def _must_see(self, cursor: Cursor, table: str) -> None:
        """All that is mine is there, at any moment."""
        keys = [key for key, value in self.messages.items() if value is not None]
        cursor.execute(f"select count(*) from {table} where id = any(%s)", [keys])
        found = cursor.fetchone()
        assert found == (len(keys),), f"{found} of {len(keys)} rows of {table} seen"


class NewClient(Client):
    """Writes into ``chat_messages`` and ``chat_sessions``, as new front ends do."""

    def __init__(
        self, operator: Operator, number: int, seed: str, *, is_owner: bool
    ) -> None:
        super().__init__(operator, number, seed, is_owner=is_owner)
        self.sessions: set[str] = set()

    def turns(self) -> Sequence[Turn]:
        """Mostly in sessions that stood before, but in published ones as well."""
        return (
            self._insert,
            self._insert,
            self._edit,
            self._look,
            self._begin_session,
            self._touch,
            self._answer_published,
            self._edit_published,
            self._reply_to_published,
        )

    def _insert(self, cursor: Cursor, session: str | None = None) -> None:
        key, text = self.next_key(), f"mine {self._made}"
        cursor.execute(
            "insert into chat_messages (id, session_id, sender_id, content)"
            " select %s, id, %s, %s from chat_sessions where id = %s",
            [key, self._me, text, session or self._session],
        )
        if session is None:
            self._must_be_one(cursor)
        if cursor.rowcount:  # a published session may not be there
            self.messages[key] = (text, False)

    def _edit(self, cursor: Cursor) -> None:
        if key := self._one():
            text = f"mine, edited {self._made}"
            cursor.execute(
                "update chat_messages set content = %s where id = %s", [text, key]
            )
            self._must_be_one(cursor)
            self.messages[key] = (text, False)

    def _look(self, cursor: Cursor) -> None:
        self._must_see(cursor, "chat_messages")

    def _begin_session(self, cursor: Cursor) -> None:
        key = self.next_key()
        cursor.execute(
            "insert into chat_sessions (id, participants, last_message_at)"
            " values (%s, array[%s, %s]::uuid[], now())",
            [key, self._me, identifier("b", 1)],
        )
        self._insert(cursor, key)
        self.sessions.add(key)

    def _touch(self, cursor: Cursor) -> None:
        """As front ends do: the message first, then its session."""
        self._insert(cursor)
        cursor.execute(
            "update chat_sessions set last_message_at = now() where id = %s",
            [self._session],
        )
        self._must_be_one(cursor)

    def _answer_published(self, cursor: Cursor) -> None:
        self._insert(cursor, self._booking())

    def _edit_published(self, cursor: Cursor) -> None:
        key, text = self._mine_at_the_source(), f"edited by a user {self._made}"
        cursor.execute(
            "update chat_messages set content = %s where id = %s and sender_id = %s",
            [text, key, self._me],
        )
        if cursor.rowcount:
            self.published[key] = text

    def _reply_to_published(self, cursor: Cursor) -> None:
        source, key = self._mine_at_the_source(), self.next_key()
        cursor.execute(
            "insert into chat_messages as made"
            " (id, session_id, sender_id, content, reply_to_message_id)"
            " select %s, session_id, %s, 'a reply', id from chat_messages"
            " where id = %s returning (select content from chat_messages as source"
            " where source.id = made.reply_to_message_id)",
            [key, self._me, source],
        )
        if found := cursor.fetchone():
            self.messages[key] = ("a reply", False)
            self.published[source] = str(found[0])

    def _mine_at_the_source(self) -> str:
        """A legacy message that this person, the client of its booking, has sent."""
        first = self._rng.choice(self._others) - 1
        return identifier("e", self._rng.choice(range(first, MESSAGES, 2 * BOOKINGS)))


class OldClient(Client):
    """Writes into ``messages`` and ``voice_notes``, whatever they are now."""

    def __init__(
        self, operator: Operator, number: int, seed: str, *, is_owner: bool
    ) -> None:
        super().__init__(operator, number, seed, is_owner=is_owner)
        self.notes: set[str] = set()
        #: Whether messages are edited; what was written before is told apart so.
        self.edits = True

    def turns(self) -> Sequence[Turn]:
        """Inserts and edits of one's own, and a look at it."""
        return (self._insert, self._insert, self._edit, self._look, self._speak)

    def _insert(self, cursor: Cursor) -> None:
        key, text = self.next_key("1"), f"from an old client {self._made}"
        cursor.execute(
            "insert into messages (id, booking_id, sender_id, content)"
            " values (%s, %s, %s, %s)",
            [key, self._booking(), self._me, text],
        )
        self._must_be_one(cursor)
        self.messages[key] = (text, False)

    def _edit(self, cursor: Cursor) -> None:
        if self.edits and (key := self._one()):
            text = f"edited by an old client {self._made}"
            cursor.execute(
                "update messages set content = %s where id = %s", [text, key]
            )
            self._must_be_one(cursor)
            self.messages[key] = (text, False)

    def _look(self, cursor: Cursor) -> None:
        self._must_see(cursor, "messages")

    def _speak(self, cursor: Cursor) -> None:
        key = self.next_key("2")
        cursor.execute(
            "insert into voice_notes (id, user_id, file_url, context_id)"
            " values (%s, %s, %s, %s)",
            [key, self._me, f"https://p.example.test/{key}.webm", self._booking()],
        )
        self._must_be_one(cursor)
        self.notes.add(key)
