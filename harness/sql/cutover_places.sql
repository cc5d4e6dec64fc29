-- Where a row of the archive belongs in the new system. These work with the rights of
-- their owner, since nobody may make a booking's session by himself. All they do
-- follows from a row that stands in the archive, whose policies have let its writer in.

-- The session of a row, made when it is missing; both null when it cannot be made.
create function {private}.place(
    link uuid,
    sender uuid,
    written_at timestamptz,
    out session_id uuid,
    out sent_at timestamptz
)
language plpgsql set search_path = '' as $$
declare
    client uuid;
    reader uuid;
    booking_status text;
    booked_at timestamptz;
    has_booking boolean;
    begun_at timestamptz;
begin
    select
        booking.user_id::uuid,
        booking.reader_id::uuid,
        booking.status::text,
        {booked_at}
    into client, reader, booking_status, booked_at
    from {live}.bookings as booking
    where booking.id = link::{booking_key};
    has_booking := found;
    session_id := case
        when
            has_booking
            or exists (select from {live}.chat_sessions as known where known.id = link)
            then link
        else {private}.named_uuid({unlinked_session_namespace}, sender)
    end;
    insert into {live}.chat_sessions ({session_columns})
    select {session_values}
    from (
        select
            session_id as id,
            case
                when not has_booking then array[sender]
                else array_remove(array[client, nullif(reader, client)], null)
            end as participants,
            case when has_booking then 'booking' else 'unlinked' end as type,
            case when has_booking then link end as booking_id,
            case
                when has_booking and booking_status is distinct from 'completed'
                    then 'active'
                else 'ended'
            end as status,
            coalesce(booked_at, written_at, timestamptz '1970-01-01 00:00:00+00')
                as created_at
    ) as mart
    where not exists (
        select from {live}.chat_sessions as known where known.id = session_id
    )
    on conflict do nothing;
    select {begun_at}
    into begun_at
    from {live}.chat_sessions as session
    where session.id = session_id;
    if not found then
        -- The application allows a booking one session, and it has another one.
        session_id := null;
        return;
    end if;
    sent_at := coalesce(
        written_at, booked_at, begun_at, timestamptz '1970-01-01 00:00:00+00'
    );
end;
$$;

-- Whether a user's row may name a chat: nobody writes into one of others, not even a row
-- that stays in the archive alone, since who takes part reads it there.
create function {private}.may_link(link uuid) returns boolean
language sql stable security definer set search_path = '' as $$
    select
        {private}.caller_id() is null
        or link is null
        or link in (select {private}.own_sessions())
        or {private}.is_admin()
        or not exists (
            select from {live}.chat_sessions as session where session.id = link
        )
        and not exists (
            select from {live}.bookings as booking
            where
                booking.id = link::{booking_key}
                and booking.user_id::uuid is distinct from {private}.caller_id()
                and booking.reader_id::uuid is distinct from {private}.caller_id()
        )
$$;

create function {private}.require_link(link uuid) returns void
language plpgsql stable set search_path = '' as $$
begin
    if not {private}.may_link(link) then
        raise exception 'this chat is of other users'
            using errcode = 'insufficient_privilege';
    end if;
end;
$$;

create function {private}.place_message(
    asked_id uuid,
    out session_id uuid,
    out sent_at timestamptz
)
language plpgsql security definer set search_path = '' as $$
declare
    legacy record;
begin
    select * into legacy
    from {private}.legacy_messages as stored
    where stored.id = asked_id;
    if not found or not exists (
        select from {live}.profiles as profile
        where profile.id = legacy.sender_id::{profile_key}
    ) then
        return;
    end if;
    perform {private}.require_own(legacy.sender_id);
    select place.session_id, place.sent_at
    into session_id, sent_at
    from {private}.place(
        legacy.booking_id, legacy.sender_id, legacy.created_at
    ) as place;
end;
$$;

create function {private}.place_note(
    asked_id uuid,
    out session_id uuid,
    out message_id uuid,
    out sent_at timestamptz,
    out is_recorded boolean
)
language plpgsql security definer set search_path = '' as $$
declare
    note record;
begin
    select * into note
    from {private}.legacy_voice_notes as stored
    where stored.id = asked_id;
    -- Without a file there is nothing to hear and no recording to know again.
    if
        not found
        or note.context_type is distinct from 'chat'
        or {private}.file_key(note.file_url) is null
        or not exists (
            select from {live}.profiles as profile
            where profile.id = note.user_id::{profile_key}
        )
    then
        return;
    end if;
    perform {private}.require_own(note.user_id);
    select message.id, message.session_id
    into message_id, session_id
    from {live}.chat_messages as message
    where
        message.sender_id = note.user_id
        and message.type::text = 'audio'
        and {private}.file_key(message.file_url) = {private}.file_key(note.file_url)
    order by
        message.session_id is distinct from note.context_id,
        message.created_at,
        message.id
    limit 1;
    is_recorded := found;
    if not is_recorded then
        select place.session_id, place.sent_at
        into session_id, sent_at
        from {private}.place(note.context_id, note.user_id, note.created_at) as place;
        if session_id is null then
            return;
        end if;
        message_id := case
            when
                exists (
                    select from {private}.legacy_messages as stored
                    where stored.id = asked_id
                )
                or exists (
                    select from {live}.chat_messages as message
                    where message.id = asked_id
                )
                then {private}.named_uuid({voice_note_namespace}, asked_id)
            else asked_id
        end;
    end if;
    if message_id <> asked_id then
        insert into {private}.carried_notes
        values (asked_id, message_id, not is_recorded, session_id, note.user_id)
        on conflict do nothing;
    end if;
end;
$$;

-- A session's newest message is one that stands in it.
create function {private}.touch_session(asked_id uuid) returns void
language sql security definer set search_path = '' as $$
    update {live}.chat_sessions as session
    set last_message_at = message.created_at
    from {live}.chat_messages as message
    where
        message.id = asked_id
        and session.id = message.session_id
        and (
            session.last_message_at is null
            or session.last_message_at < message.created_at
        )
$$;

-- Who takes part in a chat may say that a message was read, and nothing else of it.
create function {private}.mark_read(asked_id uuid, was_read boolean) returns boolean
language plpgsql security definer set search_path = '' as $$
declare
    sender uuid;
    is_legacy boolean;
begin
    select stored.sender_id into sender from {private}.legacy_messages as stored
    where
        stored.id = asked_id
        and (
            stored.sender_id = {private}.caller_id()
            or stored.booking_id in (select {private}.own_sessions())
            or {private}.is_admin()
        );
    is_legacy := found;
    if is_legacy then
        update {private}.messages set is_read = was_read where {message_id} = asked_id;
    end if;
    update {live}.chat_messages as message
    set is_read = coalesce(was_read, false)
    where
        message.id = asked_id
        and (message.sender_id = sender or not is_legacy)
        and (
            is_legacy
            or message.session_id in (select {private}.own_sessions())
            or {private}.is_admin()
        );
    return is_legacy or found;
end;
$$;

-- Whether a message is in the new system, also where its sender cannot see it there.
create function {private}.is_carried(asked_id uuid, sender uuid) returns boolean
language sql stable security definer set search_path = '' as $$
    select exists (
        select from {live}.chat_messages as message
        where message.id = asked_id and message.sender_id = sender
    )
$$;
