-- One row per limit that applies to this role: its name, the limit, how many are used.
-- Superusers have the reserved connections too and no limit of their role.
with role as (
    select
        oid,
        rolsuper,
        rolconnlimit
    from pg_roles
    where rolname = session_user
),

sessions as (
    select
        usesysid,
        datid
    from pg_stat_activity
    -- Of other users' sessions a plain role sees no backend_type.
    where
        coalesce(backend_type, 'client backend') = 'client backend'
        and datid is not null
)

select
    'max_connections' as limit_name,
    current_setting('max_connections')::int - case
        when role.rolsuper then 0
        else
            current_setting('superuser_reserved_connections')::int
            + coalesce(current_setting('reserved_connections', true), '0')::int
    end as limit_value,
    (select count(*) from sessions)::int as used
from role

union all

select
    'role ' || session_user,
    role.rolconnlimit,
    (select count(*) from sessions where sessions.usesysid = role.oid)::int
from role
where role.rolconnlimit >= 0 and not role.rolsuper

union all

select
    'database ' || dat.datname,
    dat.datconnlimit,
    (select count(*) from sessions where sessions.datid = dat.oid)::int
from pg_database as dat
cross join role
where
    dat.datname = current_database()
    and dat.datconnlimit >= 0
    and not role.rolsuper
