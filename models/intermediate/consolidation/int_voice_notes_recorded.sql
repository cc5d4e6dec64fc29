with voice_notes as (
    select * from {{ ref('stg_legacy_chat__voice_notes') }}
),

messages_resolved as (
    select * from {{ ref('int_legacy_messages_resolved') }}
),

existing_messages as (
    select * from {{ ref('stg_legacy_chat__chat_messages') }}
    where not is_published
),

chat_notes as (
    select
        voice_note_id,
        sender_id,
        context_id,
        {{ file_key_of('file_url') }} as file_key
    from voice_notes
    where context_type = 'chat'
),

-- The messages that are carried come first: they can still be filled in.
recordings as (
    select
        1 as preference,
        kept_message_id as message_id,
        sender_id,
        file_key,
        booking_id as link_id,
        created_at
    from messages_resolved
    where fate <> 'skipped' and message_type = 'audio'

    union all

    select
        2 as preference,
        message_id,
        sender_id,
        {{ file_key_of('file_url') }} as file_key,
        session_id as link_id,
        created_at
    from existing_messages
    where message_type = 'audio'
),

-- One recording for each note: in the note's own chat, else the earliest.
final as (
    select distinct on (chat_notes.voice_note_id)
        chat_notes.voice_note_id,
        recordings.message_id
    from chat_notes
    inner join recordings
        on
            chat_notes.sender_id = recordings.sender_id
            and chat_notes.file_key = recordings.file_key
    order by
        chat_notes.voice_note_id,
        recordings.preference,
        recordings.link_id is distinct from chat_notes.context_id,
        recordings.created_at,
        recordings.message_id
)

select * from final
