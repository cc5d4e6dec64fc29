with chats_linked as (
    select * from {{ ref('int_chats_linked') }}
),

final as (
    select
        chat_uuid as id,
        linked_booking_id::uuid as booking_id,
        customer_id,
        stylist_id,
        created_at,
        updated_at
    from chats_linked
    -- The others are counted in merged_chats and skipped_chats.
    where fate = 'kept'
)

select * from final
