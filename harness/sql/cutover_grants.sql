-- Who else may do what with a table, or with columns of it: what a view can pass on.
-- The role for those who have not signed in is left out.
select
    case item.grantee
        when 0 then 'public' else quote_ident(pg_get_userbyid(item.grantee))
    end as grantee,
    lower(item.privilege_type) as privilege,
    acl.column_name,
    item.is_grantable
from (
    select
        rel.relowner,
        rel.relacl as items,
        null::text as column_name
    from pg_class as rel
    where rel.oid = to_regclass(%(table)s)

    union all

    select
        rel.relowner,
        att.attacl,
        att.attname::text
    from pg_attribute as att
    inner join pg_class as rel on att.attrelid = rel.oid
    where
        att.attrelid = to_regclass(%(table)s)
        and att.attnum > 0
        and not att.attisdropped
) as acl
cross join lateral aclexplode(acl.items) as item
where
    item.grantee <> acl.relowner
    and item.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    and (item.grantee = 0 or pg_get_userbyid(item.grantee) <> 'anon')
order by acl.column_name nulls first, grantee, privilege
