-- One row: the synchronous standbys' names, whether this session's commits wait for
-- them, how many are attached, and the replication slots that nobody reads.
select
    current_setting('synchronous_standby_names') as names,
    current_setting('synchronous_commit') not in ('off', 'local') as waits,
    (
        select count(*)
        from pg_stat_replication
        where sync_state in ('sync', 'quorum')
    ) as attached,
    (
        select coalesce(array_agg(slot_name::text order by slot_name), '{}'::text [])
        from pg_replication_slots
        where not active and restart_lsn is not null
    ) as slots
