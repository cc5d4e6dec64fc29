-- Of what Supabase brings: the roles that are missing, whether auth.uid() stands and may
-- be called, and the owner of supabase_realtime where that is not this role.
select
    array(
        select wanted.name
        from unnest(array['anon', 'authenticated']) as wanted (name)
        where not exists (select 1 from pg_roles as rol where rol.rolname = wanted.name)
        order by wanted.name
    ) as missing_roles,
    found.oid is not null as has_function,
    coalesce(
        has_schema_privilege(found.pronamespace, 'usage')
        and has_function_privilege(found.oid, 'execute'),
        false
    ) as can_call,
    (
        select quote_ident(pg_get_userbyid(pub.pubowner))
        from pg_publication as pub
        where
            pub.pubname = 'supabase_realtime'
            and not pg_has_role(pub.pubowner, 'USAGE')
    ) as other_owner
from (select 1 as one) as single
left join (
    select
        pro.oid,
        pro.pronamespace
    from pg_proc as pro
    inner join pg_namespace as nsp on pro.pronamespace = nsp.oid
    where nsp.nspname = 'auth' and pro.proname = 'uid' and pro.pronargs = 0
) as found on true
