-- A chat is linked by inference to a booking of its own buyer and stylist that no chat
-- names and no other chat was given; merging gives it one that a chat has.
with inferred_links as (
    select * from {{ ref('inferred_links') }}
),

chats as (
    select * from {{ ref('stg_mysql_dump__chats') }}
),

bookings as (
    select distinct
        booking_id,
        buyer_id,
        stylist_id
    from {{ ref('stg_mysql_dump__bookings') }}
),

claimed as (
    select distinct booking_id
    from chats
    where booking_id is not null
),

judged as (
    select
        inferred_links.*,
        claimed.booking_id is not null as is_claimed,
        count(*) filter (where inferred_links.method = 'nearest') over (
            partition by inferred_links.booking_id
        ) as chats_given_it,
        bookings.booking_id is not null as is_of_pair
    from inferred_links
    inner join chats on inferred_links.source_row = chats.source_row
    left join bookings
        on
            inferred_links.booking_id::text = bookings.booking_id
            and chats.buyer_id = bookings.buyer_id
            and chats.stylist_id = bookings.stylist_id
    left join claimed on inferred_links.booking_id::text = claimed.booking_id
)

select *
from judged
where
    not is_of_pair
    or (method = 'nearest' and (is_claimed or chats_given_it > 1))
    or (method = 'merged' and not is_claimed and chats_given_it = 0)
