-- What the consolidation must bring, worked out from the landing tables alone. This is
-- deliberately not the models' SQL: it is the second opinion on them.

-- The name of a URL's file (RFC 3986): the last segment of the path, decoded.
create or replace function pg_temp.file_name(url text) returns text
language plpgsql immutable as $$
declare
    segment text := split_part(split_part(url, '#', 1), '?', 1);
    decoded bytea := '';
    place int := 1;
begin
    if segment ~ '^[[:alpha:]][[:alnum:]+.-]*://[^/]*$' then
        return null;
    end if;
    segment := reverse(split_part(reverse(segment), '/', 1));
    while place <= length(segment) loop
        if substr(segment, place, 3) ~ '^%[[:xdigit:]]{2}$' then
            decoded := decoded || decode(substr(segment, place + 1, 2), 'hex');
            place := place + 3;
        else
            decoded := decoded || convert_to(substr(segment, place, 1), 'UTF8');
            place := place + 1;
        end if;
    end loop;
    return nullif(convert_from(decoded, 'UTF8'), '');
exception
    when character_not_in_repertoire or untranslatable_character then
        return segment;
end;
$$;

-- What the URLs of one file share: all but the query, unless only the query names it.
create or replace function pg_temp.file_of(url text) returns text
language sql immutable
return case
    when url = '' then null
    when
        split_part(split_part(url, '#', 1), '?', 1)
        !~ '^[[:alpha:]][[:alnum:]+.-]*://[^/]*$'
        and reverse(split_part(split_part(url, '#', 1), '?', 1)) ~ '^[A-Za-z0-9]+[.]'
        then split_part(split_part(url, '#', 1), '?', 1)
    else url
end;

-- RFC 9562, section 5.3: the version goes into byte 6, the variant into byte 8.
create or replace function pg_temp.named_uuid(namespace text, name text) returns uuid
language sql immutable
return (
    select
        encode(
            set_byte(
                set_byte(digest, 6, (get_byte(digest, 6) & 15) | 48),
                8,
                (get_byte(digest, 8) & 63) | 128
            ),
            'hex'
        )::uuid
    from (
        select
            decode(
                md5(decode(replace(namespace, '-', ''), 'hex') || name::bytea), 'hex'
            ) as digest
    ) as hashed
);

create temporary table standing_messages on commit drop as
select
    standing.*,
    pg_temp.file_of(file_url) as file
from {staging}.legacy_chat_messages as standing
where not is_published;

create temporary table standing_sessions on commit drop as
select * from {staging}.legacy_chat_sessions where not is_published;

-- Every message with a profile that is not in the new system under another content.
create temporary table carried_messages on commit drop as
select
    message.*,
    case
        when message.type = 'voice' then 'audio'
        when message.type in ('text', 'image', 'audio', 'file', 'system')
            then message.type
        when message.type is null or coalesce(message.file_url, '') = '' then 'text'
        else 'file'
    end as new_type,
    pg_temp.file_of(message.file_url) as file,
    standing.id is not null as stands
from {staging}.legacy_messages as message
left join standing_messages as standing on message.id = standing.id
where message.sender_id in (select id from {staging}.legacy_profiles);

delete from carried_messages as message
using standing_messages as standing
where
    message.id = standing.id
    and (
        message.sender_id <> standing.sender_id
        or message.new_type is distinct from standing.type
        or coalesce(message.content, '') is distinct from standing.content
        or message.created_at is distinct from standing.created_at
    );

create index on carried_messages (sender_id, file);
create index on standing_messages (sender_id, file);
analyze carried_messages;
analyze standing_messages;
analyze standing_sessions;

