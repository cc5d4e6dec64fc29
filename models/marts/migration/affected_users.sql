with skipped_chats as (
    select * from {{ ref('skipped_chats') }}
),

skipped_messages as (
    select * from {{ ref('skipped_messages') }}
),

chats as (
    select * from {{ ref('int_chats_checked') }}
),

bookings as (
    select * from {{ ref('int_bookings_resolved') }}
    where fate = 'kept'
),

user_id_mappings as (
    select * from {{ ref('stg_mysql_dump__user_id_mappings') }}
),

loads as (
    select * from {{ ref('stg_mysql_dump__loads') }}
),

skip_reasons as (
    select * from {{ ref('skip_reasons') }}
),

-- Where a chat does not name its people, its booking may.
peopled as (
    select
        chats.source_row,
        chats.chat_id,
        chats.is_first_of_id,
        coalesce(chats.buyer_id, bookings.buyer_id) as buyer_id,
        coalesce(chats.stylist_id, bookings.stylist_id) as stylist_id
    from chats
    left join bookings on chats.booking_id = bookings.booking_id
),

-- Both people of a chat miss what is left behind of it, whoever wrote it. A message
-- whose chat the dump does not have is nobody's that we know.
left_behind as (
    select
        peopled.buyer_id,
        peopled.stylist_id,
        skipped_chats.reason_id,
        1 as chat_count,
        0 as message_count
    from skipped_chats
    inner join peopled on skipped_chats.source_row = peopled.source_row

    union all

    select
        peopled.buyer_id,
        peopled.stylist_id,
        skipped_messages.reason_id,
        0 as chat_count,
        1 as message_count
    from skipped_messages
    inner join peopled on skipped_messages.chat_id = peopled.chat_id
    where peopled.is_first_of_id
),

by_user as (
    select
        buyer_id as old_user_id,
        'customer' as role,
        reason_id,
        chat_count,
        message_count
    from left_behind
    where buyer_id is not null

    union all

    select
        stylist_id as old_user_id,
        'stylist' as role,
        reason_id,
        chat_count,
        message_count
    from left_behind
    where stylist_id is not null
),

by_reason as (
    select
        by_user.old_user_id,
        by_user.role,
        sum(by_user.chat_count) as chat_count,
        sum(by_user.message_count) as message_count,
        -- The value that a reason quotes is of no use to customer support.
        replace(skip_reasons.reason, ': {is_from}', '') as reason,
        count(*) as row_count
    from by_user
    inner join skip_reasons on by_user.reason_id = skip_reasons.reason_id
    group by by_user.old_user_id, by_user.role, skip_reasons.reason
),

summed as (
    select
        old_user_id,
        role,
        sum(chat_count)::bigint as chats_left,
        sum(message_count)::bigint as messages_left,
        string_agg(
            reason || ' (' || row_count || ')', '; ' order by row_count desc, reason asc
        ) as reasons
    from by_reason
    group by old_user_id, role
),

new_user_ids as (
    select distinct on (old_user_id)
        old_user_id,
        new_user_id
    from user_id_mappings
    order by old_user_id, source_row
),

-- Without the file ids stay; with it, an id that it does not list has no new one.
mapping_mode as (
    select coalesce(bool_or(has_users_file), false) as has_mapping
    from loads
),

final as (
    select
        summed.old_user_id,
        case
            when mapping_mode.has_mapping then {{ to_uuid('new_user_ids.new_user_id') }}
            else {{ to_uuid('summed.old_user_id') }}
        end as new_user_id,
        summed.role,
        summed.chats_left,
        summed.messages_left,
        summed.reasons
    from summed
    cross join mapping_mode
    left join new_user_ids on summed.old_user_id = new_user_ids.old_user_id
)

select * from final
