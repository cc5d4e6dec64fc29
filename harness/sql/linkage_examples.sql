-- Five chats of each strategy, first those that it carries and strict does not, then
-- those that it leaves behind. No text, and of ids only a digest.
with ranked as (
    select
        chat.*,
        row_number() over (
            partition by chat.strategy
            order by
                chat.fate = 'skipped',
                chat.fate <> 'skipped' and strict.fate <> 'skipped',
                md5(chat.chat_id),
                chat.source_row
        ) as place
    from {transform}.int_chats_by_linkage as chat
    inner join {transform}.int_chats_by_linkage as strict
        on chat.source_row = strict.source_row and strict.strategy = 'strict'
),

shown as (
    select * from ranked where place <= 5
),

counted as (
    select
        counted.chat_id,
        sum(counted.message_count)::bigint as message_count
    from {transform}.int_messages_counted as counted
    where counted.chat_id in (select chat_id from shown)
    group by counted.chat_id
)

select
    shown.strategy,
    left(md5(shown.chat_id), 8) as chat,
    shown.fate,
    left(md5(coalesce(shown.kept_chat_id::text, '')), 8) as kept_chat,
    left(md5(shown.linked_booking_id), 8) as booking,
    coalesce(counted.message_count, 0) as message_count,
    case
        when shown.reason_id is null and shown.strategy like 'infer%'
            then inferred.confidence
    end as confidence,
    case
        when shown.reason_id is null and shown.strategy like 'infer%'
            then inferred.distance_microseconds
    end as distance_microseconds,
    reasons.reason
from shown
left join counted on shown.chat_id = counted.chat_id
left join {marts}.inferred_links as inferred
    on shown.source_row = inferred.source_row
left join (
    select distinct reason_id, reason from {marts}.linkage_reasons
    where table_name = 'chat'
) as reasons on shown.reason_id = reasons.reason_id
order by shown.strategy, shown.place
