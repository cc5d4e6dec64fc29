with bookings as (
    select * from {{ ref('stg_mysql_dump__bookings') }}
),

repeated_bookings as (
    select * from {{ ref('int_bookings_repeated') }}
),

decided as (
    select
        bookings.source_row,
        bookings.booking_id,
        bookings.buyer_id,
        bookings.stylist_id,
        bookings.status,
        bookings.created_wall_clock,
        repeated_bookings.source_row is null as is_first_of_id,
        case
            when not {{ is_uuid('bookings.booking_id') }} then 'booking_id_not_uuid'
            when not repeated_bookings.is_identical then 'booking_id_taken'
        end as reason_id
    from bookings
    left join repeated_bookings on bookings.source_row = repeated_bookings.source_row
),

final as (
    select
        *,
        case
            when reason_id is not null then 'skipped'
            when is_first_of_id then 'kept'
            else 'merged'
        end as fate
    from decided
)

select * from final
