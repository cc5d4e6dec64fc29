-- Tables of the live schema: their columns, whether row level security is on, and what
-- is granted to whom but the owner by the owner.
select
    tab.relname,
    tab.relrowsecurity,
    array(
        select att.attname::text
        from pg_attribute as att
        where att.attrelid = tab.oid and att.attnum > 0 and not att.attisdropped
        order by att.attnum
    ) as columns,
    array(
        select att.attname::text
        from pg_attribute as att
        where att.attrelid = tab.oid and att.attnum > 0 and att.attnotnull
    ) as required_columns,
    coalesce(
        (
            select jsonb_object_agg(granted.grantee, granted.privileges)
            from (
                select
                    coalesce(rol.rolname::text, 'public') as grantee,
                    array_agg(lower(item.privilege_type)) as privileges
                from aclexplode(tab.relacl) as item
                left join pg_roles as rol on item.grantee = rol.oid
                where
                    item.grantee <> tab.relowner
                    and item.grantor = tab.relowner
                    and not item.is_grantable
                group by 1
            ) as granted
        ), '{}'
    ) as grants,
    -- What replication tells rows apart by: without it no row could be updated.
    tab.relreplident = 'f' or exists (
        select
        from pg_index as idx
        where
            idx.indrelid = tab.oid
            and case tab.relreplident when 'i' then idx.indisreplident
                else idx.indisprimary and tab.relreplident = 'd' end
    ) as has_identity,
    has_table_privilege(tab.oid, 'trigger') as may_have_triggers
from pg_class as tab
where
    tab.relnamespace = to_regnamespace(quote_ident({live_name}))
    and tab.relkind in ('r', 'p')
    and tab.relname = any({tables})
