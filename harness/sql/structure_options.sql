-- What is set on the tables as wholes: persistence, options, row level security, owners,
-- publications. Columns as in structure_columns.
with recursive
{relations}

select
    relations.label,
    'persistence' as kind,
    0 as position,
    'logged' as name,
    'alter table ' || relations.ref
    || case rel.relpersistence when 'u' then ' set unlogged' else ' set logged' end
        as ddl,
    '' as drop_ddl
from relations
inner join pg_class as rel on relations.oid = rel.oid
where relations.is_asked and rel.relpersistence <> 't'

union all

select
    relations.label,
    'table option',
    0,
    opt.prefix || split_part(opt.assigned, '=', 1),
    'alter table ' || relations.ref || ' set (' || opt.prefix || opt.assigned || ')',
    'alter table ' || relations.ref || ' reset ('
    || opt.prefix || split_part(opt.assigned, '=', 1) || ')'
from relations
inner join pg_class as rel on relations.oid = rel.oid
left join pg_class as toast on rel.reltoastrelid = toast.oid
cross join lateral (
    select
        '' as prefix,
        unnest(rel.reloptions) as assigned

    union all

    select
        'toast.',
        unnest(toast.reloptions)
) as opt
where relations.is_asked

union all

select
    relations.label,
    'row level security',
    0,
    'enabled and forced',
    'alter table ' || relations.ref
    || case when rel.relrowsecurity then ' enable' else ' disable' end
    || ' row level security, '
    || case when rel.relforcerowsecurity then 'force' else 'no force' end
    || ' row level security',
    ''
from relations
inner join pg_class as rel on relations.oid = rel.oid
where relations.is_asked

union all

select
    relations.label,
    'replica identity',
    0,
    'replica identity',
    'alter table ' || relations.ref || ' replica identity '
    || case rel.relreplident
        when 'd' then 'default'
        when 'n' then 'nothing'
        when 'f' then 'full'
        else
            'using index ' || coalesce(
                (
                    select quote_ident(named.relname)
                    from pg_index as ind
                    inner join pg_class as named on ind.indexrelid = named.oid
                    where ind.indrelid = rel.oid and ind.indisreplident
                ),
                '""'
            )
    end,
    ''
from relations
inner join pg_class as rel on relations.oid = rel.oid
where
    relations.is_asked
    and (
        rel.relreplident <> 'i'
        or exists (
            select 1
            from pg_index as ind
            where ind.indrelid = rel.oid and ind.indisreplident
        )
    )

union all

select
    relations.label,
    'owner',
    relations.depth,
    relations.label,
    'alter '
    || case relations.relkind
        when 'v' then 'view ' when 'm' then 'materialized view ' else 'table '
    end
    || relations.ref || ' owner to ' || quote_ident(pg_get_userbyid(relations.relowner)),
    ''
from relations

union all

select
    relations.label,
    'owner',
    0,
    'sequence ' || sequences.label,
    'alter sequence ' || sequences.ref || ' owner to '
    || quote_ident(pg_get_userbyid(sequences.relowner)),
    ''
from sequences
inner join relations on sequences.table_oid = relations.oid
where sequences.deptype = 'n'

union all

select
    relations.label,
    'publication',
    0,
    pub.pubname::text,
    'alter publication ' || quote_ident(pub.pubname) || ' add table only '
    || relations.ref
    || coalesce(
        ' (' || (
            select string_agg(quote_ident(att.attname), ', ' order by att.attnum)
            from pg_attribute as att
            where att.attrelid = member.prrelid and att.attnum = any(member.prattrs)
        ) || ')',
        ''
    )
    || coalesce(' where (' || pg_get_expr(member.prqual, member.prrelid) || ')', ''),
    'alter publication ' || quote_ident(pub.pubname) || ' drop table ' || relations.ref
from relations
inner join pg_publication_rel as member on relations.oid = member.prrelid
inner join pg_publication as pub on member.prpubid = pub.oid
where relations.is_asked
