-- What must stand in the live tables, worked out from the landing tables alone. This is
-- deliberately not the models' SQL: it is the second opinion on them.

create or replace function pg_temp.as_uuid(value text) returns uuid
language sql immutable
return case
    when lower(value) ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then value::uuid
end;

-- A wall-clock time in a zone, or null when it is no time: zero dates, 30 February.
create or replace function pg_temp.as_time(value text, zone text) returns timestamptz
language plpgsql immutable as $$
begin
    if value is null or value !~ (
        '^\d{4}-\d\d-\d\d( ([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?)?$'
    ) then
        return null;
    end if;
    -- An offset is ISO 8601's, positive to the east; a bare text would be POSIX's.
    if zone ~ '^[+-]\d' then
        return value::timestamp at time zone zone::interval;
    end if;
    return value::timestamp at time zone zone;
exception
    when datetime_field_overflow or invalid_datetime_format then return null;
end;
$$;

-- DATETIME is in the zone of the source system, TIMESTAMP in that of the dump's session,
-- which is the source's where the dump does not say: SYSTEM names a server we do not know.
create temporary table expected_zones on commit drop as
select
    columns.table_name,
    columns.column_name,
    case
        when columns.mysql_type like 'timestamp%'
            then coalesce(nullif(loads.dump_time_zone, 'SYSTEM'), {source_timezone})
        else {source_timezone}
    end as zone
from {staging}.loaded_columns as columns
cross join {staging}.loads as loads
where columns.table_name in ('chat', 'message', 'booking');

create temporary table expected_people on commit drop as
with mapping as (
    select distinct on (lower(old_id))
        lower(old_id) as old_id,
        pg_temp.as_uuid(new_id) as new_id
    from {staging}.user_id_mapping
    order by lower(old_id), _row
),

bookings as (
    select distinct on (lower(id))
        lower(id) as booking_id,
        lower(buyer_id) as buyer_id,
        lower(stylist_id) as stylist_id,
        created_at
    from {staging}.booking
    order by lower(id), _row
)

select
    bookings.booking_id,
    bookings.buyer_id,
    bookings.stylist_id as old_stylist_id,
    bookings.created_at,
    case
        when loads.has_users_file then buyer.new_id
        else pg_temp.as_uuid(bookings.buyer_id)
    end as customer_id,
    case
        when loads.has_users_file then stylist.new_id
        else pg_temp.as_uuid(bookings.stylist_id)
    end as stylist_id
from bookings
cross join {staging}.loads as loads
left join mapping as buyer on bookings.buyer_id = buyer.old_id
left join mapping as stylist on bookings.stylist_id = stylist.old_id
where
    pg_temp.as_uuid(bookings.booking_id) is not null
    and bookings.booking_id in (
        select lower(created.id)
        from {staging}.bookings_created as created
        where created.success
    );

create temporary table expected_chat_times on commit drop as
with first_of_id as (
    select distinct on (lower(id)) *
    from {staging}.chat
    order by lower(id), _row
),

first_messages as (
    select
        lower(message.chat_id) as chat_id,
        min(pg_temp.as_time(message.created_at, zones.zone)) as created_at
    from {staging}.message as message
    cross join expected_zones as zones
    where zones.table_name = 'message' and zones.column_name = 'created_at'
    group by lower(message.chat_id)
)

select
    pg_temp.as_uuid(chat.id) as id,
    lower(chat.booking_id) as booking_id,
    lower(chat.buyer_id) as buyer_id,
    lower(chat.stylist_id) as stylist_id,
    coalesce(
        pg_temp.as_time(chat.created_at, born.zone),
        pg_temp.as_time(chat.updated_at, changed.zone),
        first_messages.created_at,
        timestamptz '1970-01-01 00:00:00+00'
    ) as created_at,
    pg_temp.as_time(chat.updated_at, changed.zone) as updated_at
from first_of_id as chat
inner join expected_zones as born
    on born.table_name = 'chat' and born.column_name = 'created_at'
inner join expected_zones as changed
    on changed.table_name = 'chat' and changed.column_name = 'updated_at'
left join first_messages on lower(chat.id) = first_messages.chat_id
where pg_temp.as_uuid(chat.id) is not null and chat.is_active = '1';

-- Which chats are linked, to what, and what they are merged by: expected_links.
{links}

-- Every carried chat of the source under the id that it is carried under.
create temporary table carried_chats on commit drop as
select
    chat.id,
    links.booking_id,
    links.customer_id,
    links.stylist_id,
    chat.created_at,
    chat.updated_at,
    first_value(chat.id) over (
        partition by links.merged_by
        order by links.is_left_over, chat.created_at, chat.id
    ) as carried_as
from expected_chat_times as chat
inner join expected_links as links on chat.id = links.chat_id;

create temporary table expected_chats on commit drop as
select
    id,
    booking_id,
    customer_id,
    stylist_id,
    created_at,
    greatest(coalesce(updated_at, created_at), created_at) as updated_at
from carried_chats
where id = carried_as;

create temporary table expected_chat_messages on commit drop as
with first_of_id as (
    select distinct on (lower(id)) *
    from {staging}.message
    order by lower(id), _row
)

select
    pg_temp.as_uuid(message.id) as id,
    chat.carried_as as chat_id,
    sender.sender_id,
    coalesce(message.message, '') as content,
    message.is_unread is not distinct from '0' as is_read,
    message.is_image is not distinct from '1' as has_image,
    coalesce(
        pg_temp.as_time(message.created_at, zones.zone), kept.created_at
    ) as created_at
from first_of_id as message
inner join carried_chats as chat on pg_temp.as_uuid(message.chat_id) = chat.id
inner join expected_chats as kept on chat.carried_as = kept.id
inner join expected_zones as zones
    on zones.table_name = 'message' and zones.column_name = 'created_at'
cross join lateral (
    select
        case message.is_from
            when 'buyer' then chat.customer_id
            when 'stylist' then chat.stylist_id
        end as sender_id
) as sender
where pg_temp.as_uuid(message.id) is not null and sender.sender_id is not null;

-- A message names a file when its content is one word with the ending of an image.
create temporary table expected_media on commit drop as
with image_messages as (
    select
        id,
        sender_id,
        created_at,
        -- Not \v, which is the letter v to PostgreSQL 15.
        btrim(content, E' \t\r\n\f\x0b') as file_name,
        decode(md5(decode({media_namespace}, 'hex') || id::text::bytea), 'hex') as digest
    from expected_chat_messages
    where has_image
)

select
    -- RFC 9562, section 5.3: the version goes into byte 6, the variant into byte 8.
    encode(
        set_byte(
            set_byte(digest, 6, (get_byte(digest, 6) & 15) | 48),
            8,
            (get_byte(digest, 8) & 63) | 128
        ),
        'hex'
    )::uuid as id,
    id as chat_message_id,
    'chat_image' as media_type,
    sender_id as owner_id,
    case
        when file_name ~* {image_pattern} then file_name
        else '/chats/images/' || id::text
    end as file_path,
    created_at
from image_messages;

create unique index on expected_chats (id);
create unique index on expected_chat_messages (id);
create unique index on expected_media (id);
analyze expected_chats;
analyze expected_chat_messages;
analyze expected_media;
