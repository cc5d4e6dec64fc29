-- What hangs on the tables and the views on them: constraints, indexes, statistics,
-- triggers, rules, policies. Columns as in structure_columns.
with recursive
{relations},

constraints as (
    select
        relations.label,
        relations.ref,
        con.oid,
        con.contype,
        con.conindid,
        con.conname::text as name,
        quote_ident(con.conname) as quoted,
        case con.contype
            when 'p' then 'primary key'
            when 'u' then 'unique constraint'
            when 'x' then 'exclusion constraint'
            when 'c' then 'check'
            else 'foreign key'
        end as kind
    from relations
    inner join pg_constraint as con on relations.oid = con.conrelid
    where relations.is_asked and con.contype in ('p', 'u', 'x', 'c', 'f')
),

indexes as (
    select
        relations.label,
        relations.ref,
        relations.depth,
        ind.indexrelid,
        ind.indisclustered,
        named.relname::text as name,
        named.reloptions,
        ind.indexrelid::regclass::text as index_ref,
        exists (
            select 1
            from pg_constraint as con
            where con.conindid = ind.indexrelid and con.contype in ('p', 'u', 'x')
        ) as is_of_constraint
    from relations
    inner join pg_index as ind on relations.oid = ind.indrelid
    inner join pg_class as named on ind.indexrelid = named.oid
    where ind.indisvalid
),

triggers as (
    select
        relations.label,
        relations.ref,
        trg.oid,
        trg.tgenabled,
        trg.tgname::text as name,
        quote_ident(trg.tgname) as quoted
    from relations
    inner join pg_trigger as trg on relations.oid = trg.tgrelid
    where not trg.tgisinternal
)

select
    label,
    kind,
    0 as position,
    name,
    'alter table ' || ref || ' add constraint ' || quoted || ' '
    || pg_get_constraintdef(oid) as ddl,
    'alter table ' || ref || ' drop constraint ' || quoted as drop_ddl
from constraints

union all

-- A key whose own triggers somebody disabled checks nothing: it is to be made anew.
select
    label,
    'disabled key',
    0,
    name,
    '',
    'alter table ' || ref || ' drop constraint ' || quoted
from constraints
where
    contype = 'f'
    and exists (
        select 1
        from pg_trigger as trg
        where
            trg.tgconstraint = constraints.oid
            and trg.tgisinternal
            and trg.tgenabled <> 'O'
    )

union all

select
    label,
    'index',
    depth,
    name,
    lower(left(pg_get_indexdef(indexrelid, 0, true), 6))
    || substr(pg_get_indexdef(indexrelid, 0, true), 7),
    'drop index ' || index_ref
from indexes
where not is_of_constraint

union all

select
    indexes.label,
    'index option',
    0,
    indexes.name || '.' || split_part(opt.assigned, '=', 1),
    'alter index ' || indexes.index_ref || ' set (' || opt.assigned || ')',
    'alter index ' || indexes.index_ref || ' reset ('
    || split_part(opt.assigned, '=', 1) || ')'
from indexes
cross join unnest(indexes.reloptions) as opt (assigned)
where indexes.is_of_constraint

union all

select
    indexes.label,
    'index statistics target',
    att.attnum,
    indexes.name || '.' || att.attnum,
    'alter index ' || indexes.index_ref || ' alter column ' || att.attnum
    || ' set statistics ' || att.attstattarget,
    'alter index ' || indexes.index_ref || ' alter column ' || att.attnum
    || ' set statistics -1'
from indexes
inner join pg_attribute as att on indexes.indexrelid = att.attrelid
where coalesce(att.attstattarget, -1) <> -1

union all

select
    label,
    'cluster',
    0,
    'cluster',
    'alter table ' || ref || ' cluster on ' || quote_ident(name),
    'alter table ' || ref || ' set without cluster'
from indexes
where indisclustered

union all

