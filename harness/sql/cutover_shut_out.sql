-- Roles that may read a legacy table and get no row through its view: the policies of
-- the archive are not for them, and nothing lets them by.
select distinct quote_ident(rol.rolname) as role_name
from unnest(%(legacy)s::text []) as legacy (name)
inner join pg_class as rel on to_regclass(legacy.name) = rel.oid
cross join lateral aclexplode(rel.relacl) as item
inner join pg_roles as rol on item.grantee = rol.oid
where
    item.privilege_type = 'SELECT'
    and rol.rolname <> 'anon'
    and not rol.rolsuper
    and not rol.rolbypassrls
    and not pg_has_role(rol.oid, rel.relowner, 'usage')
    and not pg_has_role(rol.oid, 'authenticated', 'usage')
order by 1
