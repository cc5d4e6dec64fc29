select bool_or(made_target)
from {ledger}.storage_plans
where pipeline = %(pipeline)s and target = %(target)s
