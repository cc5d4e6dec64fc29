-- What must stand in the live tables, worked out from the landing tables alone. This is
-- deliberately not the models' SQL: it is the second opinion on them.

create or replace function pg_temp.as_uuid(value text) returns uuid
language sql immutable
return case
    when lower(value) ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then value::uuid
end;

-- The time that a literal is to MySQL, at most to the microsecond, or null when it is
-- none: zero dates, 30 February, and what MySQL or MariaDB would warn of.
create or replace function pg_temp.as_wall_clock(value text) returns timestamp
language plpgsql immutable strict as $$
declare
    body text := btrim(value, E' \t\n\r\f\x0b');
    fraction text := '';
    years text;
    fields text[];
    found timestamp;
begin
    if body ~ '^(\d{12}|\d{14}|\d{6}T\d{6}|\d{8}T\d{6})(\.\d*)?$'
        or body ~ '^(\d{6}|\d{8}|\d{10})$' then
        -- No delimiters: from the first part's length on, two digits each.
        fraction := split_part(body, '.', 2);
        body := replace(split_part(body, '.', 1), 'T', '');
        years := left(body, case when length(body) in (8, 14) then 4 else 2 end);
        if years like '0___' then
            return null;
        end if;
        fields := array[years] || regexp_split_to_array(
            regexp_replace(substr(body, length(years) + 1), '(..)(?=.)', '\1 ', 'g'), ' '
        );
    else
        -- One sign between two numbers; behind the day it may be T or blanks.
        body := regexp_replace(
            body, '^(\d+[[:punct:]]\d+[[:punct:]]\d+)(T|[ \t\n\r\f\v]+)(?=\d)', '\1-'
        );
        if body !~ '^[0-9][!-~]*$' or body ~ '[A-Za-z]' then
            return null;
        end if;
        fields := regexp_split_to_array(body, '[^0-9]');
        if cardinality(fields) > 7
            or cardinality(fields) < 3
            or (cardinality(fields) = 7 and body !~ '\.\d*$') then
            return null;
        end if;
        if cardinality(fields) = 7 then
            fraction := fields[7];
            fields := fields[:6];
        elsif fields[cardinality(fields)] = '' then
            -- A sign may follow the last number, but for the seconds'.
            fields := trim_array(fields, 1);
        end if;
        years := fields[1];
        if '' = any(fields) or cardinality(fields) < 3 then
            return null;
        end if;
        if body ~ '^\d+\.' and (
            length(years) not in (2, 4)
            or exists (select from unnest(fields[2:]) as field where length(field) > 2)
        ) then
            return null;
        end if;
    end if;
    if exists (select from unnest(fields) as field where ltrim(field, '0') ~ '.{5}') then
        return null;
    end if;
    if length(years) = 2 then
        years := case when years < '70' then '20' else '19' end || years;
    end if;
    fields := fields || array_fill('0'::text, array[6 - cardinality(fields)]);
    if fields[4]::int > 23 or fields[5]::int > 59 or fields[6]::int > 59 then
        return null;
    end if;
    found := make_timestamp(
        years::int, fields[2]::int, fields[3]::int,
        fields[4]::int, fields[5]::int, fields[6]::int
    );
    -- MySQL reads seven digits of a fraction, and rounds halves up.
    found := found
        + round(rpad(left(fraction, 7), 7, '0')::numeric / 10) * interval '1 microsecond';
    return case when found < '10000-01-01' then found end;
exception
    when datetime_field_overflow or invalid_datetime_format then return null;
end;
$$;

-- When the clock of a named zone showed a time, as MySQL takes it: of two moments the
-- first, and for a time that was jumped over the moment of the jump.
create or replace function pg_temp.as_moment(shown timestamp, zone text)
returns timestamptz language plpgsql immutable as $$
declare
    low timestamp := shown - interval '36 hours';
    high timestamp := shown + interval '36 hours';
    middle timestamp;
    before interval;
    after interval;
