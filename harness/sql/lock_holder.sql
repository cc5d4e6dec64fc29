-- Who holds an advisory lock of two keys: process, program, user, and since when its
-- transaction, or the session, has been going on.
select
    activity.pid,
    coalesce(nullif(activity.application_name, ''), 'a session') as program,
    coalesce(activity.usename, 'an unknown user')::text as user_name,
    coalesce(activity.xact_start, activity.backend_start, now()) as since
from pg_locks as locks
inner join pg_stat_activity as activity on locks.pid = activity.pid
where
    locks.locktype = 'advisory'
    and locks.database = (select oid from pg_database where datname = current_database())
    and locks.classid = %(namespace)s::oid
    and locks.objid = %(key)s::oid
    and locks.objsubid = 2
    and locks.granted
    and locks.pid <> pg_backend_pid()
limit 1
