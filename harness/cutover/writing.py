"""The functions behind the views: what a write through a view does in both systems.

Only composes SQL: the functions are in ``harness/sql/cutover_*.sql``; here are the
parts of them that follow the application's columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from psycopg import sql

from harness import pipelines, settings
from harness.cutover.tables import Column, Columns, converted
from harness.queries import query

#: As macros/uuids.sql has them: the ids of both are the consolidation's.
NAMESPACES = {
    "unlinked_session_namespace": "0b6f1c52-93a4-5d7e-8e21-4c5a7f90d318",
    "voice_note_namespace": "c8d20e9b-6a15-5f43-b7d4-19e3a65f0c72",
}
_WITH_ZONE = "timestamp with time zone"
_MART_TYPES = {"timestamptz": _WITH_ZONE}


def functions(
    tables: Mapping[str, Columns], *, has_auth_function: bool
) -> Iterator[tuple[str, sql.Composed]]:
    """Compose the scripts that make the functions, each with the name of its file.

    ``tables`` are the columns of the legacy tables and of the live ones. The functions
    use the private schema's views of the archive, since nobody may look into that.
    """
    private = {"private": sql.Identifier(settings.cutover_schema())}
    people = {
        "caller": sql.SQL("auth.uid()") if has_auth_function else _CALLER,
        "profile_key": _type_of(tables["profiles"]["id"]),
        "is_admin_profile": _is_admin(tables["profiles"]),
    }
    messages = _written("chat_messages", tables["chat_messages"])
    scripts: dict[str, Mapping[str, sql.Composable]] = {
        "cutover_people": people,
        "cutover_values": {},
        "cutover_places": {**people, **_places(tables)},
        "cutover_messages": {**messages, **_message_parts(tables)},
        "cutover_voice_notes": {**messages, **_note_parts(tables)},
    }
    for name, parts in scripts.items():
        yield name, query(name, **{**private, **parts})


#: As Supabase's own function reads it.
_CALLER = sql.SQL(
    "coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''),"
    " nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid"
)


def _is_admin(profiles: Columns) -> sql.Composable:
    if "role" not in profiles:
        return sql.SQL("false")
    return sql.SQL("profile.role::text in ('admin', 'super_admin')")


def _type_of(column: Column) -> sql.SQL:
    return sql.SQL(column.type_name)


def _places(tables: Mapping[str, Columns]) -> dict[str, sql.Composable]:
    bookings, sessions = tables["bookings"], tables["chat_sessions"]
    written = _written("chat_sessions", sessions, without=("last_message_at",))
    return {
        **{name: sql.Literal(value) for name, value in NAMESPACES.items()},
        **written,
        "booking_key": _type_of(bookings["id"]),
        "booked_at": _as_instant("booking", bookings["created_at"]),
        "begun_at": _as_instant("session", sessions["created_at"]),
        "message_id": converted(
            sql.Identifier("id"), tables["messages"]["id"].type_name, "uuid"
        ),
    }


def _as_instant(alias: str, column: Column) -> sql.Composable:
    return converted(sql.Identifier(alias, column.name), column.type_name, _WITH_ZONE)


def mart_types(
    mart: str, live: Columns, without: tuple[str, ...] = ()
) -> dict[str, str]:
    """The types of a mart's columns that the live table has as well, by name."""
    return {
        name: _MART_TYPES.get(kind, kind)
        for name, kind in pipelines.CONSOLIDATION.table(mart).columns.items()
        if name in live and name not in without
    }


def _written(
    mart: str, live: Columns, without: tuple[str, ...] = ()
) -> dict[str, sql.Composable]:
    """Compose the columns of a live table that are written, and their values."""
    kinds = mart_types(mart, live, without)
    prefix = "session" if mart == "chat_sessions" else "message"
    return {
        f"{prefix}_columns": sql.SQL(", ").join(map(sql.Identifier, kinds)),
        f"{prefix}_values": sql.SQL(", ").join(
            converted(sql.Identifier("mart", name), kind, live[name].type_name)
            for name, kind in kinds.items()
        ),
    }


def _message_parts(tables: Mapping[str, Columns]) -> dict[str, sql.Composable]:
    own, live = tables["messages"], tables["chat_messages"]
    others = [name for name in own if name != "is_read"]
    was_only_read = sql.SQL("row({}) is not distinct from row({})").format(
        *(
            sql.SQL(", ").join(
                sql.SQL("{}::text").format(sql.Identifier(row, name)) for name in others
            )
            for row in ("new", "old")
        )
    )
    return {
        "insert": _insert("messages", own),
        "update": _update("messages", own),
        "was_only_read": was_only_read if "is_read" in own else sql.SQL("false"),
        "is_read": sql.SQL("new.is_read" if "is_read" in own else "null"),
        "archive_name": sql.Literal(settings.archive_schema()),
        "message_changes": message_changes(own, live),
    }


