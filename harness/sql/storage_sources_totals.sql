select
    count(*),
    coalesce(sum(size), 0)
from {ledger}.storage_files
where
    pipeline = %(pipeline)s
    and target = %(target)s
    and status = 'verified'
    and cleaned_at is null
