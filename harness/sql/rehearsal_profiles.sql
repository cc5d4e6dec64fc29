-- Who is both is a stylist: the role is only for the rehearsal's reports.
insert into {live}.profiles (id, role)
select
    person_id,
    max(role)
from (
    select customer_id as person_id, 'customer' as role from rehearsal_bookings
    union all
    select stylist_id, 'stylist' from rehearsal_bookings
) as people
where person_id is not null
group by person_id
on conflict (id) do nothing
