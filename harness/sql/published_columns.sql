-- The columns that each run's newest publish names in its detail, for one live table.
select distinct on (steps.run_id)
    steps.run_id,
    steps.detail -> %(which)s::text -> %(table)s::text
from {ledger}.steps as steps
where
    steps.step = 'publish'
    and steps.status = 'done'
    and steps.detail -> %(which)s::text ? %(table)s
    and exists (
        select 1
        from {ledger}.published_rows as owned
        where owned.run_id = steps.run_id and owned.rolled_back_at is null
    )
order by steps.run_id, steps.step_id desc
