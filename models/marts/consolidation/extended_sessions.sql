with sessions_filled as (
    select * from {{ ref('int_sessions_filled') }}
    -- The others are new, in chat_sessions.
    where session_kind = 'existing'
),

chat_sessions as (
    select * from {{ ref('stg_legacy_chat__chat_sessions') }}
),

final as (
    select
        sessions_filled.session_id as id,
        greatest(sessions_filled.last_message_at, chat_sessions.last_message_at)
            as last_message_at,
        chat_sessions.last_message_at as previous_last_message_at,
        sessions_filled.row_count as messages_added
    from sessions_filled
    inner join chat_sessions on sessions_filled.session_id = chat_sessions.session_id
)

select * from final
