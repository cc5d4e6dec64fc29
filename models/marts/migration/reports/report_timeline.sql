with chats as (
    select * from {{ ref('chats') }}
),

chat_messages as (
    select * from {{ ref('chat_messages') }}
),

count_chats as (
    select
        count(*) as chat_count,
        count(*) filter (where updated_at < created_at) as chats_updated_before_created
    from chats
),

count_messages as (
    select
        count(*) as message_count,
        count(*) filter (
            where chat_messages.created_at < chats.created_at
        ) as messages_before_chat
    from chat_messages
    inner join chats
        on chat_messages.chat_id = chats.id
),

final as (
    select
        count_chats.chat_count,
        count_chats.chats_updated_before_created,
        count_messages.message_count,
        count_messages.messages_before_chat
    from count_chats
    cross join count_messages
)

select * from final
