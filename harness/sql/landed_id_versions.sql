-- How often the ids in 16 bytes of a column have which digits where a version may be: the
-- 13th as written, the first if the time parts were swapped. Ids that are the same in
-- both orders tell nothing. {landed} is the table, {column} its column.
select
    substr({column}, 15, 1),
    substr({column}, 3, 1),
    count(*)
from {landed}
where
    {column} ~ '^\\x[0-9a-f]{32}$'
    and substr({column}, 3, 16)
    <> substr({column}, 11, 8) || substr({column}, 7, 4) || substr({column}, 3, 4)
group by 1, 2
