with chats_linked as (
    select * from {{ ref('int_chats_linked') }}
),

final as (
    select
        source_row,
        chat_id,
        booking_id,
        reason_id,
        reason
    from chats_linked
    where fate = 'skipped'
)

select * from final
