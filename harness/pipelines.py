"""The two pipelines: what each reads, publishes, and calls its tasks.

Declarations after the specifications (phase 6, "Database Validation" and "Index
Creation"; the consolidation plan, phase 2) and the contracts of the marts, and the one
setting of a process that says which pipeline it works on: a task works on one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from harness import settings
from harness.published import AllowedValues, Index, PublishedTable


@dataclass(frozen=True)
class Pipeline:
    """One of the two ways from a source to the live tables.

    - ``tables``: the marts in the order of their references, a parent before its
      children; ``parents``: the live tables that they only refer to.
    - ``counted``: the marts whose rows are the rows read, for the rate of errors.
    - ``backed_up``: the live tables that a backup holds.
    - ``always_completes``: whether keys, indexes and policies are brought to what the
      specification asks for also when no row is new.
    - ``loads``: the landing table that names the landed run.
    - ``results``: the artifact of a validation.
    - ``commands``: what tasks are called, where it is not their own name.
    """

    name: str
    tables: tuple[PublishedTable, ...]
    parents: tuple[str, ...]
    counted: frozenset[str]
    backed_up: tuple[str, ...]
    indexes: tuple[Index, ...]
    marts: Callable[[], str]
    loads: str
    results: str
    commands: Mapping[str, str]
    allowed: tuple[AllowedValues, ...] = ()
    always_completes: bool = False

    @property
    def written(self) -> tuple[str, ...]:
        """The live tables that publishing writes."""
        return tuple(dict.fromkeys(table.live_name for table in self.tables))

    @property
    def live_tables(self) -> tuple[str, ...]:
        """All live tables that publishing reads or writes, parents first."""
        return (*self.parents, *self.written)

    def command(self, task: str) -> str:
        """What an operator runs for a task of this pipeline: ``./inv publish``."""
        return f"./inv {self.commands.get(task, task)}"

    def table(self, name: str) -> PublishedTable:
        """Find a mart by its name; raises ``KeyError`` for an unknown one."""
        return {table.name: table for table in self.tables}[name]


MIGRATION = Pipeline(
    name="migration",
    tables=(
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
    ),
    parents=("profiles", "bookings"),
    counted=frozenset({"chats", "chat_messages"}),
    backed_up=("chats", "chat_messages", "media"),
    indexes=(
        Index("idx_chats_booking_id", "chats", ("booking_id",)),
        Index("idx_chats_created_at", "chats", ("created_at",)),
        Index("idx_chat_messages_chat_id", "chat_messages", ("chat_id",)),
        Index("idx_chat_messages_sender_id", "chat_messages", ("sender_id",)),
        Index("idx_chat_messages_created_at", "chat_messages", ("created_at",)),
        Index(
            "idx_chat_messages_read_status", "chat_messages", ("is_read", "created_at")
        ),
        Index(
            "idx_media_chat_message_id",
            "media",
            ("chat_message_id",),
            predicate="media_type = 'chat_image'",
        ),
    ),
    marts=settings.marts_schema,
    loads="loads",
    results="chat-validation-results.json",
    commands={"load": "load --dump FILE"},
)

CONSOLIDATION = Pipeline(
    name="consolidation",
    tables=(
        PublishedTable(
            name="chat_sessions",
            columns={
                "id": "uuid",
                "participants": "uuid[]",
                "type": "text",
                "booking_id": "uuid",
                "status": "text",
                "created_at": "timestamptz",
                "last_message_at": "timestamptz",
            },
            references={"booking_id": "bookings"},
            key_names={"booking_id": "fk_chat_sessions_booking_id"},
            on_delete={"booking_id": "set null"},
        ),
        PublishedTable(
            name="extended_sessions",
            columns={"id": "uuid", "last_message_at": "timestamptz"},
            live="chat_sessions",
            extends=True,
        ),
        PublishedTable(
            name="chat_messages",
            columns={
                "id": "uuid",
                "session_id": "uuid",
                "sender_id": "uuid",
                "type": "text",
                "content": "text",
                "file_url": "text",
                "file_name": "text",
                "file_size": "bigint",
                "duration_seconds": "integer",
                "is_read": "boolean",
                "created_at": "timestamptz",
                "metadata": "jsonb",
            },
            references={
                "session_id": "chat_sessions",
                "sender_id": "profiles",
            },
            further_references={"reply_to_message_id": "chat_messages"},
            key_names={
                "session_id": "fk_chat_messages_session_id",
                "sender_id": "fk_chat_messages_sender_id",
                "reply_to_message_id": "fk_chat_messages_reply_to",
            },
            on_delete={
                "session_id": "cascade",
                "sender_id": "cascade",
                "reply_to_message_id": "set null",
            },
        ),
    ),
    parents=("profiles", "bookings"),
    counted=frozenset({"chat_messages"}),
    backed_up=("chat_sessions", "chat_messages", "messages", "voice_notes"),
    indexes=(
        Index(
            "idx_chat_sessions_participants",
            "chat_sessions",
            ("participants",),
            method="gin",
        ),
        Index("idx_chat_sessions_booking_id", "chat_sessions", ("booking_id",)),
        Index("idx_chat_sessions_status", "chat_sessions", ("status",)),
        Index(
            "idx_chat_sessions_last_message_at", "chat_sessions", ("last_message_at",)
        ),
        Index(
            "idx_chat_messages_session_id_created_at",
            "chat_messages",
            ("session_id", "created_at"),
        ),
        Index("idx_chat_messages_sender_id", "chat_messages", ("sender_id",)),
        Index("idx_chat_messages_type", "chat_messages", ("type",)),
        Index(
            "idx_chat_messages_reply_to_message_id",
            "chat_messages",
            ("reply_to_message_id",),
        ),
        Index(
            "idx_chat_messages_unread",
            "chat_messages",
            ("session_id",),
            predicate="not is_read",
        ),
    ),
    marts=settings.consolidated_schema,
    loads="legacy_loads",
    results="consolidation-validation-results.json",
    commands={
        "load": "consolidate.land",
        **{
            task: f"consolidate.{task.replace('.', '-')}"
            for task in (
                "build",
                "audit.landing",
                "preflight",
                "publish",
                "audit.live",
                "validate",
            )
        },
        "migrate": "consolidate",
        "target.create": "consolidate.demo",
    },
    allowed=(
        AllowedValues(
            "chat_sessions_type_check", "chat_sessions", "type", ("booking", "unlinked")
        ),
        AllowedValues(
            "chat_sessions_status_check", "chat_sessions", "status", ("active", "ended")
        ),
        AllowedValues(
            "chat_messages_type_check",
            "chat_messages",
            "type",
            ("text", "image", "audio", "file", "system"),
        ),
    ),
    always_completes=True,
)

PIPELINES = {pipeline.name: pipeline for pipeline in (MIGRATION, CONSOLIDATION)}

_current: ContextVar[Pipeline] = ContextVar("pipeline", default=MIGRATION)


def current() -> Pipeline:
    """The pipeline that this task works on; the migration unless said otherwise."""
    return _current.get()


@contextmanager
def working_on(pipeline: Pipeline) -> Iterator[None]:
    """Work on a pipeline for a while."""
    token = _current.set(pipeline)
    try:
        yield
    finally:
        _current.reset(token)


def work_on(pipeline: Pipeline) -> None:
    """Work on a pipeline from here on, until the ``working_on`` around it ends."""
    _current.set(pipeline)


def by_participants(tables: tuple[PublishedTable, ...]) -> tuple[PublishedTable, ...]:
    """The migration's tables with chats keyed by their two people, not by booking."""
    chats, *others = tables
    keyed = replace(
        chats,
        optional=frozenset({"booking_id"}),
        references={},
        unique=(),
        unique_together=("customer_id", "stylist_id"),
    )
    return (keyed, *others)
