-- No row stands without its parents: a message's session is new or stands already, its
-- sender has a profile; a booking session's booking exists; what a row was merged into
-- is carried or stands already.
with chat_sessions as (
    select * from {{ ref('chat_sessions') }}
),

session_messages as (
    select * from {{ ref('session_messages') }}
),

extended_sessions as (
    select * from {{ ref('extended_sessions') }}
),

merged_rows as (
    select * from {{ ref('merged_legacy_rows') }}
),

existing_messages as (
    select * from {{ ref('stg_legacy_chat__chat_messages') }}
    where not is_published
),

profiles as (
    select * from {{ ref('stg_legacy_chat__profiles') }}
),

bookings as (
    select * from {{ ref('stg_legacy_chat__bookings') }}
),

sessions as (
    select id from chat_sessions

    union all

    select id from extended_sessions
),

messages as (
    select id from session_messages

    union all

    select message_id as id from existing_messages
),

orphans as (
    select
        'chat_messages' as table_name,
        session_messages.id,
        session_messages.session_id as missing_id
    from session_messages
    left join sessions on session_messages.session_id = sessions.id
    where sessions.id is null

    union all

    select
        'chat_messages' as table_name,
        session_messages.id,
        session_messages.sender_id as missing_id
    from session_messages
    left join profiles on session_messages.sender_id = profiles.profile_id
    where profiles.profile_id is null

    union all

    select
        'chat_sessions' as table_name,
        chat_sessions.id,
        chat_sessions.booking_id as missing_id
    from chat_sessions
    left join bookings on chat_sessions.booking_id = bookings.booking_id
    where chat_sessions.type = 'booking' and bookings.booking_id is null

    union all

    select
        'merged_legacy_rows' as table_name,
        merged_rows.source_id as id,
        merged_rows.kept_message_id as missing_id
    from merged_rows
    left join messages on merged_rows.kept_message_id = messages.id
    where messages.id is null
)

select * from orphans
