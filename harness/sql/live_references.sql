-- Every foreign key of one column that refers to a live table's id: the referring
-- table, its column, and whether the table is one of those that publishing writes.
select
    nsp.nspname::text as schema_name,
    rel.relname::text as table_name,
    att.attname::text as column_name
from pg_constraint as con
inner join pg_class as rel on con.conrelid = rel.oid
inner join pg_namespace as nsp on rel.relnamespace = nsp.oid
inner join pg_attribute as att
    on con.conrelid = att.attrelid and con.conkey[1] = att.attnum
where
    con.contype = 'f'
    and con.confrelid = to_regclass(%(table)s)
    and cardinality(con.conkey) = 1
order by 1, 2, 3
