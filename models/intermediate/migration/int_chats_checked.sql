with chats as (
    select * from {{ ref('int_chats_dated') }}
),

repeated_chats as (
    select * from {{ ref('int_chats_repeated') }}
),

-- First match wins, in the order of skip_reasons.precedence.
final as (
    select
        chats.*,
        {{ to_uuid('chats.chat_id') }} as chat_uuid,
        repeated_chats.source_row is null as is_first_of_id,
        coalesce(repeated_chats.first_source_row, chats.source_row)
            as first_source_row,
        case
            when not {{ is_uuid('chats.chat_id') }} then 'chat_id_not_uuid'
            when not repeated_chats.is_identical then 'chat_id_taken'
            when coalesce(chats.is_active, '') <> '1' then 'chat_not_active'
        end as reason_id
    from chats
    left join repeated_chats on chats.source_row = repeated_chats.source_row
)

select * from final
