with chats as (
    select * from {{ ref('int_chats_checked') }}
),

bookings_migrated as (
    select * from {{ ref('int_bookings_migrated') }}
),

-- First match wins, in the order of skip_reasons.precedence.
final as (
    select
        chats.source_row,
        bookings_migrated.booking_id,
        bookings_migrated.customer_id,
        bookings_migrated.stylist_id,
        case
            when chats.reason_id is not null then chats.reason_id
            when bookings_migrated.booking_id is null then 'booking_not_migrated'
            when not bookings_migrated.is_in_dump then 'booking_not_found'
        end as reason_id
    from chats
    left join bookings_migrated on chats.booking_id = bookings_migrated.booking_id
)

select * from final
