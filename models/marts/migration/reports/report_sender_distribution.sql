with chat_messages as (
    select * from {{ ref('chat_messages') }}
),

count_by_role as (
    select
        sender_role,
        count(*) as message_count
    from chat_messages
    group by sender_role
),

final as (
    select
        sender_role,
        message_count,
        {{ percent('message_count', 'sum(message_count) over ()') }} as message_percent
    from count_by_role
)

select * from final
