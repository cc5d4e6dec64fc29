with voice_notes as (
    select * from {{ ref('stg_legacy_chat__voice_notes') }}
),

recorded_notes as (
    select * from {{ ref('int_voice_notes_recorded') }}
),

profiles as (
    select * from {{ ref('stg_legacy_chat__profiles') }}
),

messages as (
    select * from {{ ref('stg_legacy_chat__messages') }}
),

existing_messages as (
    select * from {{ ref('stg_legacy_chat__chat_messages') }}
    where not is_published
),

skip_reasons as (
    select * from {{ ref('legacy_skip_reasons') }}
),

taken_ids as (
    select message_id from messages

    union distinct

    select message_id from existing_messages
),

-- First match wins, in the order of legacy_skip_reasons.precedence.
decided as (
    select
        voice_notes.*,
        {{ file_key_of('voice_notes.file_url') }} as file_key,
        recorded_notes.message_id as recorded_message_id,
        case
            when taken_ids.message_id is null then voice_notes.voice_note_id
            else {{ uuid_v3(
                voice_note_namespace(), 'voice_notes.voice_note_id::text'
            ) }}
        end as message_id,
        case
            when coalesce(voice_notes.context_type, '') <> 'chat'
                then 'not_part_of_chat'
            when profiles.profile_id is null then 'sender_without_profile'
        end as reason_id
    from voice_notes
    left join recorded_notes on voice_notes.voice_note_id = recorded_notes.voice_note_id
    left join profiles on voice_notes.sender_id = profiles.profile_id
    left join taken_ids on voice_notes.voice_note_id = taken_ids.message_id
),

-- A recording may stand twice among the voice notes themselves: the first one is kept.
ordered as (
    select
        voice_note_id,
        first_value(message_id) over (
            partition by sender_id, coalesce(file_key, voice_note_id::text)
            order by created_at, voice_note_id
        ) as first_message_id
    from decided
    where reason_id is null and recorded_message_id is null
),

final as (
    select
        decided.voice_note_id,
        decided.message_id,
        decided.sender_id,
        decided.file_url,
        decided.duration_seconds,
        decided.context_type,
        decided.context_id,
        decided.created_at,
        decided.reason_id,
        nullif(decided.file_name, '') as file_name,
        nullif(decided.file_size_bytes, 0) as file_size_bytes,
        -- The new system has no column for what is said.
        case
            when decided.transcription is null then decided.metadata
            when coalesce(jsonb_typeof(decided.metadata), 'object') <> 'object'
                then jsonb_build_object(
                    'metadata', decided.metadata, 'transcription', decided.transcription
                )
            else
                coalesce(decided.metadata, '{}')
                || jsonb_build_object('transcription', decided.transcription)
        end as metadata,
        replace(
            skip_reasons.reason,
            '{context_type}',
            coalesce(decided.context_type, 'null')
        ) as reason,
        case when decided.created_at is null then 'created_at_null' end
            as created_at_rule,
        case
            when decided.reason_id is null
                then coalesce(decided.recorded_message_id, ordered.first_message_id)
        end as kept_message_id,
        case
            when decided.reason_id is not null then 'skipped'
            when ordered.first_message_id = decided.message_id then 'kept'
            else 'merged'
        end as fate
    from decided
    left join ordered on decided.voice_note_id = ordered.voice_note_id
    left join skip_reasons on decided.reason_id = skip_reasons.reason_id
)

select * from final
