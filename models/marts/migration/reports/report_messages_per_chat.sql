with chat_activity as (
    select * from {{ ref('report_chat_activity') }}
),

final as (
    select
        count(*) as chat_count,
        coalesce(sum(message_count), 0)::bigint as message_count,
        count(*) filter (where message_count = 0) as chats_without_messages,
        round(avg(message_count), 2) as avg_messages_per_chat,
        min(message_count) as min_messages,
        percentile_disc(0.5) within group (order by message_count) as median_messages,
        max(message_count) as max_messages
    from chat_activity
)

select * from final
