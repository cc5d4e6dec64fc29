-- Who may do anything with a copy besides its owner.
select distinct
    case item.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(item.grantee)) end
        as grantee
from pg_class as rel
inner join pg_namespace as nsp on rel.relnamespace = nsp.oid
cross join lateral aclexplode(rel.relacl) as item
where
    nsp.nspname = %(schema)s
    and rel.relname = %(name)s
    and item.grantee <> rel.relowner
