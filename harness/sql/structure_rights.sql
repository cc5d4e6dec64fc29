-- Who may do what with the tables, the views on them, their columns and sequences, and
-- what is said of them. Columns as in structure_columns.
with recursive
{relations},

granted as (
    select
        relations.label,
        'grant' as kind,
        'table ' || relations.ref as what,
        '' as prefix,
        null::text as column_name,
        relations.relowner as owner_oid,
        coalesce(relations.relacl, acldefault('r', relations.relowner)) as acl
    from relations

    union all

    select
        relations.label,
        'column grant',
        'table ' || relations.ref,
        att.attname || ' to ',
        quote_ident(att.attname),
        relations.relowner,
        att.attacl
    from relations
    inner join pg_attribute as att
        on relations.oid = att.attrelid and att.attnum > 0 and not att.attisdropped
    where att.attacl is not null

    union all

    select
        relations.label,
        'sequence grant',
        'sequence ' || sequences.ref,
        sequences.label || ' to ',
        null,
        sequences.relowner,
        coalesce(sequences.relacl, acldefault('s', sequences.relowner))
    from sequences
    inner join relations on sequences.table_oid = relations.oid
),

items as (
    select
        granted.label,
        granted.kind,
        granted.what,
        granted.prefix,
        item.grantee,
        item.grantor,
        item.is_grantable,
        min(item.position) as position,
        string_agg(
            lower(item.privilege_type) || coalesce(' (' || granted.column_name || ')', ''),
            ', ' order by item.privilege_type
        ) as privileges,
        case item.grantee
            when 0 then 'public' else quote_ident(pg_get_userbyid(item.grantee))
        end as grantee_name,
        case
            when item.grantor <> granted.owner_oid
                then quote_ident(pg_get_userbyid(item.grantor))
        end as grantor_name
    from granted
    cross join lateral aclexplode(granted.acl) with ordinality as item (
        grantor, grantee, privilege_type, is_grantable, position
    )
    group by
        granted.label,
        granted.kind,
        granted.what,
        granted.prefix,
        granted.column_name,
        granted.owner_oid,
        item.grantee,
        item.grantor,
        item.is_grantable
)

select
    label,
    kind,
    min(position)::int as position,
    prefix || grantee_name || coalesce(' by ' || grantor_name, '') as name,
    coalesce('set local role ' || grantor_name || '; ', '')
    || case
        when kind = 'column grant' then ''
        else 'revoke all on ' || what || ' from ' || grantee_name || ' cascade; '
    end
    || string_agg(
        'grant ' || privileges || ' on ' || what || ' to ' || grantee_name
        || case when is_grantable then ' with grant option' else '' end,
        '; ' order by is_grantable
    )
    || case when grantor_name is null then '' else '; set local role none' end as ddl,
    coalesce('set local role ' || grantor_name || '; ', '')
    || 'revoke all on ' || what || ' from ' || grantee_name || ' cascade'
    || case when grantor_name is null then '' else '; set local role none' end
        as drop_ddl
from items
group by label, kind, what, prefix, grantee, grantee_name, grantor_name

union all

select
    said.label,
    'comment',
    0,
    said.what,
    'comment on ' || said.what || ' is ' || quote_literal(described.description),
    'comment on ' || said.what || ' is null'
from (
    select
        relations.label,
        case relations.relkind
            when 'v' then 'view ' when 'm' then 'materialized view ' else 'table '
        end || relations.ref as what,
        'pg_class'::regclass as classoid,
        relations.oid as objoid,
        0 as objsubid
    from relations

    union all

    select
        relations.label,
        'column ' || relations.ref || '.' || quote_ident(att.attname),
        'pg_class'::regclass,
        relations.oid,
        att.attnum
    from relations
    inner join pg_attribute as att
        on relations.oid = att.attrelid and att.attnum > 0 and not att.attisdropped

    union all

    select
        relations.label,
        'sequence ' || sequences.ref,
        'pg_class'::regclass,
        sequences.oid,
        0
    from sequences
    inner join relations on sequences.table_oid = relations.oid

    union all

    select
        relations.label,
        'index ' || ind.indexrelid::regclass::text,
        'pg_class'::regclass,
        ind.indexrelid,
        0
    from relations
    inner join pg_index as ind on relations.oid = ind.indrelid

    union all

    select
        relations.label,
        'constraint ' || quote_ident(con.conname) || ' on ' || relations.ref,
        'pg_constraint'::regclass,
        con.oid,
        0
    from relations
    inner join pg_constraint as con on relations.oid = con.conrelid

    union all

    select
        relations.label,
        'trigger ' || quote_ident(trg.tgname) || ' on ' || relations.ref,
        'pg_trigger'::regclass,
        trg.oid,
        0
    from relations
    inner join pg_trigger as trg on relations.oid = trg.tgrelid

    union all

    select
        relations.label,
        'policy ' || quote_ident(pol.polname) || ' on ' || relations.ref,
        'pg_policy'::regclass,
        pol.oid,
        0
    from relations
    inner join pg_policy as pol on relations.oid = pol.polrelid

    union all

    select
        relations.label,
        'rule ' || quote_ident(rul.rulename) || ' on ' || relations.ref,
        'pg_rewrite'::regclass,
        rul.oid,
        0
    from relations
    inner join pg_rewrite as rul on relations.oid = rul.ev_class

    union all

    select
        relations.label,
        'statistics ' || quote_ident(ext.stxname),
        'pg_statistic_ext'::regclass,
        ext.oid,
        0
    from relations
    inner join pg_statistic_ext as ext on relations.oid = ext.stxrelid
) as said
inner join pg_description as described
    on
        said.classoid = described.classoid
        and said.objoid = described.objoid
        and said.objsubid = described.objsubid
