"""The views in the place of the legacy tables: the same columns, and who may use them.

Only composes SQL. ``messages`` shows the archive's rows as they are, and after them
what only new clients have written since it was consolidated; ``voice_notes`` shows the
archive's alone, since new clients' recordings are among the messages.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from psycopg import sql

from harness import settings
from harness.cutover.tables import Column, Columns, converted

#: In the view: where each column of a message that the new system knows comes from.
_SOURCES = {
    "id": ("message", "id"),
    "sender_id": ("message", "sender_id"),
    "content": ("message", "content"),
    "file_url": ("message", "file_url"),
    "metadata": ("message", "metadata"),
    "is_read": ("message", "is_read"),
    "created_at": ("message", "created_at"),
}
#: What a legacy message would name as its booking, and of which sessions.
_LINKS = {
    "session.booking_id": "session.booking_id is not null",
    "session.id": "session.booking_id is null"
    " and session.type::text is distinct from 'unlinked'",
    "null::uuid": "session.booking_id is null and session.type::text = 'unlinked'",
}
_TYPES = ("text", "image", "audio", "file", "system")


def definition(
    table: str, legacy_schema: str, columns: Columns, chat: Columns
) -> sql.Composed:
    """Compose the statement that makes the view of a legacy table.

    ``columns`` are those of the table, ``chat`` those of the live chat messages.
    """
    archived = sql.SQL("select {} from {} as stored").format(
        _listed(columns, "stored"), _archived(table)
    )
    parts: list[sql.Composable] = [archived]
    if table == "messages":
        parts += _of_new_clients(columns, chat)
    return sql.SQL("create view {} with (security_invoker = on) as {}").format(
        sql.Identifier(legacy_schema, table), sql.SQL(" union all ").join(parts)
    )


def defaults(table: str, legacy_schema: str, columns: Columns) -> list[sql.Composed]:
    """Compose the statements that give the view the defaults of its table."""
    return [
        sql.SQL("alter view {} alter column {} set default {}").format(
            sql.Identifier(legacy_schema, table),
            sql.Identifier(column.name),
            sql.SQL(column.default),
        )
        for column in columns.values()
        if column.default is not None
    ]


def triggers(table: str, legacy_schema: str) -> list[sql.Composed]:
    """Compose the triggers through which the view is written."""
    one = {"messages": "message", "voice_notes": "voice_note"}[table]
    return [
        sql.SQL(
            "create trigger {} instead of {} on {} for each row execute function {}()"
        ).format(
            sql.Identifier(f"{event}_{one}"),
            sql.SQL(event),
            sql.Identifier(legacy_schema, table),
            sql.Identifier(settings.cutover_schema(), f"{event}_{one}"),
        )
        for event in ("insert", "update", "delete")
    ]


def _of_new_clients(columns: Columns, chat: Columns) -> Iterator[sql.Composed]:
    """Compose the messages that are not in the archive, as old clients know them.

    In parts, by what a message calls its session, so that a condition on any column
    finds its rows by an index: it reaches no further than the parts of a view. Nobody
    can hide another's message behind a row of their own with its id.
    """
    for link, condition in _LINKS.items():
        values = [
            sql.SQL("{} as {}").format(_value(c, chat, link), sql.Identifier(c.name))
            for c in columns.values()
        ]
        yield sql.SQL(
            "select {values} from {live}.chat_messages as message"
            " inner join {live}.chat_sessions as session"
            " on message.session_id = session.id where {condition}"
            " and not exists (select from {archive}.messages as stored"
            " where stored.id::uuid = message.id"
            " and stored.sender_id::uuid = message.sender_id)"
            " and not exists (select from {archive}.voice_notes as stored"
            " where stored.id::uuid = message.id"
            " and stored.user_id::uuid = message.sender_id)"
            " and not exists (select from {archive}.carried_notes as stored"
            " where stored.message_id = message.id and stored.is_own)"
            " and not exists (select from {archive}.earlier_messages as stored"
            " where stored.message_id = message.id)"
        ).format(
            values=sql.SQL(", ").join(values),
            live=sql.Identifier(settings.live_schema()),
            condition=sql.SQL(condition),
            archive=sql.Identifier(settings.archive_schema()),
        )


def _value(column: Column, chat: Columns, link: str) -> sql.Composable:
    if column.name == "type":
        return _type(column)
    if column.name == "booking_id":
        return converted(sql.SQL(link), "uuid", column.type_name)
    source = _SOURCES.get(column.name)
    if source is not None and source[1] in chat:
        given = chat[source[1]].type_name
        return converted(sql.Identifier(*source), given, column.type_name)
    same = chat.get(column.name)
    if same is not None and same.type_name == column.type_name:
        return sql.Identifier("message", column.name)
    if column.constant is not None:
        return sql.SQL("{}::{}").format(
            sql.SQL(column.constant), sql.SQL(column.type_name)
        )
    return _nothing(column)


def _type(column: Column) -> sql.Composable:
    """Compose the type in the legacy system's words; one that it lacks is null."""
    kind = sql.SQL(column.type_name)
    if column.labels is None:
        return sql.SQL(
            "(case message.type::text when 'audio' then 'voice'"
            " else message.type::text end)::{}"
        ).format(kind)
    known = [
        (name, word)
        for name in _TYPES
        for word in [_word(name, column.labels)]
        if word is not None
    ]
    if not known:
        return _nothing(column)
    return sql.SQL("case message.type::text {} end").format(
        sql.SQL(" ").join(
            sql.SQL("when {} then {}::{}").format(name, word, kind)
            for name, word in known
        )
    )


def _word(name: str, labels: Sequence[str]) -> str | None:
    words = ("voice", "audio") if name == "audio" else (name,)
    return next((word for word in words if word in labels), None)


def _nothing(column: Column) -> sql.Composable:
    if column.is_domain:
        # A cast to a domain that is never null is an error; no row at all is none.
        return sql.SQL("(select stored.{} from {} as stored limit 0)").format(
            sql.Identifier(column.name), _archived("messages")
        )
    return sql.SQL("null::{}").format(sql.SQL(column.type_name))


def _listed(columns: Columns, alias: str) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(alias, name) for name in columns)


def _archived(table: str) -> sql.Identifier:
    return sql.Identifier(settings.archive_schema(), table)
