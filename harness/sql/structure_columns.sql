-- The tables with their columns and sequences: label, kind, position, name, the statement
-- that makes it, the statement that takes it away.
with recursive
{relations},

columns as (
    select
        relations.oid as table_oid,
        relations.label,
        relations.ref,
        att.attnum,
        att.attname::text as name,
        quote_ident(att.attname) as quoted,
        'alter table ' || relations.ref || ' alter column '
        || quote_ident(att.attname) || ' ' as altered,
        pg_get_expr(def.adbin, def.adrelid) as expression,
        coll.oid::regcollation::text as collation_name,
        format_type(att.atttypid, att.atttypmod) as type_name,
        typ.typstorage,
        att.attcollation <> typ.typcollation as has_collation,
        att.attgenerated,
        att.attidentity,
        att.attnotnull,
        att.attstorage,
        att.attcompression,
        att.attoptions,
        coalesce(att.attstattarget, -1) as statistics_target
    from relations
    inner join pg_attribute as att
        on relations.oid = att.attrelid and att.attnum > 0 and not att.attisdropped
    inner join pg_type as typ on att.atttypid = typ.oid
    left join pg_attrdef as def
        on att.attrelid = def.adrelid and att.attnum = def.adnum
    left join pg_collation as coll on att.attcollation = coll.oid
    where relations.is_asked
),

defined as (
    select
        columns.*,
        columns.quoted || ' ' || columns.type_name
        || case
            when columns.has_collation then ' collate ' || columns.collation_name
            else ''
        end
        || case columns.attgenerated
            when '' then ''
            when 's' then ' generated always as (' || columns.expression || ') stored'
            else ' generated always as (' || columns.expression || ') virtual'
        end as definition
    from columns
),

named_not_null as (
    select
        con.conrelid,
        con.conkey[1] as attnum,
        quote_ident(con.conname) as quoted,
        pg_get_constraintdef(con.oid) as definition
    from pg_constraint as con
    where con.contype = 'n'
),

storages (code, name) as (
    values ('p', 'plain'), ('e', 'external'), ('m', 'main'), ('x', 'extended')
),

identities as (
    select
        defined.*,
        sequences.ref as sequence_ref,
        sequences.parameters
    from defined
    inner join sequences
        on
            defined.table_oid = sequences.table_oid
            and defined.attnum = sequences.attnum
            and sequences.deptype = 'i'
    where defined.attidentity <> ''
)

select
    relations.label,
    'table' as kind,
    0 as position,
    relations.label as name,
    'create ' || case rel.relpersistence when 'u' then 'unlogged ' else '' end
    || 'table ' || relations.ref || ' (' || coalesce(listed.definitions, '') || ')'
    || case when am.amname <> 'heap' then ' using ' || quote_ident(am.amname) else '' end
        as ddl,
    'drop table ' || relations.ref as drop_ddl
from relations
inner join pg_class as rel on relations.oid = rel.oid
left join pg_am as am on rel.relam = am.oid
left join (
    select
        defined.table_oid,
        string_agg(defined.definition, ', ' order by defined.attnum) as definitions
    from defined
    group by defined.table_oid
) as listed on relations.oid = listed.table_oid
where relations.is_asked

union all

select
    label,
    'column',
    attnum,
    name,
    'alter table ' || ref || ' add column if not exists ' || definition,
    'alter table ' || ref || ' drop column ' || quoted
from defined

union all

select
    label,
    'default',
    attnum,
    name,
    altered || 'set default ' || expression,
    altered || 'drop default'
from defined
where attgenerated = '' and expression is not null

union all

select
    defined.label,
    'not null',
    defined.attnum,
    defined.name,
    case
        when named.attnum is null then defined.altered || 'set not null'
        else
            'alter table ' || defined.ref || ' add constraint ' || named.quoted || ' '
            || named.definition
    end,
    case
        when named.attnum is null then defined.altered || 'drop not null'
        else 'alter table ' || defined.ref || ' drop constraint ' || named.quoted
    end
from defined
left join named_not_null as named
    on defined.table_oid = named.conrelid and defined.attnum = named.attnum
where defined.attnotnull or named.attnum is not null

union all

select
    label,
    'identity',
    attnum,
    name,
    altered || 'add generated '
    || case attidentity when 'a' then 'always' else 'by default' end
    || ' as identity (sequence name ' || sequence_ref || ' ' || parameters || ')',
    altered || 'drop identity'
from identities

union all

select
    defined.label,
    'storage',
    defined.attnum,
    defined.name,
    defined.altered || 'set storage ' || kept.name,
    defined.altered || 'set storage ' || usual.name
from defined
inner join storages as kept on defined.attstorage = kept.code
inner join storages as usual on defined.typstorage = usual.code
where defined.attstorage <> defined.typstorage

union all

select
    label,
    'compression',
    attnum,
    name,
    altered || 'set compression '
    || case attcompression when 'p' then 'pglz' else 'lz4' end,
    altered || 'set compression default'
from defined
where attcompression <> ''

union all

select
    label,
    'statistics target',
    attnum,
    name,
    altered || 'set statistics ' || statistics_target,
    altered || 'set statistics -1'
from defined
where statistics_target <> -1

union all

select
    defined.label,
    'column option',
    defined.attnum,
    defined.name || '.' || split_part(opt.assigned, '=', 1),
    defined.altered || 'set (' || opt.assigned || ')',
    defined.altered || 'reset (' || split_part(opt.assigned, '=', 1) || ')'
from defined
cross join unnest(defined.attoptions) as opt (assigned)

union all

select
    relations.label,
    'sequence',
    0,
    sequences.label,
    'create sequence if not exists ' || sequences.ref || ' as ' || sequences.type_name
    || ' ' || sequences.parameters,
    'drop sequence ' || sequences.ref
from sequences
inner join relations on sequences.table_oid = relations.oid
where sequences.deptype <> 'i'

union all

select
    defined.label,
    'sequence ownership',
    0,
    sequences.label,
    'alter sequence ' || sequences.ref || ' owned by ' || defined.ref || '.'
    || defined.quoted,
    'alter sequence ' || sequences.ref || ' owned by none'
from sequences
inner join defined
    on sequences.table_oid = defined.table_oid and sequences.attnum = defined.attnum
where sequences.deptype = 'a'

union all

-- What the sequence holds is asked of the sequence itself: see structure.py.
select
    relations.label,
    'sequence value',
    0,
    sequences.label,
    sequences.ref,
    ''
from sequences
inner join relations on sequences.table_oid = relations.oid
