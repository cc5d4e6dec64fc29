-- A table's columns in their order, and whether a copy is to hold them as text: when the
-- type or the collation is not PostgreSQL's own.
select
    att.attname::text as column_name,
    format_type(att.atttypid, att.atttypmod) as type_name,
    att.attgenerated <> '' as is_generated,
    att.attidentity = 'a' as is_always,
    typ.typnamespace <> 'pg_catalog'::regnamespace
    or (att.attcollation <> 0 and coll.collnamespace <> 'pg_catalog'::regnamespace)
        as is_as_text
from pg_class as rel
inner join pg_namespace as nsp on rel.relnamespace = nsp.oid
inner join pg_attribute as att
    on rel.oid = att.attrelid and att.attnum > 0 and not att.attisdropped
inner join pg_type as typ on att.atttypid = typ.oid
left join pg_collation as coll on att.attcollation = coll.oid
where
    nsp.nspname = {schema_name}
    and rel.relname = {table_name}
    and rel.relkind = 'r'
order by att.attnum
