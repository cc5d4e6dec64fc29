-- The rows of a table and the hash of their content: the sums of both halves of the
-- rows' own hashes, which no order of the rows alters.
select
    count(*) as row_count,
    md5(
        concat_ws(
            ' ',
            count(*),
            sum(('x' || substr(hashed.content_hash, 1, 16))::bit(64)::bigint::numeric),
            sum(('x' || substr(hashed.content_hash, 17, 16))::bit(64)::bigint::numeric)
        )
    ) as content_hash
from {relation} as counted
cross join lateral (select {content_hash} as content_hash) as hashed
