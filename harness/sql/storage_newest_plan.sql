select
    plan_id,
    run_id,
    sources,
    target,
    services
from {ledger}.storage_plans
where pipeline = %(pipeline)s
order by plan_id desc
limit 1
