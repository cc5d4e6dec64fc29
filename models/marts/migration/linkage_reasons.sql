with chats_by_linkage as (
    select * from {{ ref('int_chats_by_linkage') }}
    where reason_id is not null
),

messages_by_linkage as (
    select * from {{ ref('int_messages_by_linkage') }}
    where reason_id is not null
),

skip_reasons as (
    select * from {{ ref('skip_reasons') }}
),

skipped as (
    select
        strategy,
        'chat' as table_name,
        reason_id,
        null as is_from,
        count(*) as row_count
    from chats_by_linkage
    group by strategy, reason_id

    union all

    select
        strategy,
        'message' as table_name,
        reason_id,
        case when reason_id = 'sender_type_unknown' then coalesce(is_from, 'null') end
            as is_from,
        sum(message_count)::bigint as row_count
    from messages_by_linkage
    group by
        strategy,
        reason_id,
        case when reason_id = 'sender_type_unknown' then coalesce(is_from, 'null') end
),

final as (
    select
        skipped.strategy,
        skipped.table_name,
        skipped.reason_id,
        replace(skip_reasons.reason, '{is_from}', coalesce(skipped.is_from, ''))
            as reason,
        skipped.row_count
    from skipped
    inner join skip_reasons on skipped.reason_id = skip_reasons.reason_id
)

select * from final
