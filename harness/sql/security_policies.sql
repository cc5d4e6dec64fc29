-- The policies of tables of the live schema. Read with nothing in the search path, so
-- that expressions name everything with its schema.
select
    tab.relname,
    pol.polname,
    pol.polpermissive,
    case pol.polcmd
        when 'r' then 'select'
        when 'a' then 'insert'
        when 'w' then 'update'
        when 'd' then 'delete'
        else 'all'
    end as command,
    array(
        select coalesce(rol.rolname::text, 'public')
        from unnest(pol.polroles) with ordinality as listed (oid, position)
        left join pg_roles as rol on listed.oid = rol.oid
        order by listed.position
    ) as roles,
    pg_get_expr(pol.polqual, pol.polrelid) as using_expression,
    pg_get_expr(pol.polwithcheck, pol.polrelid) as check_expression,
    obj_description(pol.oid, 'pg_policy') as comment,
    -- Whether it applies to anybody whom the API lets in.
    exists (
        select
        from unnest(pol.polroles) as listed (oid)
        where
            listed.oid = 0
            or exists (
                select
                from pg_roles as rol
                where
                    rol.rolname in ('anon', 'authenticated')
                    and pg_has_role(rol.oid, listed.oid, 'usage')
            )
    ) as is_for_users
from pg_policy as pol
inner join pg_class as tab on pol.polrelid = tab.oid
where
    tab.relnamespace = to_regnamespace(quote_ident({live_name}))
    and tab.relname = any({tables})
order by tab.relname, pol.polname
