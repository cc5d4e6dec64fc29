with chats as (
    select * from {{ ref('int_chats_checked') }}
),

links_explicit as (
    select * from {{ ref('int_links_explicit') }}
),

links_assigned as (
    select * from {{ ref('int_links_assigned') }}
),

bookings_dated as (
    select * from {{ ref('int_bookings_dated') }}
),

linked as (
    select
        chats.*,
        links_assigned.candidates,
        links_assigned.distance_microseconds,
        links_assigned.runner_up_microseconds,
        links_explicit.reason_id as explicit_reason_id,
        case
            when links_explicit.reason_id is null then links_explicit.booking_id
            when chats.reason_id is null then links_assigned.booking_id
        end as linked_booking_id
    from chats
    inner join links_explicit on chats.source_row = links_explicit.source_row
    left join links_assigned on chats.first_source_row = links_assigned.source_row
),

-- A pair's linked chats are those of its bookings: their senders are its two people.
linked_of_pairs as (
    select
        linked.source_row,
        linked.chat_uuid,
        linked.linked_booking_id,
        linked.created_at,
        bookings_dated.buyer_id,
        bookings_dated.old_stylist_id
    from linked
    inner join bookings_dated
        on linked.linked_booking_id = bookings_dated.booking_id
    where linked.is_first_of_id
),

ranked as (
    select
        linked.source_row,
        linked_of_pairs.linked_booking_id,
        abs(
            {{ to_microseconds('linked.created_at') }}
            - {{ to_microseconds('linked_of_pairs.created_at') }}
        ) as distance_microseconds,
        row_number() over nearest_first as place,
        count(*) over (partition by linked.source_row) as candidates
    from linked
    inner join linked_of_pairs
        on
            linked.buyer_id = linked_of_pairs.buyer_id
            and linked.stylist_id = linked_of_pairs.old_stylist_id
    where linked.reason_id is null and linked.linked_booking_id is null
    window nearest_first as (
        partition by linked.source_row
        order by
            abs(
                {{ to_microseconds('linked.created_at') }}
                - {{ to_microseconds('linked_of_pairs.created_at') }}
            ),
            linked_of_pairs.created_at,
            linked_of_pairs.chat_uuid
    )
),

nearest as (
    select
        source_row,
        max(linked_booking_id) filter (where place = 1) as booking_id,
        max(candidates) as candidates,
        max(distance_microseconds) filter (where place = 1) as distance_microseconds,
        max(distance_microseconds) filter (where place = 2) as runner_up_microseconds
    from ranked
    where place <= 2
    group by source_row
),

final as (
    select
        linked.source_row,
        linked.linked_booking_id as booking_id,
        nearest.booking_id as merge_booking_id,
        coalesce(linked.candidates, nearest.candidates) as candidates,
        coalesce(linked.distance_microseconds, nearest.distance_microseconds)
            as distance_microseconds,
        coalesce(linked.runner_up_microseconds, nearest.runner_up_microseconds)
            as runner_up_microseconds,
        case
            when linked.reason_id is not null then null
            when linked.explicit_reason_id is null then 'explicit'
            when linked.linked_booking_id is not null then 'nearest'
            when nearest.booking_id is not null then 'merged'
        end as method,
        case
            when linked.linked_booking_id is not null then null
            when nearest.booking_id is not null then 'bookings_taken'
            else linked.explicit_reason_id
        end as reason_id
    from linked
    left join nearest on linked.source_row = nearest.source_row
)

select * from final
