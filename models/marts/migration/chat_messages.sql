with messages_resolved as (
    select * from {{ ref('int_messages_resolved') }}
),

final as (
    select
        message_uuid as id,
        kept_chat_id as chat_id,
        sender_id,
        content,
        is_read,
        has_image,
        created_at,
        source_chat_id,
        sender_role
    from messages_resolved
    -- The others are counted in merged_messages and skipped_messages.
    where fate = 'kept'
)

select * from final
