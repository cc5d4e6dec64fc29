with chats as (
    select * from {{ ref('int_chats_checked') }}
),

links_explicit as (
    select * from {{ ref('int_links_explicit') }}
),

bookings_dated as (
    select * from {{ ref('int_bookings_dated') }}
),

-- A copy of a chat follows the first row of its id.
chats_in_need as (
    select
        chats.buyer_id,
        chats.stylist_id,
        array_agg(chats.source_row order by chats.created_at, chats.chat_uuid)
            as chat_rows,
        array_agg(
            {{ to_microseconds('chats.created_at') }}
            order by chats.created_at, chats.chat_uuid
        ) as chat_times
    from chats
    inner join links_explicit on chats.source_row = links_explicit.source_row
    where
        chats.reason_id is null
        and chats.is_first_of_id
        and links_explicit.reason_id is not null
    group by chats.buyer_id, chats.stylist_id
),

free_bookings as (
    select
        buyer_id,
        old_stylist_id,
        array_agg(booking_id order by booked_at, booking_id) as booking_ids,
        array_agg(
            {{ to_microseconds('booked_at') }} order by booked_at, booking_id
        ) as booking_times
    from bookings_dated
    where not is_claimed
    group by buyer_id, old_stylist_id
),

-- The inner join leaves out who has nothing to be matched with.
paired as (
    select
        chats_in_need.*,
        free_bookings.booking_ids,
        free_bookings.booking_times,
        cardinality(chats_in_need.chat_rows)
        <= cardinality(free_bookings.booking_ids) as has_fewer_chats
    from chats_in_need
    inner join free_bookings
        on
            chats_in_need.buyer_id = free_bookings.buyer_id
            and chats_in_need.stylist_id = free_bookings.old_stylist_id
),

final as (
    select
        row_number() over (order by buyer_id, stylist_id) as pair_number,
        chat_rows,
        chat_times,
        booking_ids,
        booking_times,
        has_fewer_chats,
        case when has_fewer_chats then chat_times else booking_times end
            as fewer_times,
        case when has_fewer_chats then booking_times else chat_times end
            as more_times
    from paired
)

select * from final