def message_changes(own: Columns, live: Columns) -> sql.Composed:
    """Compose what an edit of a legacy message, ``old`` to ``new``, does to its own.

    Of each column of a live message there is what changes it and what it becomes.
    ``place`` has the session that it goes to, null for the one where it is.
    """
    changes = {
        "session_id": ("id", "coalesce(place.session_id, message.session_id)"),
        "type": ("type", "{private}.new_type(new.type::text, new.file_url)"),
        "content": ("content", "coalesce(new.content, '')"),
        "file_url": ("file_url", "new.file_url"),
        "file_name": ("file_url", "{private}.file_name(new.file_url)"),
        "is_read": ("is_read", "coalesce(new.is_read, false)"),
        "metadata": ("metadata", "new.metadata::jsonb"),
        "created_at": ("created_at", "coalesce({created_at}, message.created_at)"),
    }
    if "file_url" not in own:
        changes["type"] = ("type", "{private}.new_type(new.type::text, null)")
    return _changes(changes, own, live)


def _changes(
    changes: Mapping[str, tuple[str, str]], own: Columns, live: Columns
) -> sql.Composed:
    """Compose the assignments; a column whose cause did not change stays as it is."""
    private = sql.Identifier(settings.cutover_schema())
    sent = own["created_at"]
    created_at = converted(
        sql.SQL("new.created_at"), sent.type_name, live["created_at"].type_name
    )
    assignments = []
    for name, (cause, value) in changes.items():
        if cause not in own or name not in live:
            continue
        becomes = sql.SQL(value).format(private=private, created_at=created_at)
        if cause == "id":
            assignments.append(sql.SQL("{} = {}").format(sql.Identifier(name), becomes))
            continue
        assignments.append(
            sql.SQL(
                "{name} = case when"
                " new.{cause}::text is distinct from old.{cause}::text"
                " then ({becomes})::{kind} else message.{name} end"
            ).format(
                name=sql.Identifier(name),
                cause=sql.Identifier(cause),
                becomes=becomes,
                kind=_type_of(live[name]),
            )
        )
    return sql.SQL(", ").join(assignments)


def _note_parts(tables: Mapping[str, Columns]) -> dict[str, sql.Composable]:
    own = tables["voice_notes"]
    return {
        "insert": _insert("voice_notes", own),
        "update": _update("voice_notes", own),
        "note_changes": note_changes(own, tables["chat_messages"]),
    }


def note_changes(own: Columns, live: Columns) -> sql.Composed:
    """Compose what an edit of a voice note, ``old`` to ``new``, does to its message.

    ``carried`` tells whether the message was made for the note.
    """
    said = "new.transcription" if "transcription" in own else "null"
    noted = "new.metadata::jsonb" if "metadata" in own else "null"
    notes = (
        f"case when carried.is_own then {{private}}.note_metadata({noted}, {said})"
        f" else {{private}}.merged_metadata({{private}}.note_metadata({noted}, {said}),"
        " case when jsonb_typeof(message.metadata) = 'object'"
        " then message.metadata - 'transcription' else message.metadata end) end"
    )
    changes = {
        "file_url": (
            "file_url",
            "case when carried.is_own then new.file_url else message.file_url end",
        ),
        "file_name": (
            "file_name",
            "coalesce(nullif(new.file_name, ''), message.file_name)",
        ),
        "file_size": ("file_size", "coalesce(new.file_size, 0)"),
        "duration_seconds": ("duration_seconds", "new.duration_seconds"),
    }
    assignments = [_changes(changes, own, live)]
    causes = [name for name in ("metadata", "transcription") if name in own]
    if causes:
        changed = sql.SQL(" or ").join(
            sql.SQL("new.{0}::text is distinct from old.{0}::text").format(
                sql.Identifier(name)
            )
            for name in causes
        )
        assignments.append(
            sql.SQL("metadata = case when {} then {} else message.metadata end").format(
                changed,
                sql.SQL(notes).format(
                    private=sql.Identifier(settings.cutover_schema())
                ),
            )
        )
    return sql.SQL(", ").join(assignments)


def _insert(table: str, own: Columns) -> sql.Composed:
    """Compose the insert of a view's row; a number that is left out is given."""
    writable = [column for column in own.values() if column.is_writable]
    numbered = [column for column in writable if column.identity]
    if not numbered:
        return _inserting(table, own, writable)
    return sql.SQL("if new.{} is null then {} else {} end if;").format(
        sql.Identifier(numbered[0].name),
        _inserting(table, own, [c for c in writable if not c.identity]),
        _inserting(table, own, writable),
    )


def _inserting(table: str, own: Columns, columns: list[Column]) -> sql.Composed:
    return sql.SQL(
        "insert into {} as stored ({}) values ({}) returning {} into new;"
    ).format(
        sql.Identifier(settings.cutover_schema(), table),
        sql.SQL(", ").join(sql.Identifier(column.name) for column in columns),
        sql.SQL(", ").join(sql.Identifier("new", column.name) for column in columns),
        sql.SQL(", ").join(sql.Identifier("stored", name) for name in own),
    )


def _update(table: str, own: Columns) -> sql.Composed:
    return sql.SQL(
        "update {} as stored set {} where stored.id = old.id returning {} into new;"
    ).format(
        sql.Identifier(settings.cutover_schema(), table),
        sql.SQL(", ").join(
            sql.SQL("{0} = new.{0}").format(sql.Identifier(column.name))
            for column in own.values()
            if column.is_writable and not column.identity and column.name != "id"
        ),
        sql.SQL(", ").join(sql.Identifier("stored", name) for name in own),
    )
