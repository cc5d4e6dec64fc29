-- What writing the view of the legacy voice notes does, with the rights of who writes.
create function {private}.carry_note(asked_id uuid) returns void
language plpgsql set search_path = '' as $$
declare
    place record;
begin
    select * into place from {private}.place_note(asked_id);
    if place.message_id is null then
        return;
    end if;
    if place.is_recorded then
        -- What only new clients have written stays as they wrote it.
        update {live}.chat_messages as message
        set
            file_name = coalesce(nullif(note.file_name, ''), message.file_name),
            file_size = coalesce(nullif(note.file_size, 0), message.file_size),
            duration_seconds
            = coalesce(message.duration_seconds, note.duration_seconds),
            metadata = {private}.merged_metadata(
                {private}.note_metadata(note.metadata, note.transcription),
                message.metadata
            )
        from {private}.legacy_voice_notes as note
        where
            note.id = asked_id
            and message.id = place.message_id
            and exists (
                select from {private}.legacy_messages as stored
                where stored.id = message.id
            );
        return;
    end if;
    insert into {live}.chat_messages ({message_columns})
    select {message_values}
    from (
        select
            place.message_id as id,
            place.session_id,
            note.user_id as sender_id,
            'audio' as type,
            'Voice message' as content,
            note.file_url,
            coalesce(
                nullif(note.file_name, ''), {private}.file_name(note.file_url)
            ) as file_name,
            coalesce(note.file_size, 0) as file_size,
            note.duration_seconds,
            false as is_read,
            place.sent_at as created_at,
            {private}.note_metadata(note.metadata, note.transcription) as metadata
        from {private}.legacy_voice_notes as note
        where note.id = asked_id
    ) as mart
    on conflict do nothing;
    if found then
        perform {private}.touch_session(place.message_id);
    end if;
end;
$$;

-- The message with a note's recording; ``is_own`` tells one that was made for the note.
create function {private}.message_of_note(
    asked_id uuid,
    out message_id uuid,
    out is_own boolean
)
language sql stable set search_path = '' as $$
    select
        coalesce(noted.message_id, asked_id),
        coalesce(
            noted.is_own,
            not exists (
                select from {private}.legacy_messages as stored
                where stored.id = asked_id
            )
        )
    from (select) as asked
    left join {private}.carried_notes as noted on noted.voice_note_id = asked_id
$$;

create function {private}.insert_voice_note() returns trigger
language plpgsql set search_path = '' as $$
begin
    perform {private}.require_link(new.context_id::uuid);
    {insert}
    if not found then
        return null;
    end if;
    perform {private}.carry_note(new.id::uuid);
    return new;
end;
$$;

create function {private}.update_voice_note() returns trigger
language plpgsql set search_path = '' as $$
declare
    carried record;
begin
    if row(new.id, new.user_id) is distinct from row(old.id, old.user_id) then
        raise exception 'the id and the sender of a voice note do not change'
            using errcode = 'feature_not_supported';
    end if;
    if new.context_id is distinct from old.context_id then
        perform {private}.require_link(new.context_id::uuid);
    end if;
    {update}
    if not found then
        return null;
    end if;
    select * into carried from {private}.message_of_note(old.id::uuid);
    update {live}.chat_messages as message
    set {note_changes}
    where
        message.id = carried.message_id
        and message.sender_id = old.user_id::uuid
        and message.type::text = 'audio'
        and (carried.is_own or exists (
            select from {private}.legacy_messages as stored where stored.id = message.id
        ));
    return new;
end;
$$;

create function {private}.delete_voice_note() returns trigger
language plpgsql set search_path = '' as $$
declare
    carried record;
begin
    select * into carried from {private}.message_of_note(old.id::uuid);
    delete from {private}.voice_notes as stored where stored.id = old.id;
    if not found then
        return null;
    end if;
    -- A recording that is a voice message as well stays with that message.
    delete from {live}.chat_messages as message
    where
        carried.is_own
        and message.id = carried.message_id
        and message.sender_id = old.user_id::uuid
        and message.type::text = 'audio';
    return old;
end;
$$;
