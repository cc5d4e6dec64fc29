-- Who else holds the lock that lets one run change the live schema, and since when.
select
    lck.pid,
    act.usename::text,
    act.application_name,
    coalesce(act.xact_start, act.backend_start) as since
from pg_locks as lck
left join pg_stat_activity as act on lck.pid = act.pid
where
    lck.locktype = 'advisory'
    and lck.database = (select oid from pg_database where datname = current_database())
    and lck.classid = {namespace}
    and lck.objid = {key}
    and lck.objsubid = 2
    and lck.granted
    and lck.pid <> pg_backend_pid()
