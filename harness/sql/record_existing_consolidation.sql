-- The rows that stood where this run publishes, so that validation can tell them from
-- rows that do not belong: every session, and the messages of those that it brings or
-- brings forward. What a run of ours published is in the ledger already.
with sessions as (
    select id from {marts}.chat_sessions

    union all

    select id from {marts}.extended_sessions
)

insert into {ledger}.existing_rows (run_id, table_name, row_id)
select
    {run_id},
    'chat_sessions',
    live.id
from {live}.chat_sessions as live

union all

select
    {run_id},
    'chat_messages',
    messages.id
from {live}.chat_messages as messages
inner join sessions on messages.session_id = sessions.id
except
select
    {run_id},
    table_name,
    row_id
from {ledger}.published_rows
where rolled_back_at is null
on conflict do nothing
