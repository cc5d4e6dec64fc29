with chat_messages as (
    select * from {{ ref('chat_messages') }}
),

final as (
    select
        {{ month_of('created_at') }} as month_starts_on,
        count(*) as message_count,
        count(distinct chat_id) as active_chats,
        count(distinct sender_id) as active_senders,
        round(avg(length(content)), 2) as avg_message_characters
    from chat_messages
    group by 1
)

select * from final
