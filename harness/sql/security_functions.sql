-- The functions of a schema: their text and settings, as far as a change of either
-- would change what they do, and who besides their owner may execute them.
select
    pro.proname,
    pro.proname || '(' || oidvectortypes(pro.proargtypes) || ')' as signature,
    pro.prosrc,
    pro.prosecdef,
    coalesce(pro.proconfig @> array['search_path=""'], false) as has_fixed_path,
    array(
        select coalesce(rol.rolname::text, 'public')
        from
            aclexplode(coalesce(pro.proacl, acldefault('f', pro.proowner))) as item
        left join pg_roles as rol on item.grantee = rol.oid
        where item.grantee <> pro.proowner
        order by 1
    ) as executors,
    pg_get_functiondef(pro.oid) as definition,
    obj_description(pro.oid, 'pg_proc') as comment
from pg_proc as pro
where
    pro.pronamespace = to_regnamespace(quote_ident({schema_name}))
    and pro.prokind = 'f'
    and pro.proname = any({names})
order by pro.proname
