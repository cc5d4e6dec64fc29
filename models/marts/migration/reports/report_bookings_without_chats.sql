with booking_activity as (
    select * from {{ ref('report_booking_activity') }}
),

final as (
    select
        booking_id,
        booking_status
    from booking_activity
    -- The statuses of a booking that took place or will: others need no chat.
    where
        booking_status in ('completed', 'confirmed')
        and chat_count = 0
)

select * from final