-- Every voice note of a chat, and the message that has its recording already.
create temporary table carried_notes on commit drop as
select
    note.*,
    coalesce(
        (
            select message.id
            from carried_messages as message
            where
                message.new_type = 'audio'
                and message.sender_id = note.user_id
                and message.file = pg_temp.file_of(note.file_url)
            order by
                (message.booking_id is not distinct from note.context_id) desc,
                message.created_at,
                message.id
            limit 1
        ),
        (
            select standing.id
            from standing_messages as standing
            where
                standing.type = 'audio'
                and standing.sender_id = note.user_id
                and standing.file = pg_temp.file_of(note.file_url)
            order by
                (standing.session_id is not distinct from note.context_id) desc,
                standing.created_at,
                standing.id
            limit 1
        )
    ) as recorded_as,
    case
        when coalesce(message.id, standing.id) is null then note.id
        else pg_temp.named_uuid({voice_note_namespace}, note.id::text)
    end as new_id,
    pg_temp.file_of(note.file_url) as file
from {staging}.legacy_voice_notes as note
left join {staging}.legacy_messages as message on note.id = message.id
left join standing_messages as standing on note.id = standing.id
where
    note.context_type = 'chat'
    and note.user_id in (select id from {staging}.legacy_profiles);

create index on carried_notes (user_id, file);
analyze carried_notes;

create temporary table merged_notes on commit drop as
select
    note.id,
    coalesce(note.recorded_as, first_note.new_id) as kept_id
from carried_notes as note
left join lateral (
    select other.new_id
    from carried_notes as other
    where
        other.recorded_as is null
        and other.user_id = note.user_id
        and other.file = note.file
        and (coalesce(other.created_at, 'infinity'), other.id)
        < (coalesce(note.created_at, 'infinity'), note.id)
    order by other.created_at, other.id
    limit 1
) as first_note on note.recorded_as is null
where coalesce(note.recorded_as, first_note.new_id) is not null;

create index on merged_notes (id);
analyze merged_notes;

-- What each voice note knows of its recording, and the message that it is merged into.
create temporary table spoken on commit drop as
select
    note.*,
    nullif(note.file_name, '') as own_name,
    nullif(note.file_size, 0) as own_size,
    case
        when note.transcription is null then note.metadata
        when note.metadata is null or jsonb_typeof(note.metadata) = 'object'
            then
                coalesce(note.metadata - 'transcription', '{}')
                || jsonb_build_object('transcription', note.transcription)
        else
            jsonb_build_object('transcription', note.transcription)
            || jsonb_build_object('metadata', note.metadata)
    end as notes,
    merged.kept_id
from carried_notes as note
left join merged_notes as merged on note.id = merged.id;

create index on spoken (kept_id);
analyze spoken;

create temporary table expected_rows on commit drop as
select
    carried.*,
    coalesce(carried.own_name, filling.own_name, pg_temp.file_name(carried.file_url))
        as file_name,
    coalesce(carried.own_size, filling.own_size, 0) as file_size,
    coalesce(carried.own_seconds, filling.duration_seconds) as duration_seconds,
    case
        when carried.own_notes is null or carried.own_notes = 'null'
            then coalesce(nullif(filling.notes, 'null'), carried.own_notes)
        when filling.notes is null or filling.notes = 'null' then carried.own_notes
        when jsonb_typeof(carried.own_notes) = 'object' and jsonb_typeof(filling.notes) = 'object'
            then filling.notes || carried.own_notes
        when jsonb_typeof(carried.own_notes) = 'object'
            then jsonb_build_object('metadata', filling.notes) || carried.own_notes
        when jsonb_typeof(filling.notes) = 'object'
            then filling.notes || jsonb_build_object('metadata', carried.own_notes)
        else jsonb_build_object('metadata', carried.own_notes)
    end as metadata
from (
    select
        id,
        'messages' as origin,
        id as source_id,
        booking_id as names_id,
        sender_id,
        new_type as type,
        coalesce(content, '') as content,
        file_url,
        is_read is true as is_read,
        created_at as sent_at,
        null::text as own_name,
        null::bigint as own_size,
        null::int as own_seconds,
        metadata as own_notes
    from carried_messages
    where not stands

    union all

    select
        new_id,
        'voice_notes',
        id,
        context_id,
        user_id,
        'audio',
        'Voice message',
        file_url,
        false,
        created_at,
        own_name,
        own_size,
        duration_seconds,
        notes
    from spoken
    where kept_id is null
) as carried
left join lateral (
    select *
    from spoken
    where spoken.kept_id = carried.id
    order by spoken.created_at, spoken.id
    limit 1
) as filling on true;

