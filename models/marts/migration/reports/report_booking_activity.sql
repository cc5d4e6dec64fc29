with bookings as (
    select * from {{ ref('int_bookings_migrated') }}
),

chat_activity as (
    select * from {{ ref('report_chat_activity') }}
),

sum_activity as (
    select
        booking_id,
        count(*) as chat_count,
        sum(message_count)::bigint as message_count
    from chat_activity
    group by booking_id
),

final as (
    select
        bookings.booking_id::uuid as booking_id,
        coalesce(bookings.status, 'unknown') as booking_status,
        coalesce(sum_activity.chat_count, 0) as chat_count,
        coalesce(sum_activity.message_count, 0) as message_count
    from bookings
    left join sum_activity
        on bookings.booking_id::uuid = sum_activity.booking_id
)

select * from final
