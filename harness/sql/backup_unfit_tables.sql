-- Live tables that cannot be copied and made anew as one plain table, and why.
select
    rel.relname::text as table_name,
    case
        when rel.relkind = 'p' then 'is partitioned'
        when rel.relkind = 'v' then 'is a view'
        when rel.relkind = 'm' then 'is a materialized view'
        when rel.relkind = 'f' then 'is a foreign table'
        when rel.relkind <> 'r' then 'is no table'
        when rel.relispartition then 'is a partition'
        when rel.reloftype <> 0 then 'is a table of a type'
        when {needs_id} and not exists (
            select 1
            from pg_attribute as att
            where att.attrelid = rel.oid and att.attname = 'id' and att.attnum > 0
        ) then 'has no column id'
        else 'has a parent or child by inheritance'
    end as reason
from pg_class as rel
where
    rel.relnamespace = to_regnamespace(quote_ident({live_name}))
    and rel.relname = any({table_names}::text [])
    and (
        rel.relkind <> 'r'
        or rel.relispartition
        or rel.reloftype <> 0
        or {needs_id} and not exists (
            select 1
            from pg_attribute as att
            where att.attrelid = rel.oid and att.attname = 'id' and att.attnum > 0
        )
        or exists (
            select 1
            from pg_inherits as inh
            where rel.oid in (inh.inhrelid, inh.inhparent)
        )
    )
order by rel.relname
