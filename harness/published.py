"""What the migration publishes: tables, columns, references, keys and indexes.

Only declarations, after the specification (phase 6, "Database Validation" and "Index
Creation") and the contracts of the marts. Nothing here touches a database.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class PublishedTable:
    """A mart and the live table of the same name.

    ``columns`` maps each column to its type in the mart; those in ``optional`` are
    published where the live table has them. ``references`` maps a column to the live
    table whose ``id`` it names; ``unique`` lists columns that no two rows may share,
    ``unique_together`` columns whose combination none may share.
    """

    name: str
    columns: dict[str, str]
    optional: frozenset[str] = frozenset()
    references: dict[str, str] = field(default_factory=dict)
    unique: tuple[str, ...] = ()
    unique_together: tuple[str, ...] = ()


#: In the order of their references: a parent before its children.
TABLES: tuple[PublishedTable, ...] = (
    PublishedTable(
        name="chats",
        columns={
            "id": "uuid",
            "booking_id": "uuid",
            "customer_id": "uuid",
            "stylist_id": "uuid",
            "created_at": "timestamptz",
            "updated_at": "timestamptz",
        },
        optional=frozenset({"customer_id", "stylist_id"}),
        references={"booking_id": "bookings"},
        unique=("booking_id",),
    ),
    PublishedTable(
        name="chat_messages",
        columns={
            "id": "uuid",
            "chat_id": "uuid",
            "sender_id": "uuid",
            "content": "text",
            "is_read": "boolean",
            "has_image": "boolean",
            "created_at": "timestamptz",
        },
        optional=frozenset({"has_image"}),
        references={"chat_id": "chats", "sender_id": "profiles"},
    ),
    PublishedTable(
        name="media",
        columns={
            "id": "uuid",
            "chat_message_id": "uuid",
            "media_type": "text",
            "owner_id": "uuid",
            "file_path": "text",
            "created_at": "timestamptz",
        },
        optional=frozenset({"created_at"}),
        references={"chat_message_id": "chat_messages", "owner_id": "profiles"},
    ),
)


def tables(*, by_participants: bool) -> tuple[PublishedTable, ...]:
    """The tables as a linkage keys them: chats by booking or by their two people."""
    if not by_participants:
        return TABLES
    chats, *others = TABLES
    keyed = replace(
        chats,
        optional=frozenset({"booking_id"}),
        references={},
        unique=(),
        unique_together=("customer_id", "stylist_id"),
    )
    return (keyed, *others)


@dataclass(frozen=True)
class Index:
    """An index of the specification; ``predicate`` is SQL, for a partial one."""

    name: str
    table: str
    columns: tuple[str, ...]
    predicate: str | None = None


INDEXES: tuple[Index, ...] = (
    Index("idx_chats_booking_id", "chats", ("booking_id",)),
    Index("idx_chats_created_at", "chats", ("created_at",)),
    Index("idx_chat_messages_chat_id", "chat_messages", ("chat_id",)),
    Index("idx_chat_messages_sender_id", "chat_messages", ("sender_id",)),
    Index("idx_chat_messages_created_at", "chat_messages", ("created_at",)),
    Index("idx_chat_messages_read_status", "chat_messages", ("is_read", "created_at")),
    Index(
        "idx_media_chat_message_id",
        "media",
        ("chat_message_id",),
        predicate="media_type = 'chat_image'",
    ),
)

#: The types of a live column that take a mart's type without losing anything. A text
#: column may also be an enumeration or a varchar, whose length is checked row by row.
FITTING_TYPES: dict[str, frozenset[str]] = {
    "uuid": frozenset({"uuid"}),
    "boolean": frozenset({"boolean"}),
    "timestamptz": frozenset(
        {"timestamp with time zone", "timestamp without time zone"}
    ),
    "text": frozenset({"text", "character varying"}),
}
