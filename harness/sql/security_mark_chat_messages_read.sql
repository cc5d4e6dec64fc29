create or replace function {live}.mark_chat_messages_read(session_id uuid)
returns integer
language sql set search_path = '' as $body$
    select {private}.mark_messages_read($1)
$body$
