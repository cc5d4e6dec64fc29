{#-
    Only a warning, as in the specification (SQL validation, 6): the old system did hold such
    messages, they are shown in the right order all the same, and another time would be a
    guess.
-#}
{{ config(severity='warn') }}

-- No message was sent before its chat was created.
with chat_messages as (
    select * from {{ ref('chat_messages') }}
),

chats as (
    select * from {{ ref('chats') }}
)

select
    chat_messages.id as chat_message_id,
    chat_messages.created_at,
    chats.id as chat_id,
    chats.created_at as chat_created_at
from chat_messages
inner join chats on chat_messages.chat_id = chats.id
where chat_messages.created_at < chats.created_at
