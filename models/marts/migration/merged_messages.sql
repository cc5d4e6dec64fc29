with messages_resolved as (
    select * from {{ ref('int_messages_resolved') }}
),

final as (
    select
        source_row,
        message_id,
        message_uuid as kept_message_id
    from messages_resolved
    where fate = 'merged'
)

select * from final
