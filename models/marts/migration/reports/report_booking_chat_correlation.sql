with booking_activity as (
    select * from {{ ref('report_booking_activity') }}
),

final as (
    select
        booking_status,
        count(*) as booking_count,
        sum(chat_count)::bigint as chat_count,
        sum(message_count)::bigint as message_count,
        round(sum(message_count) / nullif(sum(chat_count), 0), 2)
            as avg_messages_per_chat,
        round(avg(message_count), 2) as avg_messages_per_booking
    from booking_activity
    group by booking_status
)

select * from final
