-- Every image message has one image, owned by its sender and of its time; no other
-- message has one (specification, SQL validation, 5).
with chat_messages as (
    select * from {{ ref('chat_messages') }}
    where has_image
),

media as (
    select * from {{ ref('media') }}
)

select
    chat_messages.id as chat_message_id,
    media.id as media_id
from chat_messages
full outer join media on chat_messages.id = media.chat_message_id
where
    chat_messages.id is null
    or media.id is null
    or chat_messages.sender_id <> media.owner_id
    or chat_messages.created_at <> media.created_at
