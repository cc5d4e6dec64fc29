select
    count(*),
    min(source_name)
from {ledger}.storage_files
where pipeline = %(pipeline)s and status <> 'removed' and cleaned_at is not null
