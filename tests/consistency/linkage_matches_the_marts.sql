-- The comparison says of the chosen strategy what the marts hold, and of every strategy
-- that each chat and each message that could be read has one fate.
with linkage_strategies as (
    select * from {{ ref('linkage_strategies') }}
),

linkage_reasons as (
    select * from {{ ref('linkage_reasons') }}
),

reconciliation as (
    select * from {{ ref('reconciliation') }}
),

totals as (
    select
        max(rows_read - rows_rejected) filter (where table_name = 'chat') as chats,
        max(rows_read - rows_rejected) filter (where table_name = 'message')
            as messages,
        max(rows_kept) filter (where table_name = 'chat') as chats_kept,
        max(rows_merged) filter (where table_name = 'chat') as chats_merged,
        max(rows_kept) filter (where table_name = 'message') as messages_kept,
        max(rows_skipped) filter (where table_name = 'message') as messages_skipped
    from reconciliation
),

reasons as (
    select
        strategy,
        sum(row_count) filter (where table_name = 'chat') as chats_with_reason,
        sum(row_count) filter (where table_name = 'message') as messages_with_reason
    from linkage_reasons
    group by strategy
)

select
    linkage_strategies.*,
    totals.*
from linkage_strategies
cross join totals
left join reasons on linkage_strategies.strategy = reasons.strategy
where
    linkage_strategies.chats_kept
    + linkage_strategies.chats_merged
    + linkage_strategies.chats_skipped <> totals.chats
    or linkage_strategies.messages_kept
    + linkage_strategies.messages_merged
    + linkage_strategies.messages_skipped <> totals.messages
    or linkage_strategies.chats_skipped <> coalesce(reasons.chats_with_reason, 0)
    or linkage_strategies.messages_skipped <> coalesce(reasons.messages_with_reason, 0)
    or (
        linkage_strategies.is_chosen
        and (
            linkage_strategies.chats_kept <> totals.chats_kept
            or linkage_strategies.chats_merged <> totals.chats_merged
            or linkage_strategies.messages_kept <> totals.messages_kept
            or linkage_strategies.messages_skipped <> totals.messages_skipped
        )
    )
