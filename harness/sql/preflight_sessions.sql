-- One row per other session of this database that is in a transaction or has, or waits
-- for, a lock on a live table. What a session runs is never read: it may quote somebody.
-- Autovacuum is left out, because it gives way by itself.
with locks as (
    select
        lck.pid,
        array_agg(
            format(
                '%s %s on %s',
                case when lck.granted then 'holds' else 'waits for' end,
                regexp_replace(lck.mode, 'Lock$', ''),
                rel.relname
            )
            order by rel.relname, lck.mode
        ) filter (
            where
            lck.mode not in ('AccessShareLock', 'RowShareLock')
            or rel.relname = any({closed_tables})
        ) as conflicts,
        array_agg(distinct rel.relname::text) as table_names
    from pg_locks as lck
    inner join pg_class as rel on lck.relation = rel.oid
    inner join pg_namespace as nsp on rel.relnamespace = nsp.oid
    where
        lck.locktype = 'relation'
        and lck.database = (select oid from pg_database where datname = current_database())
        and nsp.nspname = {live_name}
        and rel.relname = any({names})
        and lck.pid is not null
    group by lck.pid
)

select
    act.pid,
    act.usename::text,
    act.application_name,
    act.state,
    act.xact_start,
    extract(epoch from clock_timestamp() - act.xact_start)::float8 as open_seconds,
    extract(epoch from clock_timestamp() - act.state_change)::float8 as state_seconds,
    coalesce(locks.conflicts, '{}'::text []) as conflicts,
    coalesce(locks.table_names, '{}'::text []) as table_names,
    act.state is not null as is_seen
from pg_stat_activity as act
left join locks on act.pid = locks.pid
where
    act.datname = current_database()
    and act.pid <> pg_backend_pid()
    and coalesce(act.backend_type, 'client backend') <> 'autovacuum worker'
    and (act.xact_start is not null or locks.pid is not null or act.state is null)
order by act.xact_start nulls last, act.pid
