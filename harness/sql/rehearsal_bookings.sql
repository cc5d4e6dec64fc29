-- Only the bookings that phase 4 reports as created would stand in a real target.
insert into {live}.bookings (id, customer_id, stylist_id, status)
select
    booking_id,
    customer_id,
    stylist_id,
    status
from rehearsal_bookings
where booking_id::text in (
    select lower(id) from pg_temp.landed_created() where success
)
on conflict (id) do nothing
