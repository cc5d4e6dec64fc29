-- Where the rows that stand were published, and by which run.
select
    steps.detail ->> 'live_schema',
    steps.run_id
from {ledger}.steps as steps
where
    steps.step = 'publish'
    and exists (
        select 1
        from {ledger}.published_rows as owned
        where owned.run_id = steps.run_id and owned.rolled_back_at is null
    )
order by steps.step_id desc
limit 1
