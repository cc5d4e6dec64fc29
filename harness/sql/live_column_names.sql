-- The columns of each table of the live schema, also for a role that may not use it.
select
    rel.relname::text as table_name,
    array_agg(att.attname::text order by att.attnum) as column_names
from pg_class as rel
inner join pg_attribute as att on rel.oid = att.attrelid
where
    rel.relnamespace = to_regnamespace(quote_ident({live_name}))
    and rel.relkind in ('r', 'p')
    and att.attnum > 0
    and not att.attisdropped
group by rel.relname
