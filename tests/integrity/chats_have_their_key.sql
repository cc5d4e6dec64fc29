-- A chat has what it is keyed by: its booking or, under linkage 'participants', its
-- customer and stylist, who then have no other chat.
with chats as (
    select * from {{ ref('chats') }}
),

loaded_run as (
    select * from {{ ref('loaded_run') }}
),

keyed as (
    select
        chats.*,
        loaded_run.linkage,
        count(*) over (partition by chats.customer_id, chats.stylist_id)
            as chats_of_pair
    from chats
    cross join loaded_run
)

select
    id,
    linkage,
    booking_id,
    customer_id,
    stylist_id,
    chats_of_pair
from keyed
where
    case
        when linkage = 'participants'
            then
                booking_id is not null
                or customer_id is null
                or stylist_id is null
                or chats_of_pair > 1
        else booking_id is null
    end
