-- The columns of a table of the legacy system, with the type of each; none of a view.
select
    att.attname::text,
    att.atttypid::regtype::text
from pg_attribute as att
inner join pg_class as rel on att.attrelid = rel.oid
where
    rel.relkind <> 'v'
    and att.attrelid = to_regclass(%(table)s)
    and att.attnum > 0
    and not att.attisdropped
