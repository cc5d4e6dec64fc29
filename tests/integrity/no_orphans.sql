-- No row stands without its parent: a chat's booking is one that phase 4 created, a
-- message's chat is in chats, an image's message is in chat_messages (specification,
-- "Alerting Thresholds": more than 0 stops the migration).
with chats as (
    select * from {{ ref('chats') }}
),

chat_messages as (
    select * from {{ ref('chat_messages') }}
),

media as (
    select * from {{ ref('media') }}
),

bookings_created as (
    select * from {{ ref('stg_mysql_dump__bookings_created') }}
    where is_created
),

orphans as (
    select
        'chats' as table_name,
        chats.id,
        chats.booking_id as missing_id
    from chats
    left join bookings_created on chats.booking_id::text = bookings_created.booking_id
    -- By linkage 'participants' a chat has no booking to miss.
    where chats.booking_id is not null and bookings_created.booking_id is null

    union all

    select
        'chat_messages' as table_name,
        chat_messages.id,
        chat_messages.chat_id as missing_id
    from chat_messages
    left join chats on chat_messages.chat_id = chats.id
    where chats.id is null

    union all

    select
        'media' as table_name,
        media.id,
        media.chat_message_id as missing_id
    from media
    left join chat_messages on media.chat_message_id = chat_messages.id
    where chat_messages.id is null
)

select * from orphans
