with chats as (
    select * from {{ ref('int_chats_checked') }}
),

links_explicit as (
    select * from {{ ref('int_links_explicit') }}
),

links_inferred as (
    select * from {{ ref('int_links_inferred') }}
),

links_by_participants as (
    select * from {{ ref('int_links_by_participants') }}
),

bookings_migrated as (
    select * from {{ ref('int_bookings_migrated') }}
),

links as (
    select
        'strict' as strategy,
        source_row,
        reason_id,
        booking_id,
        customer_id,
        stylist_id,
        booking_id as merged_by,
        false as is_left_over
    from links_explicit

    union all

    select
        'infer' as strategy,
        links_inferred.source_row,
        links_inferred.reason_id,
        links_inferred.booking_id,
        bookings_migrated.customer_id,
        bookings_migrated.stylist_id,
        links_inferred.booking_id as merged_by,
        false as is_left_over
    from links_inferred
    left join bookings_migrated
        on links_inferred.booking_id = bookings_migrated.booking_id

    union all

    -- What is left over goes to the chat that is there, however old it is itself.
    select
        'infer and merge' as strategy,
        links_inferred.source_row,
        case when links_inferred.method is null then links_inferred.reason_id end
            as reason_id,
        bookings_migrated.booking_id,
        bookings_migrated.customer_id,
        bookings_migrated.stylist_id,
        bookings_migrated.booking_id as merged_by,
        coalesce(links_inferred.method = 'merged', false) as is_left_over
    from links_inferred
    left join bookings_migrated
        on
            coalesce(links_inferred.booking_id, links_inferred.merge_booking_id)
            = bookings_migrated.booking_id

    union all

    select
        'participants' as strategy,
        source_row,
        reason_id,
        null as booking_id,
        customer_id,
        stylist_id,
        customer_id::text || ' ' || stylist_id::text as merged_by,
        false as is_left_over
    from links_by_participants
),

decided as (
    select
        links.*,
        chats.chat_id,
        chats.chat_uuid,
        chats.is_first_of_id,
        chats.created_at
    from links
    inner join chats on links.source_row = chats.source_row
),

-- One chat for each key: the others, and their messages, go into the earliest.
merged as (
    select
        strategy,
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
        partition by strategy, merged_by
        order by is_left_over, created_at, chat_uuid, source_row
    )
),

final as (
    select
        decided.strategy,
        decided.source_row,
        decided.chat_id,
        decided.is_first_of_id,
        decided.reason_id,
        decided.booking_id as linked_booking_id,
        decided.customer_id,
        decided.stylist_id,
        merged.kept_chat_id,
        merged.kept_chat_created_at,
        coalesce(merged.fate, 'skipped') as fate
    from decided
    left join merged
        on
            decided.strategy = merged.strategy
            and decided.source_row = merged.source_row
)

select * from final
