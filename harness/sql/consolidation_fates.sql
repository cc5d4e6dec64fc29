-- What became of every landed message and voice note: the message that has it, and
-- whether that is live. No fate is a row that is lost.
create temporary table legacy_fates on commit drop as
with carried as (
    select
        origin,
        source_id,
        id as message_id,
        'migrated' as fate
    from expected_session_messages

    union all

    select
        'messages',
        id,
        id,
        'merged'
    from carried_messages
    where stands

    union all

    select
        'voice_notes',
        id,
        kept_id,
        'merged'
    from merged_notes
),

failed as (
    select row_id
    from {ledger}.failed_rows
    where run_id = {run_id} and table_name = 'chat_messages'
),

removed as (
    select row_id
    from {ledger}.left_rows
    where
        run_id = {run_id}
        and table_name = 'chat_messages'
        and reason = 'removed'

    union

    select row_id
    from {ledger}.published_rows
    where
        {in_use}
        and table_name = 'chat_messages'
        and rolled_back_at is null
        and superseded_by is null

    union

    select id
    from standing_messages
    where {in_use}
)

select
    carried.origin,
    carried.source_id,
    carried.message_id,
    case
        when live.id is not null then carried.fate
        when failed.row_id is not null then 'failed'
        when removed.row_id is not null then 'removed'
    end as fate
from carried
left join {messages} as live on carried.message_id = live.id
left join failed on carried.message_id = failed.row_id
left join removed on carried.message_id = removed.row_id

union all

select
    'messages',
    message.id,
    null,
    'skipped'
from {staging}.legacy_messages as message
left join {staging}.legacy_profiles as profile on message.sender_id = profile.id
left join standing_messages as standing on message.id = standing.id
left join carried_messages as carried on message.id = carried.id
where
    profile.id is null
    or (standing.id is not null and carried.id is null)

union all

select
    'voice_notes',
    note.id,
    null,
    'skipped'
from {staging}.legacy_voice_notes as note
left join {staging}.legacy_profiles as profile on note.user_id = profile.id
where
    profile.id is null
    or note.context_type is distinct from 'chat'
