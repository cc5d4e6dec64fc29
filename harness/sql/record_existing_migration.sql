-- The rows that stood where this run publishes, so that validation can tell them from
-- rows that do not belong: every chat, and what hangs on the chats of the marts. What a
-- run of ours published is in the ledger already.
insert into {ledger}.existing_rows (run_id, table_name, row_id)
select
    {run_id},
    'chats',
    chats.id
from {live}.chats as chats

union all

select
    {run_id},
    'chat_messages',
    messages.id
from {live}.chat_messages as messages
inner join {marts}.chats as chats on messages.chat_id = chats.id

union all

select
    {run_id},
    'media',
    media.id
from {live}.media as media
inner join {live}.chat_messages as messages on media.chat_message_id = messages.id
inner join {marts}.chats as chats on messages.chat_id = chats.id
except
select
    {run_id},
    table_name,
    row_id
from {ledger}.published_rows
where rolled_back_at is null
on conflict do nothing
