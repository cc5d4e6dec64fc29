with messages as (
    select * from {{ ref('stg_legacy_chat__messages') }}
),

message_types as (
    select * from {{ ref('message_types') }}
),

profiles as (
    select * from {{ ref('stg_legacy_chat__profiles') }}
),

existing_messages as (
    select * from {{ ref('stg_legacy_chat__chat_messages') }}
    where not is_published
),

skip_reasons as (
    select * from {{ ref('legacy_skip_reasons') }}
),

-- A type that the seed lacks: a message with a file is a file, any other is text.
typed as (
    select
        messages.*,
        coalesce(
            message_types.message_type,
            case
                when messages.legacy_type is null then 'text'
                when messages.file_url <> '' then 'file'
                else 'text'
            end
        ) as message_type,
        case
            when messages.legacy_type is null then 'type_null_to_text'
            when message_types.message_type is null then 'type_unknown'
        end as type_rule
    from messages
    left join message_types on messages.legacy_type = message_types.legacy_type
),

compared as (
    select
        typed.*,
        profiles.profile_id is not null as has_profile,
        existing_messages.message_id is null as is_new,
        (
            existing_messages.sender_id is not distinct from typed.sender_id
            and existing_messages.message_type is not distinct from typed.message_type
            and existing_messages.content
            is not distinct from coalesce(typed.content, '')
            and existing_messages.created_at is not distinct from typed.created_at
        ) as is_identical
    from typed
    left join profiles on typed.sender_id = profiles.profile_id
    left join existing_messages on typed.message_id = existing_messages.message_id
),

-- First match wins, in the order of legacy_skip_reasons.precedence.
decided as (
    select
        *,
        case
            when not has_profile then 'sender_without_profile'
            when not (is_new or is_identical) then 'message_id_taken'
        end as reason_id
    from compared
),

final as (
    select
        decided.message_id,
        decided.booking_id,
        decided.sender_id,
        decided.legacy_type,
        decided.message_type,
        decided.content,
        decided.file_url,
        decided.metadata,
        decided.is_read,
        decided.created_at,
        decided.type_rule,
        decided.reason_id,
        skip_reasons.reason,
        {{ file_key_of('decided.file_url') }} as file_key,
        case when decided.content is null then 'content_null_to_empty' end
            as content_rule,
        case when decided.is_read is null then 'is_read_null_to_false' end
            as is_read_rule,
        case when decided.created_at is null then 'created_at_null' end
            as created_at_rule,
        case when decided.reason_id is null then decided.message_id end
            as kept_message_id,
        -- The application has some messages in both tables already.
        case
            when decided.reason_id is not null then 'skipped'
            when decided.is_new then 'kept'
            else 'merged'
        end as fate
    from decided
    left join skip_reasons on decided.reason_id = skip_reasons.reason_id
)

select * from final
