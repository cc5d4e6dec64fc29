-- How many ids in 16 bytes of a column are among the known ones, as written and if their
-- time parts were swapped. {landed} is the table, {column} its column, {known} selects
-- the digits of the known ids.
with known (digits) as (
    {known}
),

orders as (
    select distinct
        substr({column}, 3) as plain,
        substr({column}, 11, 8) || substr({column}, 7, 4)
        || substr({column}, 3, 4) || substr({column}, 19) as swapped
    from {landed}
    where {column} ~ '^\\x[0-9a-f]{32}$'
)

select
    count(*) filter (where plain in (select digits from known)),
    count(*) filter (where swapped in (select digits from known))
from orders
where plain <> swapped
