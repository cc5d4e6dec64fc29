update {ledger}.storage_files as file
set
    status = 'failed',
    is_taken = true,
    reason = 'somebody has put another file into the target under its name; plan again'
from storage_there as there
where
    file.target_name = there.name
    and file.pipeline = %(pipeline)s
    and file.target = %(target)s
    and file.status in ('planned', 'failed')
    and not file.is_ours
returning file.source, file.source_name, file.reason
