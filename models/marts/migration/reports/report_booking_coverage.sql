with booking_activity as (
    select * from {{ ref('report_booking_activity') }}
),

final as (
    select
        count(*) as completed_bookings,
        count(*) filter (where chat_count > 0) as with_chats,
        {{ percent('count(*) filter (where chat_count > 0)', 'count(*)') }}
            as coverage_percent
    from booking_activity
    where booking_status = 'completed'
)

select * from final
