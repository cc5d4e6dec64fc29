with chats as (
    select * from {{ ref('int_chats_checked') }}
),

chats_by_linkage as (
    select * from {{ ref('int_chats_by_linkage') }}
    where strategy = '{{ linkage_strategy() }}'
),

skip_reasons as (
    select * from {{ ref('skip_reasons') }}
),

final as (
    select
        chats.source_row,
        chats.chat_id,
        chats.chat_uuid,
        chats.booking_id,
        chats.is_active,
        chats.created_at_text,
        chats.updated_at_text,
        chats.is_first_of_id,
        chats_by_linkage.reason_id,
        skip_reasons.reason,
        chats_by_linkage.kept_chat_id,
        chats_by_linkage.kept_chat_created_at,
        chats_by_linkage.customer_id,
        chats_by_linkage.stylist_id,
        chats.created_at,
        chats.updated_at,
        chats.created_at_rule,
        chats.updated_at_rule,
        chats_by_linkage.fate,
        chats_by_linkage.linked_booking_id
    from chats
    inner join chats_by_linkage on chats.source_row = chats_by_linkage.source_row
    left join skip_reasons on chats_by_linkage.reason_id = skip_reasons.reason_id
)

select * from final
