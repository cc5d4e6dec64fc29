with messages_resolved as (
    select * from {{ ref('int_messages_resolved') }}
),

final as (
    select
        source_row,
        message_id,
        chat_id,
        reason_id,
        reason
    from messages_resolved
    where fate = 'skipped'
)

select * from final
