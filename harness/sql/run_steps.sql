select
    step,
    status,
    seconds,
    rows
from {ledger}.steps
where run_id = %(run_id)s
order by step_id
