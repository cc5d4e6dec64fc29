with chat_messages as (
    select * from {{ ref('chat_messages') }}
),

count_by_state as (
    select
        is_read,
        count(*) as message_count
    from chat_messages
    group by is_read
),

final as (
    select
        is_read,
        message_count,
        {{ percent('message_count', 'sum(message_count) over ()') }} as message_percent
    from count_by_state
)

select * from final
