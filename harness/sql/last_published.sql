select max(steps.finished_at)
from {ledger}.steps as steps
inner join {ledger}.runs as runs using (run_id)
where
    steps.step = 'publish'
    and steps.status = 'done'
    and runs.pipeline = {pipeline}
    and runs.status <> 'rolled_back'