-- The session that a row names, if it stands or is a booking; else the sender's own.
create temporary table expected_places on commit drop as
select
    carried.id,
    case
        when standing.id is not null or booking.id is not null then carried.names_id
        else pg_temp.named_uuid(
            {unlinked_session_namespace}, carried.sender_id::text
        )
    end as session_id
from expected_rows as carried
left join standing_sessions as standing on carried.names_id = standing.id
left join {staging}.legacy_bookings as booking on carried.names_id = booking.id;

create temporary table expected_session_messages on commit drop as
with first_rows as (
    select
        place.session_id,
        min(carried.sent_at) as sent_at
    from expected_rows as carried
    inner join expected_places as place on carried.id = place.id
    where
        not exists (
            select 1 from standing_sessions where id = place.session_id
        )
        and not exists (
            select 1 from {staging}.legacy_bookings where id = place.session_id
        )
    group by place.session_id
)

select
    carried.id,
    place.session_id,
    carried.sender_id,
    carried.type,
    carried.content,
    carried.file_url,
    carried.file_name,
    carried.file_size,
    carried.duration_seconds,
    carried.is_read,
    coalesce(
        carried.sent_at,
        booking.created_at,
        standing.created_at,
        first_rows.sent_at,
        'epoch'
    ) as created_at,
    carried.metadata,
    carried.origin,
    carried.source_id
from expected_rows as carried
inner join expected_places as place on carried.id = place.id
left join {staging}.legacy_bookings as booking on carried.names_id = booking.id
left join standing_sessions as standing on place.session_id = standing.id
left join first_rows on place.session_id = first_rows.session_id;

create temporary table expected_ends on commit drop as
select
    session_id,
    max(created_at) filter (where is_ours) as newest_of_ours,
    max(created_at) as newest,
    min(created_at) filter (where is_ours) as oldest,
    count(*) filter (where is_ours) as messages_added
from (
    select
        session_id,
        created_at,
        true as is_ours
    from expected_session_messages

    union all

    select
        session_id,
        created_at,
        false
    from standing_messages
) as spoken
group by session_id
having bool_or(is_ours);

create temporary table expected_extended_sessions on commit drop as
select
    standing.id,
    greatest(ends.newest, standing.last_message_at) as last_message_at,
    standing.last_message_at as previous_last_message_at,
    ends.messages_added
from standing_sessions as standing
inner join expected_ends as ends on standing.id = ends.session_id;

create temporary table expected_chat_sessions on commit drop as
select
    booking.id,
    case
        when booking.reader_id <> booking.user_id
            then array[booking.user_id, booking.reader_id]
        when booking.user_id is null then array[booking.reader_id]
        else array[booking.user_id]
    end as participants,
    'booking' as type,
    booking.id as booking_id,
    case booking.status when 'completed' then 'ended' else 'active' end as status,
    coalesce(booking.created_at, ends.oldest) as created_at,
    ends.newest as last_message_at
from {staging}.legacy_bookings as booking
inner join expected_ends as ends on booking.id = ends.session_id
where not exists (select 1 from standing_sessions where id = booking.id)

union all

select
    profile.session_id,
    array[profile.id],
    'unlinked',
    null,
    'ended',
    ends.oldest,
    ends.newest
from (
    select
        id,
        pg_temp.named_uuid({unlinked_session_namespace}, id::text) as session_id
    from {staging}.legacy_profiles
) as profile
inner join expected_ends as ends on profile.session_id = ends.session_id
where
    not exists (select 1 from standing_sessions where id = profile.session_id)
    and not exists (
        select 1 from {staging}.legacy_bookings where id = profile.session_id
    );

create unique index on expected_session_messages (id);
create unique index on expected_chat_sessions (id);
create unique index on expected_extended_sessions (id);
analyze expected_session_messages;
analyze expected_chat_sessions;
analyze expected_extended_sessions;
