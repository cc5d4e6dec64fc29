-- What an earlier run published of an updated row counts again.
update {ledger}.published_rows as earlier
set superseded_by = null
from {candidates} as candidate
where
    earlier.table_name = {table_name}
    and earlier.row_id = candidate.id
    and earlier.superseded_by = {run_id}
    and candidate.action in ('restore', 'gone')
