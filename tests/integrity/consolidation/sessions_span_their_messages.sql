-- A session's newest message is the newest of its rows, those that stood already among
-- them; no session is new without a message, and none that stands loses a later time.
with chat_sessions as (
    select * from {{ ref('chat_sessions') }}
),

extended_sessions as (
    select * from {{ ref('extended_sessions') }}
),

session_messages as (
    select * from {{ ref('session_messages') }}
),

existing_messages as (
    select * from {{ ref('stg_legacy_chat__chat_messages') }}
    where not is_published
),

sessions as (
    select
        id,
        last_message_at,
        null::timestamptz as previous_last_message_at
    from chat_sessions

    union all

    select
        id,
        last_message_at,
        previous_last_message_at
    from extended_sessions
),

dated as (
    select
        session_id,
        created_at,
        true as is_carried
    from session_messages

    union all

    select
        session_id,
        created_at,
        false as is_carried
    from existing_messages
),

newest as (
    select
        session_id,
        max(created_at) as created_at,
        bool_or(is_carried) as has_carried
    from dated
    group by session_id
)

select
    sessions.id,
    sessions.last_message_at,
    newest.created_at as newest_message_at
from sessions
left join newest on sessions.id = newest.session_id
where
    newest.has_carried is distinct from true
    or sessions.last_message_at is distinct from greatest(
        newest.created_at, sessions.previous_last_message_at
    )
