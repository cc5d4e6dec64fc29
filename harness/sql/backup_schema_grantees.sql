-- Who may use the schema of the copies besides its owner.
select distinct quote_ident(pg_get_userbyid(item.grantee)) as grantee
from pg_namespace as nsp
cross join lateral aclexplode(nsp.nspacl) as item
where
    nsp.nspname = %(name)s
    and nsp.nspname = %(schema)s
    and item.grantee not in (0, nsp.nspowner)
