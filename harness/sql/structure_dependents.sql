-- The views and functions that go with a table when it is dropped with "cascade". Columns
-- as in structure_columns. pg_get_functiondef always writes the schema before the name.
with recursive
{relations}

select
    relations.label,
    case relations.relkind when 'm' then 'materialized view' else 'view' end as kind,
    relations.depth as position,
    relations.label as name,
    'create '
    || case relations.relkind when 'm' then 'materialized view ' else 'view ' end
    || relations.ref
    || coalesce(
        ' (' || (
            select string_agg(quote_ident(att.attname), ', ' order by att.attnum)
            from pg_attribute as att
            where
                att.attrelid = relations.oid
                and att.attnum > 0
                and not att.attisdropped
        ) || ')',
        ''
    )
    || coalesce(' with (' || array_to_string(rel.reloptions, ', ') || ')', '')
    || ' as ' || rtrim(pg_get_viewdef(relations.oid), ';')
    || case
        when relations.relkind = 'm' and not rel.relispopulated then ' with no data'
        else ''
    end as ddl,
    'drop '
    || case relations.relkind when 'm' then 'materialized view ' else 'view ' end
    || relations.ref as drop_ddl
from relations
inner join pg_class as rel on relations.oid = rel.oid
where not relations.is_asked

union all

select
    fun.oid::regprocedure::text,
    'function',
    max(found.depth),
    fun.oid::regprocedure::text,
    overlay(
        rtrim(pg_get_functiondef(fun.oid), e'\n')
        placing case when nsp.nspname = {schema_name} then '' else header.prefix end
        from position(header.prefix || quote_ident(fun.proname) || '(' in
            pg_get_functiondef(fun.oid))
        for length(header.prefix)
    )
    || '; alter routine ' || fun.oid::regprocedure::text || ' owner to '
    || quote_ident(pg_get_userbyid(fun.proowner))
    || case
        when fun.proacl is null then ''
        else
            '; revoke all on routine ' || fun.oid::regprocedure::text || ' from public, '
            || quote_ident(pg_get_userbyid(fun.proowner)) || coalesce(
            '; ' || (
                select
                    string_agg(
                        'grant execute on routine ' || fun.oid::regprocedure::text
                        || ' to '
                        || case item.grantee
                            when 0 then 'public'
                            else quote_ident(pg_get_userbyid(item.grantee))
                        end
                        || case when item.is_grantable then ' with grant option' else '' end,
                        '; ' order by item.position
                    )
                from aclexplode(fun.proacl) with ordinality as item (
                    grantor, grantee, privilege_type, is_grantable, position
                )
            ),
            ''
        )
    end
    || coalesce(
        '; comment on routine ' || fun.oid::regprocedure::text || ' is '
        || quote_literal(obj_description(fun.oid, 'pg_proc')),
        ''
    ),
    'drop routine ' || fun.oid::regprocedure::text
from found
inner join pg_proc as fun
    on found.classid = 'pg_proc'::regclass and found.objid = fun.oid
inner join pg_namespace as nsp on fun.pronamespace = nsp.oid
cross join lateral (select quote_ident(nsp.nspname) || '.' as prefix) as header
where fun.prokind in ('f', 'p', 'w')
group by fun.oid, nsp.nspname, header.prefix
