-- The images of migrated chats, whose session is the chat.
select
    media.id,
    message.chat_id,
    coalesce(media.owner_id, message.sender_id),
    media.file_path,
    media.chat_message_id
from {live}.media as media
left join {live}.chat_messages as message on media.chat_message_id = message.id
where media.file_path <> '' and media.media_type = 'chat_image'
