with messages_counted as (
    select * from {{ ref('int_messages_counted') }}
),

-- Messages belong to the chat that first has the id, as every later row of it does.
chats_by_linkage as (
    select * from {{ ref('int_chats_by_linkage') }}
    where is_first_of_id
),

sender_roles as (
    select * from {{ ref('sender_roles') }}
),

strategies as (
    select strategies.strategy
    from (
        values ('strict'), ('infer'), ('infer and merge'), ('participants')
    ) as strategies (strategy)
),

-- First match wins, in the order of skip_reasons.precedence.
decided as (
    select
        strategies.strategy,
        messages_counted.chat_id,
        messages_counted.is_from,
        messages_counted.is_first_of_id,
        messages_counted.message_count,
        case
            when messages_counted.reason_id is not null then messages_counted.reason_id
            when chats_by_linkage.fate is null then 'chat_not_found'
            when chats_by_linkage.fate = 'skipped' then 'chat_not_processed'
            when sender_roles.sender_role is null then 'sender_type_unknown'
            when
                case sender_roles.sender_role
                    when 'customer' then chats_by_linkage.customer_id
                    when 'stylist' then chats_by_linkage.stylist_id
                end is null
                then 'sender_not_mapped'
        end as reason_id
    from messages_counted
    cross join strategies
    left join chats_by_linkage
        on
            messages_counted.chat_id = chats_by_linkage.chat_id
            and strategies.strategy = chats_by_linkage.strategy
    left join sender_roles on messages_counted.is_from = sender_roles.is_from
),

final as (
    select
        *,
        case
            when reason_id is not null then 'skipped'
            when is_first_of_id then 'kept'
            else 'merged'
        end as fate
    from decided
)

select * from final
