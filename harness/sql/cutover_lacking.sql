-- What a role may do with a legacy table and not with the tables behind its view.
with granted as (
    select
        item.grantee,
        item.privilege_type
    from unnest(%(legacy)s::text []) as legacy (name)
    inner join pg_class as rel on to_regclass(legacy.name) = rel.oid
    cross join lateral aclexplode(rel.relacl) as item
    where
        item.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
        and item.grantee not in (0, rel.relowner)
        and pg_get_userbyid(item.grantee) <> 'anon'
),

needed as (
    select
        granted.grantee,
        granted.privilege_type,
        %(messages)s as table_name
    from granted

    union

    select
        granted.grantee,
        'SELECT',
        behind.name
    from granted
    cross join unnest(array[%(messages)s, %(sessions)s]) as behind (name)
)

select
    quote_ident(pg_get_userbyid(needed.grantee)) as role_name,
    lower(string_agg(needed.privilege_type, ', ' order by needed.privilege_type))
        as privileges,
    needed.table_name
from needed
where not has_table_privilege(needed.grantee, needed.table_name, needed.privilege_type)
group by needed.grantee, needed.table_name
order by 1, 3
