-- What stood before the run's first publish since it was last taken back, and the
-- backup that publish relied on.
select
    steps.detail -> 'before',
    steps.detail ->> 'backup'
from {ledger}.steps as steps
where
    steps.run_id = %(run_id)s
    and steps.step = 'publish'
    and steps.detail -> 'before' <> 'null'::jsonb
    and steps.step_id > coalesce(
        (
            select max(earlier.step_id)
            from {ledger}.steps as earlier
            where earlier.run_id = %(run_id)s and earlier.step = 'rollback'
        ),
        0
    )
order by steps.step_id
limit 1
