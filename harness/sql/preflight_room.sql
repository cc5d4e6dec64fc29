-- The bytes of the tables of these schemas and names, with their indexes.
select
    nsp.nspname::text,
    coalesce(sum(pg_total_relation_size(rel.oid)), 0)::bigint
from pg_class as rel
inner join pg_namespace as nsp on rel.relnamespace = nsp.oid
where
    (
        (nsp.nspname in ({marts_name}, {live_name}) and rel.relname = any({names}))
        or nsp.nspname = {staging_name}
    )
    and rel.relkind in ('r', 'm')
group by nsp.nspname
