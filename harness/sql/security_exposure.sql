-- What the API's roles reach and should not: one row a finding, of what is named as the
-- kind. "Everybody" is looked at as a role of its own.
with roles as (
    select rolname::text as name
    from pg_roles
    where rolname in ('anon', 'authenticated')
    union all
    select 'public'
),

our_tables as (
    select rel.oid, rel.relname, rel.relrowsecurity
    from pg_class as rel
    where
        rel.relnamespace = to_regnamespace(quote_ident({live_name}))
        and rel.relkind in ('r', 'p')
        and rel.relname in ('chat_sessions', 'chat_messages', 'chat_audit_logs')
),

relations as (
    select
        rel.oid,
        rel.relname,
        rel.relkind,
        rel.relrowsecurity,
        rel.reloptions,
        nsp.nspname,
        nsp.oid as schema_oid,
        quote_ident(nsp.nspname) || '.' || quote_ident(rel.relname) as ref
    from pg_class as rel
    inner join pg_namespace as nsp on rel.relnamespace = nsp.oid
    where
        rel.relkind in ('r', 'p', 'v', 'm', 'f')
        and nsp.nspname not in ('pg_catalog', 'information_schema')
        and nsp.nspname not like 'pg\_toast%'
        and nsp.nspname not like 'pg\_temp%'
),

readable as (
    select relations.*, min(roles.name) as role_name
    from relations
    cross join roles
    where
        has_schema_privilege(roles.name, relations.schema_oid, 'usage')
        and (
            has_table_privilege(
                roles.name, relations.oid, 'select, insert, update, delete'
            )
            or has_any_column_privilege(
                roles.name, relations.oid, 'select, insert, update'
            )
        )
    group by
        relations.oid,
        relations.relname,
        relations.relkind,
        relations.relrowsecurity,
        relations.reloptions,
        relations.nspname,
        relations.schema_oid,
        relations.ref
),

private_schemas as (
    select roles.name as role_name, nsp.nspname
    from pg_namespace as nsp
    cross join roles
    where
        nsp.nspname = any({private_schemas})
        and has_schema_privilege(roles.name, nsp.oid, 'usage, create')
),

-- The view may reach a table through other views.
depending as (
    select distinct rew.ev_class as oid, dep.refobjid
    from pg_rewrite as rew
    inner join pg_depend as dep
        on
            rew.oid = dep.objid
            and dep.classid = 'pg_rewrite'::regclass
            and dep.refclassid = 'pg_class'::regclass
            and rew.ev_class <> dep.refobjid
),

functions as (
    select
        pro.oid,
        pro.oid::regprocedure::text as ref,
        pro.prosecdef,
        nsp.nspname,
        pro.prosrc ~ '(chat_sessions|chat_messages|chat_audit_logs)' as is_of_chats,
        min(roles.name) as role_name
    from pg_proc as pro
    inner join pg_namespace as nsp on pro.pronamespace = nsp.oid
    cross join roles
    where
        nsp.nspname in ({live_name}, {security_name})
        and pro.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
        and has_schema_privilege(roles.name, nsp.oid, 'usage')
        and has_function_privilege(roles.name, pro.oid, 'execute')
    group by pro.oid, nsp.nspname
)

select 'schema' as kind, role_name, nspname as name
from private_schemas

union all

select 'row level security', '-', relname
from our_tables
where not relrowsecurity

union all

select 'backup', role_name, ref
from readable
where relkind in ('r', 'p') and not relrowsecurity and relname ~ '_backup(_|$)'

union all

select 'legacy', role_name, ref
from readable
where
    relkind in ('r', 'p')
    and not relrowsecurity
    and nspname = {legacy_name}
    and relname in ('messages', 'voice_notes')

union all

select distinct
    case readable.relkind when 'm' then 'materialized view' else 'view' end,
    readable.role_name,
    readable.ref
from readable
inner join depending on readable.oid = depending.oid
inner join relations as used on depending.refobjid = used.oid
where
    readable.relkind in ('v', 'm')
    and readable.nspname <> {security_name}
    and not coalesce(
        readable.reloptions && array[
            'security_invoker=on', 'security_invoker=true', 'security_invoker=1'
        ],
        false
    )
    and (
        used.oid in (select oid from our_tables) or used.nspname = any({private_schemas})
    )

union all

select 'table', role_name, ref
from readable
where nspname = {security_name} and relkind in ('r', 'p', 'v', 'm', 'f')

union all

select
    case when is_of_chats then 'function' else 'function of the application' end,
    role_name,
    ref
from functions
where nspname = {live_name} and prosecdef

union all

select 'private function', role_name, ref
from functions
where
    nspname = {security_name}
    and role_name = 'anon'
    and exists (select from pg_roles where rolname = 'authenticated')

order by 1, 3, 2
