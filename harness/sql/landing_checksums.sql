-- Of a landing table, the rows of each block of row numbers, how many there are and the
-- sums of both halves of their hashes (harness/load/witness.py has the same of the dump).
-- Placeholders: the relation, each row's text, and the blocks' first and last numbers in
-- ascending order; rows between the blocks are not read.
select
    hashed.block,
    count(*) as row_count,
    sum(('x' || substr(hashed.row_hash, 1, 16))::bit(64)::bigint) as high,
    sum(('x' || substr(hashed.row_hash, 17, 16))::bit(64)::bigint) as low
from (
    select
        width_bucket(landed._row, {firsts}) as block,
        md5(convert_to({row_text}, 'UTF8')) as row_hash
    from {relation} as landed
    where landed._row <= ({lasts})[width_bucket(landed._row, {firsts})]
    -- A subquery that cannot be merged works each hash out once.
    offset 0
) as hashed
group by hashed.block
order by hashed.block
