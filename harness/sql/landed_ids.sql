-- The landed rows with their ids as usual UUIDs, as functions of the session. What is
-- no UUID stays. This is deliberately not the models' SQL (see expected_rows).

-- An id in any form but the usual one: what PostgreSQL reads, a URN, and bytes that are
-- one or spell one. The usual one, of 36 bytes, is told before this is called.
create or replace function pg_temp.as_id(value text, is_swapped boolean) returns text
language plpgsql immutable as $$
declare
    bytes bytea;
begin
    if value ~ '^\\x[0-9a-f]{32}$' then
        bytes := decode(substr(value, 3), 'hex');
        -- UUID_TO_BIN(id, 1) puts bytes 6 and 7 first, then 4 and 5, then 0 to 3.
        if is_swapped then
            bytes := substring(bytes from 5 for 4)
                || substring(bytes from 3 for 2)
                || substring(bytes from 1 for 2)
                || substring(bytes from 9);
        end if;
        return encode(bytes, 'hex')::uuid::text;
    end if;
    begin
        return regexp_replace(
            case
                when value ~ '^\\x([0-9a-f][0-9a-f]){32,90}$'
                    then encode(decode(substr(value, 3), 'hex'), 'escape')
                else value
            end,
            '^urn:uuid:(?=[0-9a-f])', '', 'i'
        )::uuid::text;
    exception
        when invalid_text_representation then return value;
    end;
end;
$$;

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
        case
            when octet_length(booking.id) = 36 then booking.id
            else pg_temp.as_id(
                booking.id, (select pg_temp.landed_order('booking', 'id'))
            )
        end,
        case
            when octet_length(booking.buyer_id) = 36 then booking.buyer_id
            else pg_temp.as_id(
                booking.buyer_id, (select pg_temp.landed_order('booking', 'buyer_id'))
            )
        end,
        case
            when octet_length(booking.stylist_id) = 36 then booking.stylist_id
            else pg_temp.as_id(
                booking.stylist_id,
                (select pg_temp.landed_order('booking', 'stylist_id'))
            )
        end,
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
        case
            when octet_length(chat.id) = 36 then chat.id
            else pg_temp.as_id(chat.id, (select pg_temp.landed_order('chat', 'id')))
        end,
        case
            when octet_length(chat.booking_id) = 36 then chat.booking_id
            else pg_temp.as_id(
                chat.booking_id, (select pg_temp.landed_order('chat', 'booking_id'))
            )
        end,
        case
            when octet_length(chat.buyer_id) = 36 then chat.buyer_id
            else pg_temp.as_id(
                chat.buyer_id, (select pg_temp.landed_order('chat', 'buyer_id'))
            )
        end,
        case
            when octet_length(chat.stylist_id) = 36 then chat.stylist_id
            else pg_temp.as_id(
                chat.stylist_id, (select pg_temp.landed_order('chat', 'stylist_id'))
            )
        end,
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
        case
            when octet_length(message.id) = 36 then message.id
            else pg_temp.as_id(
                message.id, (select pg_temp.landed_order('message', 'id'))
            )
        end,
        case
            when octet_length(message.chat_id) = 36 then message.chat_id
            else pg_temp.as_id(
                message.chat_id, (select pg_temp.landed_order('message', 'chat_id'))
            )
        end,
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
        case
            when octet_length(mapping.old_id) = 36 then mapping.old_id
            else pg_temp.as_id(mapping.old_id, false)
        end,
        case
            when octet_length(mapping.new_id) = 36 then mapping.new_id
            else pg_temp.as_id(mapping.new_id, false)
        end
    from {staging}.user_id_mapping as mapping
$$;

create or replace function pg_temp.landed_created()
returns table (id text, success boolean) language sql stable as $$
    select
        case
            when octet_length(created.id) = 36 then created.id
            else pg_temp.as_id(created.id, false)
        end,
        created.success
    from {staging}.bookings_created as created
$$;
