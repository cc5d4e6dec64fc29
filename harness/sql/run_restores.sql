-- The restores since a run began and before the next one did.
select
    backup_id,
    restored_at,
    operator,
    seconds::double precision
from {ledger}.restores
where
    restored_at >= (
        select started_at from {ledger}.runs where run_id = %(run_id)s
    )
    and restored_at < coalesce(
        (
            select min(later.started_at)
            from {ledger}.runs as later
            inner join {ledger}.runs as this on later.started_at > this.started_at
            where this.run_id = %(run_id)s
        ),
        'infinity'
    )
order by restore_id
