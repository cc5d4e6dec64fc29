-- The keys of one column of a live table to another one's: name, column, parent, and
-- what each does when the parent is deleted, as pg_constraint has it.
select
    con.conname::text,
    att.attname::text,
    parent.relname::text,
    con.confdeltype::text
from pg_constraint as con
inner join pg_class as child on con.conrelid = child.oid
inner join pg_namespace as nsp on child.relnamespace = nsp.oid
inner join pg_class as parent
    on con.confrelid = parent.oid and child.relnamespace = parent.relnamespace
inner join pg_attribute as att
    on child.oid = att.attrelid and con.conkey[1] = att.attnum
where
    con.contype = 'f'
    and cardinality(con.conkey) = 1
    and nsp.nspname = {live_name}
    and child.relname = {table_name}
order by con.conname
