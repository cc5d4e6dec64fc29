-- The backup that a run's publish named; of a run that names none the newest verified
-- one of the live schema, taken before the run last published.
select
    backups.backup_id,
    backups.taken_at,
    backups.operator,
    backups.status,
    backups.seconds::double precision,
    coalesce(sum(tables.rows), 0)::bigint,
    coalesce(sum(tables.bytes), 0)::bigint,
    backups.archive,
    backups.archive_bytes
from {ledger}.backups as backups
left join {ledger}.backup_tables as tables on backups.backup_id = tables.backup_id
where
    backups.backup_id = %(backup_id)s::text
    or (
        %(backup_id)s::text is null
        and backups.live_schema = {live_name}
        and backups.status = 'verified'
        and backups.taken_at <= coalesce(
            (
                select max(steps.finished_at)
                from {ledger}.steps as steps
                where steps.run_id = %(run_id)s and steps.step = 'publish'
            ),
            now()
        )
    )
group by backups.backup_id
order by backups.taken_at desc
limit 1