begin
    before := low at time zone 'UTC' at time zone zone - low;
    after := high at time zone 'UTC' at time zone zone - high;
    if before = after
        or (shown - before) at time zone 'UTC' at time zone zone = shown then
        return (shown - before) at time zone 'UTC';
    elsif (shown - after) at time zone 'UTC' at time zone zone = shown then
        return (shown - after) at time zone 'UTC';
    end if;
    -- Neither offset gives this time: the clock jumped over it, at a whole second.
    low := date_trunc('second', low);
    high := date_trunc('second', high);
    while high - low > interval '1 second' loop
        middle := low + date_trunc('second', (high - low) / 2);
        if middle at time zone 'UTC' at time zone zone - middle = before then
            low := middle;
        else
            high := middle;
        end if;
    end loop;
    return high at time zone 'UTC';
end;
$$;

-- A value of a column that keeps so many digits of a second, null for all. Nearly every
-- value is written as a dump writes it; the rest is left to as_wall_clock.
create or replace function pg_temp.as_time(value text, zone text, digits int)
returns timestamptz language plpgsql immutable as $$
declare
    shown timestamp;
begin
    if value ~ '^\d{4}-\d\d-\d\d( ([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?)?$' then
        shown := value;
    else
        shown := pg_temp.as_wall_clock(value);
    end if;
    if digits < 6 then
        shown := date_trunc('minute', shown)
            + round(extract(second from shown), digits) * interval '1 second';
    end if;
    if shown is null or shown >= '10000-01-01' then
        return null;
    elsif zone = 'UTC' then
        return shown at time zone 'UTC';
    elsif left(zone, 1) in ('+', '-') then
        -- An offset is ISO 8601's, positive to the east; a bare text would be POSIX's.
        return shown at time zone zone::interval;
    end if;
    return pg_temp.as_moment(shown, zone);
exception
    when datetime_field_overflow or invalid_datetime_format then return null;
end;
$$;

-- DATETIME is in the zone of the source system, TIMESTAMP in that of the dump's session,
-- which is the source's where the dump does not say: SYSTEM names a server we do not know.
-- Both keep whole seconds when their type names no digits.
create temporary table expected_zones on commit drop as
select
    columns.table_name,
    columns.column_name,
    case
        when columns.mysql_type like 'timestamp%' and loads.dump_time_zone !~* '^system$'
            then loads.dump_time_zone
        else {source_timezone}
    end as zone,
    case split_part(columns.mysql_type, '(', 1)
        when 'datetime' then 0
        when 'timestamp' then 0
    end + coalesce(substring(columns.mysql_type from '\d')::int, 0) as digits
from {staging}.loaded_columns as columns
cross join {staging}.loads as loads
where columns.table_name in ('chat', 'message', 'booking');

create temporary table expected_people on commit drop as
with mapping as (
    select distinct on (lower(old_id))
        lower(old_id) as old_id,
        pg_temp.as_uuid(new_id) as new_id
    from pg_temp.landed_mapping()
    order by lower(old_id), _row
),

bookings as (
    select distinct on (lower(id))
        lower(id) as booking_id,
        lower(buyer_id) as buyer_id,
        lower(stylist_id) as stylist_id,
        created_at
    from pg_temp.landed_booking()
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
        from pg_temp.landed_created() as created
        where created.success
    );

create temporary table expected_chat_times on commit drop as
with first_of_id as (
    select distinct on (lower(id)) *
    from pg_temp.landed_chat()
    order by lower(id), _row
),

first_messages as (
    select
        lower(message.chat_id) as chat_id,
        min(pg_temp.as_time(message.created_at, zones.zone, zones.digits)) as created_at
    from pg_temp.landed_message() as message
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
        pg_temp.as_time(chat.created_at, born.zone, born.digits),
        pg_temp.as_time(chat.updated_at, changed.zone, changed.digits),
        first_messages.created_at,
        timestamptz '1970-01-01 00:00:00+00'
    ) as created_at,
    pg_temp.as_time(chat.updated_at, changed.zone, changed.digits) as updated_at
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
    from pg_temp.landed_message()
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
        pg_temp.as_time(message.created_at, zones.zone, zones.digits), kept.created_at
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
