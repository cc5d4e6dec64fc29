with chats_by_linkage as (
    select * from {{ ref('int_chats_by_linkage') }}
),

messages_by_linkage as (
    select * from {{ ref('int_messages_by_linkage') }}
),

strategies as (
    select
        strategies.strategy,
        strategies.strategy = '{{ linkage_strategy() }}' as is_chosen
    from (
        values ('strict'), ('infer'), ('infer and merge'), ('participants')
    ) as strategies (strategy)
),

chat_counts as (
    select
        strategy,
        count(*) filter (where fate = 'kept') as chats_kept,
        count(*) filter (where fate = 'merged') as chats_merged,
        count(*) filter (where fate = 'skipped') as chats_skipped
    from chats_by_linkage
    group by strategy
),

message_counts as (
    select
        strategy,
        sum(message_count) filter (where fate = 'kept') as messages_kept,
        sum(message_count) filter (where fate = 'merged') as messages_merged,
        sum(message_count) filter (where fate = 'skipped') as messages_skipped
    from messages_by_linkage
    group by strategy
),

final as (
    select
        strategies.strategy,
        strategies.is_chosen,
        coalesce(chat_counts.chats_kept, 0) as chats_kept,
        coalesce(chat_counts.chats_merged, 0) as chats_merged,
        coalesce(chat_counts.chats_skipped, 0) as chats_skipped,
        coalesce(message_counts.messages_kept, 0)::bigint as messages_kept,
        coalesce(message_counts.messages_merged, 0)::bigint as messages_merged,
        coalesce(message_counts.messages_skipped, 0)::bigint as messages_skipped
    from strategies
    left join chat_counts on strategies.strategy = chat_counts.strategy
    left join message_counts on strategies.strategy = message_counts.strategy
)

select * from final
