-- One row per right that this role lacks: what it is, and the statement that gives it.
with named as (
    select
        quote_ident(current_user) as grantee,
        quote_ident(current_database()) as base
),

live_tables as (
    select
        rel.oid,
        rel.relname::text as table_name,
        format('%I.%I', nsp.nspname, rel.relname) as full_name,
        rel.relname = any({written}) as is_written
    from pg_class as rel
    inner join pg_namespace as nsp on rel.relnamespace = nsp.oid
    where
        nsp.nspname = {live_name}
        and rel.relname = any({live_tables})
        and rel.relkind in ('r', 'p')
),

missing as (
    select
        1 as place,
        wanted.privilege || ' in the database ' || named.base as what,
        format('grant %s on database %s', wanted.privilege, named.base) as granting
    from named
    cross join unnest(array['create', 'temporary']) as wanted (privilege)
    where not has_database_privilege(current_database(), wanted.privilege)

    union all

    select
        2,
        wanted.privilege || ' in the schema ' || nsp.nspname,
        format('grant %s on schema %I', wanted.privilege, nsp.nspname)
    from pg_namespace as nsp
    cross join unnest(array['usage', 'create']) as wanted (privilege)
    where
        (
            nsp.nspname = any({own_schemas})
            or (nsp.nspname = {live_name} and wanted.privilege = 'usage')
            or (nsp.nspname = {live_name} and {adds_relations})
        )
        and not has_schema_privilege(nsp.oid, wanted.privilege)

    union all

    select
        3,
        wanted.privilege || ' on ' || live_tables.table_name,
        format('grant %s on %s', wanted.privilege, live_tables.full_name)
    from live_tables
    cross join unnest(array['select', 'insert', 'update', 'delete'])
        as wanted (privilege)
    where
        (live_tables.is_written or wanted.privilege = 'select')
        and not has_table_privilege(live_tables.oid, wanted.privilege)

    union all

    -- A foreign key needs the right on its parent's key column alone.
    select
        4,
        'references on ' || live_tables.table_name,
        format('grant references on %s', live_tables.full_name)
    from live_tables
    where
        live_tables.table_name = any({new_parents})
        and not has_table_privilege(live_tables.oid, 'references')
        and not exists (
            select 1
            from pg_attribute as att
            where
                att.attrelid = live_tables.oid
                and att.attname = 'id'
                and has_column_privilege(live_tables.oid, att.attnum, 'references')
        )

    union all

    -- A column's default that draws from a sequence.
    select distinct
        5,
        'usage on the sequence ' || seq.relname,
        format('grant usage on sequence %s', seq.oid::regclass)
    from live_tables
    inner join pg_attrdef as def on live_tables.oid = def.adrelid
    inner join pg_depend as dep
        on
            def.oid = dep.objid
            and dep.classid = 'pg_attrdef'::regclass
            and dep.refclassid = 'pg_class'::regclass
    inner join pg_class as seq on dep.refobjid = seq.oid and seq.relkind = 'S'
    where
        live_tables.is_written
        -- Asked of a sequence only, whichever condition is looked at first.
        and case
            when seq.relkind = 'S' then not has_sequence_privilege(seq.oid, 'usage')
        end
)

select
    missing.what,
    format('%s to %s;', missing.granting, named.grantee)
from missing
cross join named

union all

-- What stands in our schemas is replaced and altered, which its owner alone may do.
select
    format(
        'ownership of %s relations in the schema %s', count(*), nsp.nspname
    ),
    format('grant %I to %s;', pg_get_userbyid(rel.relowner), min(named.grantee))
from pg_class as rel
inner join pg_namespace as nsp on rel.relnamespace = nsp.oid
cross join named
where
    nsp.nspname = any({own_schemas})
    and rel.relkind in ('r', 'p', 'v', 'm', 'S')
    and not pg_has_role(rel.relowner, 'USAGE')
group by nsp.nspname, rel.relowner
