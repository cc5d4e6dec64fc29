-- One row per key or index of the live schema: kind, table, columns in their order,
-- parent. Partial and expression indexes are known by their names only, and such of
-- another access method as "index gin".
with keys as (
    select
        case when con.contype = 'f' then 'foreign key' else 'unique' end as kind,
        con.conrelid as table_oid,
        con.conkey as column_numbers,
        case when con.contype = 'f' then parent.relname::text else '' end as parent
    from pg_constraint as con
    left join pg_class as parent on con.confrelid = parent.oid
    where
        con.connamespace = to_regnamespace(quote_ident({live_name}))
        and con.contype in ('f', 'p', 'u')

    union all

    select
        case
            when ind.indisunique then 'unique'
            when method.amname = 'btree' then 'index'
            else 'index ' || method.amname
        end,
        ind.indrelid,
        ind.indkey::int2 [],
        ''
    from pg_index as ind
    inner join pg_class as rel on ind.indexrelid = rel.oid
    inner join pg_am as method on rel.relam = method.oid
    where
        rel.relnamespace = to_regnamespace(quote_ident({live_name}))
        and ind.indpred is null
        and ind.indexprs is null
        and ind.indisvalid
)

select
    keys.kind,
    rel.relname::text as table_name,
    (
        select string_agg(att.attname, ',' order by numbered.position)
        from unnest(keys.column_numbers) with ordinality as numbered (attnum, position)
        inner join pg_attribute as att
            on att.attrelid = keys.table_oid and att.attnum = numbered.attnum
    ) as column_names,
    keys.parent
from keys
inner join pg_class as rel on keys.table_oid = rel.oid

union all

select
    'index name',
    rel.relname::text,
    named.relname::text,
    ''
from pg_index as ind
inner join pg_class as named on ind.indexrelid = named.oid
inner join pg_class as rel on ind.indrelid = rel.oid
where named.relnamespace = to_regnamespace(quote_ident({live_name}))
