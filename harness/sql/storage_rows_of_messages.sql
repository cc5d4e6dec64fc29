-- The messages that name a file; the column of a message's id is for media alone.
select
    id,
    session_id,
    sender_id,
    file_url,
    id
from {live}.chat_messages
where file_url <> ''
