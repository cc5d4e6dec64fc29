with chat_activity as (
    select * from {{ ref('report_chat_activity') }}
),

booking_activity as (
    select * from {{ ref('report_booking_activity') }}
),

label_chats as (
    select
        chat_activity.message_count,
        case
            when chat_activity.booking_id is null then 'no booking'
            else coalesce(booking_activity.booking_status, 'unknown')
        end as booking_status
    from chat_activity
    left join booking_activity
        on chat_activity.booking_id = booking_activity.booking_id
),

final as (
    select
        booking_status,
        count(*) as chat_count,
        sum(message_count)::bigint as message_count,
        round(avg(message_count), 2) as avg_messages_per_chat
    from label_chats
    group by booking_status
)

select * from final
