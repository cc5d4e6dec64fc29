with chats_linked as (
    select * from {{ ref('int_chats_linked') }}
),

final as (
    select
        source_row,
        chat_id,
        kept_chat_id,
        linked_booking_id::uuid as booking_id
    from chats_linked
    where fate = 'merged'
)

select * from final
