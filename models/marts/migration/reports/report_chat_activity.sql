with chats as (
    select * from {{ ref('chats') }}
),

chat_messages as (
    select * from {{ ref('chat_messages') }}
),

count_messages as (
    select
        chat_id,
        count(*) as message_count,
        min(created_at) as first_message_at,
        max(created_at) as last_message_at
    from chat_messages
    group by chat_id
),

final as (
    select
        chats.id as chat_id,
        chats.booking_id,
        chats.created_at,
        count_messages.first_message_at,
        count_messages.last_message_at,
        coalesce(count_messages.message_count, 0) as message_count
    from chats
    left join count_messages
        on chats.id = count_messages.chat_id
)

select * from final
