-- The tables, and what the application built on them and would lose with them: views and
-- functions, whatever their depth. Stands behind "with recursive" in the other queries.
asked_tables as (
    select rel.oid
    from pg_class as rel
    inner join pg_namespace as nsp on rel.relnamespace = nsp.oid
    where
        nsp.nspname = {schema_name}
        and rel.relname = any({table_names}::text [])
        and rel.relkind in ('r', 'p', 'v', 'm', 'f')
),

found (classid, objid, depth) as (
    select
        'pg_class'::regclass::oid,
        asked_tables.oid,
        0
    from asked_tables

    union

    select
        dependent.classid,
        dependent.objid,
        found.depth + 1
    from found
    cross join lateral (
        select
            case
                when rul.oid is null then dep.classid
                else 'pg_class'::regclass::oid
            end as classid,
            coalesce(rul.ev_class, dep.objid) as objid
        from (
            select
                found.classid as classid,
                found.objid as objid

            union all

            select
                'pg_type'::regclass::oid,
                row_type.oid
            from pg_type as row_type
            where
                found.classid = 'pg_class'::regclass
                and row_type.typrelid = found.objid

            union all

            select
                'pg_type'::regclass::oid,
                row_type.typarray
            from pg_type as row_type
            where
                found.classid = 'pg_class'::regclass
                and row_type.typrelid = found.objid
        ) as named
        inner join pg_depend as dep
            on named.classid = dep.refclassid and named.objid = dep.refobjid
        left join pg_rewrite as rul
            on dep.classid = 'pg_rewrite'::regclass and dep.objid = rul.oid
        where dep.classid in ('pg_rewrite'::regclass, 'pg_proc'::regclass)
    ) as dependent
    where
        found.depth < 30
        and dependent.objid <> found.objid
        and dependent.objid not in (select asked_tables.oid from asked_tables)
),

relations as (
    select
        rel.oid,
        rel.relkind,
        rel.relowner,
        rel.relacl,
        deepest.depth,
        deepest.depth = 0 as is_asked,
        case
            when nsp.nspname = {schema_name} then rel.relname::text
            else nsp.nspname || '.' || rel.relname
        end as label,
        rel.oid::regclass::text as ref
    from (
        select
            found.objid,
            max(found.depth) as depth
        from found
        where found.classid = 'pg_class'::regclass
        group by found.objid
    ) as deepest
    inner join pg_class as rel on deepest.objid = rel.oid
    inner join pg_namespace as nsp on rel.relnamespace = nsp.oid
    where deepest.depth = 0 or rel.relkind in ('v', 'm')
),

-- Sequences that a column owns, those of identity columns with them, and those that only
-- a default names.
sequences as (
    select distinct on (seq.oid)
        seq.oid,
        seq.relname::text as label,
        seq.relowner,
        seq.relacl,
        seq.relnamespace,
        seq.oid::regclass::text as ref,
        used.table_oid,
        used.attnum,
        used.deptype,
        format_type(params.seqtypid, null) as type_name,
        'start with ' || params.seqstart
        || ' increment by ' || params.seqincrement
        || ' minvalue ' || params.seqmin
        || ' maxvalue ' || params.seqmax
        || ' cache ' || params.seqcache
        || case when params.seqcycle then ' cycle' else ' no cycle' end as parameters
    from (
        select
            dep.objid as sequence_oid,
            dep.refobjid as table_oid,
            dep.refobjsubid as attnum,
            dep.deptype
        from pg_depend as dep
        where
            dep.classid = 'pg_class'::regclass
            and dep.refclassid = 'pg_class'::regclass
            and dep.refobjsubid > 0
            and dep.deptype in ('a', 'i')

        union all

        select
            dep.refobjid,
            def.adrelid,
            def.adnum,
            'n'
        from pg_depend as dep
        inner join pg_attrdef as def
            on dep.classid = 'pg_attrdef'::regclass and dep.objid = def.oid
        where dep.refclassid = 'pg_class'::regclass and dep.deptype = 'n'
    ) as used
    inner join asked_tables on used.table_oid = asked_tables.oid
    inner join pg_class as seq
        on used.sequence_oid = seq.oid and seq.relkind = 'S'
    inner join pg_sequence as params on seq.oid = params.seqrelid
    order by seq.oid asc, used.deptype asc
)
