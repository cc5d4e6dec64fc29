-- The messages that old clients never saw in the legacy tables: those that stood in the
-- new system before it was consolidated first, and those that came from legacy rows
-- which are deleted by now. Only the views use it.
create table {archive}.earlier_messages as
with alone as materialized (
    select
        message.id,
        {sent_at} as sent_at
    from {live}.chat_messages as message
    where
        not exists (
            select from {archive}.messages as stored
            where
                stored.id::uuid = message.id
                and stored.sender_id::uuid = message.sender_id
        )
        and not exists (
            select from {archive}.voice_notes as stored
            where
                stored.id::uuid = message.id
                and stored.user_id::uuid = message.sender_id
        )
        and not exists (
            select from {archive}.carried_notes as stored
            where stored.message_id = message.id and stored.is_own
        )
),

published as (
    select distinct ours.row_id
    from ({published}) as ours
),

first_run as (
    select min(runs.started_at) as started_at
    from {ledger}.runs as runs
    where
        runs.pipeline = 'consolidation'
        and runs.status not in ('loaded', 'built', 'rolled_back')
)

select alone.id as message_id
from alone
cross join first_run
left join published on alone.id = published.row_id
where
    published.row_id is not null
    or alone.sent_at is null
    or alone.sent_at < first_run.started_at;
alter table {archive}.earlier_messages add primary key (message_id);
comment on table {archive}.earlier_messages is
    'One row per message that the view of the legacy messages leaves out.';
analyze {archive}.earlier_messages;
