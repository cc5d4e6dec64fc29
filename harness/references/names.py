"""What is legacy: the names that the consolidation replaces, and by what.

From the chat consolidation execution plan, phases 2 to 4. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: The kinds of a reference.
TABLE, BUCKET, ROUTE = "table", "bucket", "route"
KINDS = (TABLE, BUCKET, ROUTE)

#: Where a reference stands; only one in code breaks when the legacy names go.
CODE, COMMENT, DOCUMENTATION = "code", "comment", "documentation"

TABLES = {"messages": "chat_messages", "voice_notes": "chat_messages, type 'audio'"}
BUCKETS = {"chat-attachments": "chat-files", "voice-notes": "chat-files"}

#: Alternatives for regular expressions; no name is the beginning of another.
ANY_TABLE = "|".join(TABLES)
ANY_BUCKET = "|".join(BUCKETS)
ANY_ROUTE = "messages|voice-notes|voice_notes"
#: A text without any of these holds no reference.
ANY_NAME = re.compile(f"{ANY_TABLE}|{ANY_BUCKET}", re.IGNORECASE)

_STORAGE = re.compile(rf"/(?P<bucket>{ANY_BUCKET})\Z")


@dataclass(frozen=True, order=True)
class Found:
    """A reference within a text: where its name begins, and what is named."""

    start: int
    kind: str
    name: str


@dataclass(frozen=True, order=True)
class Reference:
    """A use of a legacy name in a file; ``line`` and ``column`` count from 1."""

    path: str
    line: int
    column: int
    kind: str
    name: str
    place: str
    text: str

    @property
    def replacement(self) -> str:
        """What takes the name's place."""
        return replacement(self.kind, self.name)


def replacement(kind: str, name: str) -> str:
    """Say what takes the place of a legacy name."""
    if kind == TABLE:
        return TABLES[name]
    if kind == BUCKET:
        return BUCKETS[name]
    if name.startswith("/storage/"):
        return _STORAGE.sub(lambda found: f"/{BUCKETS[found['bucket']]}", name)
    if name.startswith("/rest/"):
        return "/rest/v1/chat_messages"
    return "the route of chat_messages"
