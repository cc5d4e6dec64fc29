-- The bookings of the dump with both people through the mapping of user ids. The first
-- booking of an id counts, as in the models.
create temporary table rehearsal_bookings on commit drop as
with mapping as (
    select distinct on (lower(old_id))
        lower(old_id) as old_id,
        lower(new_id) as new_id
    from pg_temp.landed_mapping()
    order by lower(old_id), _row
),

resolved as (
    select distinct on (lower(booking.id))
        lower(booking.id) as booking_id,
        coalesce(booking.status, 'unknown') as status,
        case
            when loads.has_users_file then buyer.new_id
            else lower(booking.buyer_id)
        end as customer_id,
        case
            when loads.has_users_file then stylist.new_id
            else lower(booking.stylist_id)
        end as stylist_id
    from pg_temp.landed_booking() as booking
    cross join {staging}.loads as loads
    left join mapping as buyer on lower(booking.buyer_id) = buyer.old_id
    left join mapping as stylist on lower(booking.stylist_id) = stylist.old_id
    order by lower(booking.id), booking._row
)

select
    status,
    case when booking_id ~ {uuid_pattern} then booking_id::uuid end as booking_id,
    case when customer_id ~ {uuid_pattern} then customer_id::uuid end as customer_id,
    case when stylist_id ~ {uuid_pattern} then stylist_id::uuid end as stylist_id
from resolved
