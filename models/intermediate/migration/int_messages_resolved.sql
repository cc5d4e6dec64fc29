with messages as (
    select * from {{ ref('stg_mysql_dump__messages') }}
),

repeated_messages as (
    select * from {{ ref('int_messages_repeated') }}
),

-- Messages belong to the chat that first has the id, as every later row of it does.
chats as (
    select * from {{ ref('int_chats_linked') }}
    where is_first_of_id
),

time_zones as (
    select * from {{ ref('int_source_time_zones') }}
),

sender_roles as (
    select * from {{ ref('sender_roles') }}
),

skip_reasons as (
    select * from {{ ref('skip_reasons') }}
),

timed as (
    select
        messages.*,
        time_zones.message_created_at_zone as created_at_zone,
        {{ to_column_time(
            'messages.created_wall_clock', 'time_zones.message_created_at_digits'
        ) }} as created_column_time
    from messages
    cross join time_zones
),

-- Materialized, or the planner would run the checks again wherever their outcome is
-- used: six times a row, which was most of the time.
checked as materialized (
    select
        *,
        {{ to_uuid('message_id') }} as message_uuid,
        {{ to_instant('created_column_time', 'created_at_zone') }} as own_created_at
    from timed
),

attributed as (
    select
        checked.*,
        chats.chat_uuid as source_chat_id,
        chats.kept_chat_id,
        chats.kept_chat_created_at,
        chats.fate as chat_fate,
        sender_roles.sender_role,
        repeated_messages.source_row is null as is_first_of_id,
        repeated_messages.is_identical,
        case sender_roles.sender_role
            when 'customer' then chats.customer_id
            when 'stylist' then chats.stylist_id
        end as sender_id
    from checked
    left join repeated_messages on checked.source_row = repeated_messages.source_row
    left join chats on checked.chat_id = chats.chat_id
    left join sender_roles on checked.is_from = sender_roles.is_from
),

-- First match wins, in the order of skip_reasons.precedence.
decided as (
    select
        *,
        case
            when message_uuid is null then 'message_id_not_uuid'
            when not is_identical then 'message_id_taken'
            when chat_fate is null then 'chat_not_found'
            when chat_fate = 'skipped' then 'chat_not_processed'
            when sender_role is null then 'sender_type_unknown'
            when sender_id is null then 'sender_not_mapped'
        end as reason_id
    from attributed
),

final as (
    select
        decided.source_row,
        decided.message_id,
        decided.message_uuid,
        decided.chat_id,
        decided.source_chat_id,
        decided.kept_chat_id,
        decided.sender_id,
        decided.sender_role,
        decided.content as content_text,
        decided.is_unread,
        decided.is_image,
        decided.created_at_text,
        decided.reason_id,
        coalesce(decided.content, '') as content,
        coalesce(decided.is_unread = '0', false) as is_read,
        coalesce(decided.is_image = '1', false) as has_image,
        coalesce(decided.own_created_at, decided.kept_chat_created_at) as created_at,
        replace(
            skip_reasons.reason, '{is_from}', coalesce(decided.is_from, 'null')
        ) as reason,
        case when decided.content is null then 'content_null_to_empty' end
            as content_rule,
        case
            when decided.is_unread is null or decided.is_unread not in ('0', '1')
                then 'is_unread_not_boolean'
        end as is_unread_rule,
        case
            when decided.is_image is null or decided.is_image not in ('0', '1')
                then 'is_image_not_boolean'
        end as is_image_rule,
        {{ time_rule(
            'created_at',
            'decided.created_at_text',
            'decided.created_wall_clock',
            'decided.created_column_time',
            'decided.created_at_zone',
            'decided.own_created_at',
        ) }} as created_at_rule,
        case
            when decided.reason_id is not null then 'skipped'
            when decided.is_first_of_id then 'kept'
            else 'merged'
        end as fate
    from decided
    left join skip_reasons on decided.reason_id = skip_reasons.reason_id
)

select * from final
