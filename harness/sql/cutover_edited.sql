-- Of the edited rows that an update through their view would carry to a message:
-- whether that message still is as it was published.
select
    'messages' as origin,
    edited.id::text as id,
    coalesce(
        message.sender_id = edited.sender_id
        and row({message_columns}) is not distinct from row({mart_columns})
        and mart.id is not null,
        false
    ) as is_untouched
from {private}.legacy_messages as edited
inner join {live}.chat_messages as message on edited.id = message.id
left join {consolidated}.chat_messages as mart on message.id = mart.id
where edited.id = any(%(messages)s::uuid [])

union all

select
    'voice_notes',
    edited.id::text,
    coalesce(
        message.sender_id = edited.user_id
        and row({message_columns}) is not distinct from row({mart_columns})
        and mart.id is not null,
        false
    )
from {private}.legacy_voice_notes as edited
cross join lateral {private}.message_of_note(edited.id) as carried
inner join {live}.chat_messages as message on carried.message_id = message.id
left join {consolidated}.chat_messages as mart on message.id = mart.id
where
    edited.id = any(%(voice_notes)s::uuid [])
    and (
        carried.is_own
        or exists (
            select from {private}.legacy_messages as stored
            where stored.id = message.id
        )
    )
order by 1, 2
