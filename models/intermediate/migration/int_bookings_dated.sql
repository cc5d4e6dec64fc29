with bookings_migrated as (
    select * from {{ ref('int_bookings_migrated') }}
),

bookings as (
    select * from {{ ref('int_bookings_resolved') }}
),

chats as (
    select * from {{ ref('stg_mysql_dump__chats') }}
),

time_zones as (
    select * from {{ ref('int_source_time_zones') }}
),

-- Also a chat that stays behind says whose booking it is.
claimed as (
    select distinct booking_id
    from chats
    where booking_id is not null
),

final as (
    select
        bookings_migrated.booking_id,
        bookings.buyer_id,
        bookings.stylist_id as old_stylist_id,
        bookings_migrated.customer_id,
        bookings_migrated.stylist_id,
        claimed.booking_id is not null as is_claimed,
        coalesce(
            {{ to_instant(
                to_column_time(
                    'bookings.created_wall_clock', 'time_zones.booking_created_at_digits'
                ),
                'time_zones.booking_created_at_zone',
            ) }},
            timestamptz '1970-01-01 00:00:00+00'
        ) as booked_at
    from bookings_migrated
    inner join bookings
        on bookings_migrated.booking_id = bookings.booking_id and bookings.fate = 'kept'
    cross join time_zones
    left join claimed on bookings_migrated.booking_id = claimed.booking_id
)

select * from final
