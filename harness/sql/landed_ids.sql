-- The landed rows with their ids as usual UUIDs, read by functions of the session. What is
-- no UUID stays. This is deliberately not the models' SQL (see expected_rows).

-- An id of the dump in any form but the usual one, null when it is no UUID: what
-- PostgreSQL reads, a URN, and bytes that are a UUID or spell one.
create or replace function pg_temp.as_usual(value text, is_swapped boolean)
returns text language plpgsql immutable as $$
declare
    bytes bytea;
begin
    if value ~ '^\\x([0-9a-f][0-9a-f]){16,90}$' then
        bytes := decode(substr(value, 3), 'hex');
        if length(bytes) = 16 then
            -- UUID_TO_BIN(id, 1) puts bytes 6 and 7 first, then 4 and 5, then 0 to 3.
            if is_swapped then
                bytes := substring(bytes from 5 for 4)
                    || substring(bytes from 3 for 2)
                    || substring(bytes from 1 for 2)
                    || substring(bytes from 9);
            end if;
            return encode(bytes, 'hex')::uuid::text;
        end if;
        value := encode(bytes, 'escape');
    end if;
    return regexp_replace(value, '^urn:uuid:(?=[0-9a-f])', '', 'i')::uuid::text;
exception
    when invalid_text_representation then return null;
end;
$$;

create or replace function pg_temp.as_id(value text, is_swapped boolean) returns text
language sql immutable
return case
    when octet_length(value) = 36 or value is null then lower(value)
    else coalesce(pg_temp.as_usual(value, is_swapped), lower(value))
end;

-- The order of the bytes as the load found it; an earlier version's says nothing of it.
create or replace function pg_temp.landed_order(of_table text, of_column text)
returns boolean language sql stable as $$
    select (to_jsonb(columns) ->> 'is_time_swapped')::boolean
    from {staging}.loaded_columns as columns
    where columns.table_name = of_table and columns.column_name = of_column
$$;

create or replace function pg_temp.landed_booking()
returns table (
    _row bigint, id text, buyer_id text, stylist_id text, status text, created_at text
) language sql stable as $$
    select
        booking._row,
        pg_temp.as_id(booking.id, (select pg_temp.landed_order('booking', 'id'))),
        pg_temp.as_id(
            booking.buyer_id, (select pg_temp.landed_order('booking', 'buyer_id'))
        ),
        pg_temp.as_id(
            booking.stylist_id, (select pg_temp.landed_order('booking', 'stylist_id'))
        ),
        booking.status,
        booking.created_at
    from {staging}.booking as booking
$$;

create or replace function pg_temp.landed_chat()
returns table (
    _row bigint, id text, booking_id text, buyer_id text, stylist_id text,
    is_active text, created_at text, updated_at text
) language sql stable as $$
    select
        chat._row,
        pg_temp.as_id(chat.id, (select pg_temp.landed_order('chat', 'id'))),
        pg_temp.as_id(
            chat.booking_id, (select pg_temp.landed_order('chat', 'booking_id'))
        ),
        pg_temp.as_id(chat.buyer_id, (select pg_temp.landed_order('chat', 'buyer_id'))),
        pg_temp.as_id(
            chat.stylist_id, (select pg_temp.landed_order('chat', 'stylist_id'))
        ),
        chat.is_active,
        chat.created_at,
        chat.updated_at
    from {staging}.chat as chat
$$;

create or replace function pg_temp.landed_message()
returns table (
    _row bigint, id text, chat_id text, message text, is_from text,
    is_unread text, is_image text, created_at text
) language sql stable as $$
    select
        message._row,
        pg_temp.as_id(message.id, (select pg_temp.landed_order('message', 'id'))),
        pg_temp.as_id(
            message.chat_id, (select pg_temp.landed_order('message', 'chat_id'))
        ),
        message.message,
        message.is_from,
        message.is_unread,
        message.is_image,
        message.created_at
    from {staging}.message as message
$$;

create or replace function pg_temp.landed_mapping()
returns table (_row bigint, old_id text, new_id text) language sql stable as $$
    select
        mapping._row,
        pg_temp.as_id(mapping.old_id, false),
        pg_temp.as_id(mapping.new_id, false)
    from {staging}.user_id_mapping as mapping
$$;

create or replace function pg_temp.landed_created()
returns table (id text, success boolean) language sql stable as $$
    select
        pg_temp.as_id(created.id, false),
        created.success
    from {staging}.bookings_created as created
$$;
