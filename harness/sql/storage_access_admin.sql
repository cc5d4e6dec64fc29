select id
from {live}.profiles
where role::text in ('admin', 'super_admin')
order by id
limit 1
