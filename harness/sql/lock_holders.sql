-- Who holds locks on these tables under which they cannot be written to by one alone,
-- the oldest transaction first.
select distinct
    activity.pid,
    coalesce(activity.usename, 'an unknown user')::text as user_name,
    coalesce(activity.application_name, '') as application_name,
    coalesce(activity.state, 'unknown') as state,
    coalesce(activity.xact_start, activity.backend_start, now()) as since
from pg_locks as locks
inner join pg_stat_activity as activity on locks.pid = activity.pid
where
    locks.locktype = 'relation'
    and locks.database = (select oid from pg_database where datname = current_database())
    and locks.relation in (
        select to_regclass(name)
        from unnest(%(tables)s::text[]) as named (name)
    )
    and locks.granted
    and locks.mode in (
        'RowExclusiveLock',
        'ShareUpdateExclusiveLock',
        'ShareLock',
        'ShareRowExclusiveLock',
        'ExclusiveLock',
        'AccessExclusiveLock'
    )
    and locks.pid <> pg_backend_pid()
order by since
