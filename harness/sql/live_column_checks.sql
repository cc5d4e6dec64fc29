-- Whether something says already which values a column may have: a check of this column
-- alone, or an enumeration or domain of the application's.
select
    att.attnum is null
    or typ.typtype in ('e', 'd')
    or exists (
        select 1
        from pg_constraint as con
        where
            con.conrelid = to_regclass(%(table)s)
            and con.contype = 'c'
            and con.conkey = array[att.attnum]
    ) as is_said
from (select to_regclass(%(table)s) as table_oid) as named
left join pg_attribute as att
    on
        named.table_oid = att.attrelid
        and att.attname = %(column)s
        and not att.attisdropped
left join pg_type as typ on att.atttypid = typ.oid
