select
    kind,
    count(*)
from {ledger}.storage_unmatched
where run_id = %(run_id)s
group by kind
order by kind
