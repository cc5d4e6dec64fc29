-- Carries rows of the archive as an insert through their view does, the oldest first.
select {private}.{carry}(late.id)
from (
    select stored.id
    from {private}.{legacy} as stored
    where stored.id = any(%(ids)s::uuid [])
    order by stored.created_at, stored.id
) as late
