-- Constraints that were never validated and indexes whose making failed, of the live
-- tables: what it is, and the statements that finish it.
select
    format('%s of %s is not validated', con.conname, rel.relname) as said,
    format(
        'alter table %s validate constraint %I;', con.conrelid::regclass, con.conname
    ) as remedy
from pg_constraint as con
inner join pg_class as rel on con.conrelid = rel.oid
inner join pg_namespace as nsp on rel.relnamespace = nsp.oid
where
    nsp.nspname = {live_name}
    and rel.relname = any({names})
    and not con.convalidated

union all

select
    format('the index %s of %s is not valid', named.relname, rel.relname),
    format('reindex index %s;', named.oid::regclass)
from pg_index as ind
inner join pg_class as named on ind.indexrelid = named.oid
inner join pg_class as rel on ind.indrelid = rel.oid
inner join pg_namespace as nsp on rel.relnamespace = nsp.oid
where
    nsp.nspname = {live_name}
    and rel.relname = any({names})
    and not ind.indisvalid
order by 1
