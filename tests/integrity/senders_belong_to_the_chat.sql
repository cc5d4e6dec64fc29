-- A message is sent by its chat's customer or by its stylist, as its role says.
with chat_messages as (
    select * from {{ ref('chat_messages') }}
),

chats as (
    select * from {{ ref('chats') }}
)

select
    chat_messages.id as chat_message_id,
    chat_messages.sender_role,
    chat_messages.sender_id,
    chats.customer_id,
    chats.stylist_id
from chat_messages
inner join chats on chat_messages.chat_id = chats.id
where
    chat_messages.sender_id is distinct from case chat_messages.sender_role
        when 'customer' then chats.customer_id
        when 'stylist' then chats.stylist_id
    end
