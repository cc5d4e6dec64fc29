{{ require_one_of('the variable linkage', var('linkage'), ['strict']) }}

with chats as (
    select * from {{ ref('int_chats_dated') }}
),

repeated_chats as (
    select * from {{ ref('int_chats_repeated') }}
),

bookings_migrated as (
    select * from {{ ref('int_bookings_migrated') }}
),

skip_reasons as (
    select * from {{ ref('skip_reasons') }}
),

-- First match wins, in the order of skip_reasons.precedence.
decided as (
    select
        chats.*,
        {{ to_uuid('chats.chat_id') }} as chat_uuid,
        bookings_migrated.customer_id,
        bookings_migrated.stylist_id,
        repeated_chats.source_row is null as is_first_of_id,
        case
            when not {{ is_uuid('chats.chat_id') }} then 'chat_id_not_uuid'
            when not repeated_chats.is_identical then 'chat_id_taken'
            when coalesce(chats.is_active, '') <> '1' then 'chat_not_active'
            when bookings_migrated.booking_id is null then 'booking_not_migrated'
            when not bookings_migrated.is_in_dump then 'booking_not_found'
        end as reason_id
    from chats
    left join repeated_chats on chats.source_row = repeated_chats.source_row
    left join bookings_migrated on chats.booking_id = bookings_migrated.booking_id
),

-- One chat per booking: the others, and their messages, go into the earliest.
merged as (
    select
        source_row,
        case
            when is_first_of_id and row_number() over earliest_first = 1 then 'kept'
            else 'merged'
        end as fate,
        first_value(chat_uuid) over earliest_first as kept_chat_id,
        first_value(created_at) over earliest_first as kept_chat_created_at
    from decided
    where reason_id is null
    window earliest_first as (
        partition by booking_id
        order by created_at, chat_uuid, source_row
    )
),

final as (
    select
        decided.source_row,
        decided.chat_id,
        decided.chat_uuid,
        decided.booking_id,
        decided.is_active,
        decided.created_at_text,
        decided.updated_at_text,
        decided.is_first_of_id,
        decided.reason_id,
        skip_reasons.reason,
        merged.kept_chat_id,
        merged.kept_chat_created_at,
        decided.customer_id,
        decided.stylist_id,
        decided.created_at,
        decided.updated_at,
        decided.created_at_rule,
        decided.updated_at_rule,
        coalesce(merged.fate, 'skipped') as fate
    from decided
    left join merged on decided.source_row = merged.source_row
    left join skip_reasons on decided.reason_id = skip_reasons.reason_id
)

select * from final
