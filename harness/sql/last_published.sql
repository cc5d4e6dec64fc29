-- The newest publish that is not rolled back: when it ended, the columns that it wrote by
-- mart, and what the live tables were when it ended.
select
    steps.finished_at,
    steps.detail -> 'published_columns' as columns,
    steps.detail -> 'after' as objects
from {ledger}.steps as steps
inner join {ledger}.runs as runs using (run_id)
where
    steps.step = 'publish'
    and steps.status = 'done'
    and runs.pipeline = {pipeline}
    and runs.status <> 'rolled_back'
order by steps.step_id desc
limit 1
