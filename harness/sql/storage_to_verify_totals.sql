select
    count(*) filter (where status in ('copied', 'verified')),
    coalesce(sum(size) filter (where status in ('copied', 'verified')), 0),
    count(*) filter (where status in ('planned', 'copying', 'failed'))
from {ledger}.storage_files
where
    pipeline = %(pipeline)s
    and target = %(target)s
    and status <> 'removed'
    and cleaned_at is null
