with chat_messages as (
    select * from {{ ref('chat_messages') }}
),

final as (
    select
        sender_role,
        count(distinct chat_id) as chats_participated,
        count(distinct sender_id) as sender_count,
        count(*) as message_count,
        round(avg(length(content)), 2) as avg_message_characters
    from chat_messages
    group by sender_role
)

select * from final