-- pg_get_statisticsobjdef always writes the schema before the name.
select
    relations.label,
    'statistics',
    0,
    ext.stxname::text,
    'create statistics ' || quote_ident(ext.stxname) || substr(
        pg_get_statisticsobjdef(ext.oid),
        length(
            'CREATE STATISTICS ' || quote_ident(nsp.nspname) || '.'
            || quote_ident(ext.stxname)
        ) + 1
    )
    || case
        when coalesce(ext.stxstattarget, -1) = -1 then ''
        else
            '; alter statistics ' || quote_ident(ext.stxname) || ' set statistics '
            || ext.stxstattarget
    end,
    'drop statistics ' || quote_ident(nsp.nspname) || '.' || quote_ident(ext.stxname)
from relations
inner join pg_statistic_ext as ext on relations.oid = ext.stxrelid
inner join pg_namespace as nsp on ext.stxnamespace = nsp.oid
where relations.is_asked

union all

select
    label,
    'trigger',
    0,
    name,
    pg_get_triggerdef(oid, true),
    'drop trigger ' || quoted || ' on ' || ref
from triggers

union all

select
    label,
    'trigger state',
    0,
    name,
    'alter table ' || ref
    || case tgenabled
        when 'O' then ' enable'
        when 'D' then ' disable'
        when 'R' then ' enable replica'
        else ' enable always'
    end
    || ' trigger ' || quoted,
    ''
from triggers
where tgenabled in ('D', 'R', 'A', 'O')

union all

select
    relations.label,
    'rule',
    0,
    rul.rulename::text,
    rtrim(pg_get_ruledef(rul.oid, true), ';')
    || '; alter table ' || relations.ref
    || case rul.ev_enabled
        when 'O' then ' enable'
        when 'D' then ' disable'
        when 'R' then ' enable replica'
        else ' enable always'
    end
    || ' rule ' || quote_ident(rul.rulename),
    'drop rule ' || quote_ident(rul.rulename) || ' on ' || relations.ref
from relations
inner join pg_rewrite as rul on relations.oid = rul.ev_class
where rul.rulename <> '_RETURN'

union all

-- Policies of these tables, and those of other tables whose conditions name them.
select
    case when relations.oid is null then pol.polrelid::regclass::text else relations.label end,
    case when relations.oid is null then 'policy of another table' else 'policy' end,
    0,
    pol.polname::text,
    'create policy ' || quote_ident(pol.polname) || ' on '
    || pol.polrelid::regclass::text
    || case when pol.polpermissive then ' as permissive' else ' as restrictive' end
    || ' for '
    || case pol.polcmd
        when 'r' then 'select'
        when 'a' then 'insert'
        when 'w' then 'update'
        when 'd' then 'delete'
        else 'all'
    end
    || ' to ' || (
        select
            string_agg(
                case named.role_oid
                    when 0 then 'public' else quote_ident(pg_get_userbyid(named.role_oid))
                end,
                ', ' order by named.position
            )
        from unnest(pol.polroles) with ordinality as named (role_oid, position)
    )
    || coalesce(' using (' || pg_get_expr(pol.polqual, pol.polrelid) || ')', '')
    || coalesce(
        ' with check (' || pg_get_expr(pol.polwithcheck, pol.polrelid) || ')', ''
    ),
    'drop policy ' || quote_ident(pol.polname) || ' on ' || pol.polrelid::regclass::text
from pg_policy as pol
left join relations on pol.polrelid = relations.oid
where
    relations.oid is not null
    or exists (
        select 1
        from pg_depend as dep
        inner join found
            on dep.refclassid = found.classid and dep.refobjid = found.objid
        where dep.classid = 'pg_policy'::regclass and dep.objid = pol.oid
    )

union all

select
    relations.label,
    'incoming foreign key',
    0,
    con.conrelid::regclass::text || '.' || con.conname,
    'alter table ' || con.conrelid::regclass::text || ' add constraint '
    || quote_ident(con.conname) || ' ' || pg_get_constraintdef(con.oid),
    'alter table ' || con.conrelid::regclass::text || ' drop constraint '
    || quote_ident(con.conname)
from pg_constraint as con
inner join relations on con.confrelid = relations.oid
where
    con.contype = 'f'
    and con.conparentid = 0
    and con.conrelid not in (select asked_tables.oid from asked_tables)
