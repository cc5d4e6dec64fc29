with messages_resolved as (
    select * from {{ ref('int_legacy_messages_resolved') }}
),

voice_notes_resolved as (
    select * from {{ ref('int_voice_notes_resolved') }}
),

unioned as (
    select
        'messages' as origin,
        message_id as source_id,
        message_id,
        kept_message_id,
        sender_id,
        booking_id as link_id,
        legacy_type,
        message_type,
        content as legacy_content,
        coalesce(content, '') as content,
        file_url,
        null::text as file_name,
        null::bigint as file_size_bytes,
        null::integer as duration_seconds,
        metadata,
        coalesce(is_read, false) as is_read,
        created_at,
        content_rule,
        type_rule,
        is_read_rule,
        created_at_rule,
        reason_id,
        reason,
        fate
    from messages_resolved

    union all

    select
        'voice_notes' as origin,
        voice_note_id as source_id,
        message_id,
        kept_message_id,
        sender_id,
        context_id as link_id,
        null::text as legacy_type,
        'audio' as message_type,
        null::text as legacy_content,
        'Voice message' as content,
        file_url,
        file_name,
        file_size_bytes,
        duration_seconds,
        metadata,
        false as is_read,
        created_at,
        null as content_rule,
        null as type_rule,
        null as is_read_rule,
        created_at_rule,
        reason_id,
        reason,
        fate
    from voice_notes_resolved
),

-- What the first of a message's merged voice notes knows of their recording.
fillings as (
    select distinct on (kept_message_id)
        kept_message_id,
        file_name,
        file_size_bytes,
        duration_seconds,
        metadata
    from voice_notes_resolved
    where fate = 'merged'
    order by kept_message_id, created_at, voice_note_id
),

final as (
    select
        unioned.origin,
        unioned.source_id,
        unioned.message_id,
        unioned.kept_message_id,
        unioned.sender_id,
        unioned.link_id,
        unioned.legacy_type,
        unioned.message_type,
        unioned.legacy_content,
        unioned.content,
        unioned.file_url,
        unioned.is_read,
        unioned.created_at,
        unioned.content_rule,
        unioned.type_rule,
        unioned.is_read_rule,
        unioned.created_at_rule,
        unioned.reason_id,
        unioned.reason,
        unioned.fate,
        coalesce(
            unioned.file_name,
            fillings.file_name,
            {{ file_name_of('unioned.file_url') }}
        ) as file_name,
        coalesce(unioned.file_size_bytes, fillings.file_size_bytes, 0) as file_size,
        coalesce(unioned.duration_seconds, fillings.duration_seconds)
            as duration_seconds,
        -- Both notes are kept; where both have a word, the message's own counts.
        case
            when coalesce(jsonb_typeof(fillings.metadata), 'null') = 'null'
                then unioned.metadata
            when coalesce(jsonb_typeof(unioned.metadata), 'null') = 'null'
                then fillings.metadata
            else
                {{ as_json_object('fillings.metadata') }}
                || {{ as_json_object('unioned.metadata') }}
        end as metadata
    from unioned
    left join fillings
        on unioned.fate = 'kept' and unioned.message_id = fillings.kept_message_id
)

select * from final
