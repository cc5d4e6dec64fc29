-- Sets the search path to the live schema, public and the schemas of extensions. pg_catalog
-- comes before all of them: no table or function of another schema is taken for one of its.
-- Placeholder: live_name.
select set_config(
    'search_path',
    string_agg(quote_ident(path.name), ', ' order by path.rank, path.name),
    false
)
from (
    select
        named.name,
        min(named.rank) as rank
    from (
        values ({live_name}, 1), ('public', 2)
        union all
        select
            nsp.nspname::text,
            3
        from pg_extension as ext
        inner join pg_namespace as nsp on ext.extnamespace = nsp.oid
        where nsp.nspname <> 'pg_catalog'
    ) as named (name, rank)
    group by named.name
) as path
