-- What an earlier run published of a row that this one updates counts again when this
-- run is taken back.
update {ledger}.published_rows as owned
set superseded_by = {run_id}
from {candidates} as candidate
where
    owned.table_name = {table_name}
    and owned.row_id = candidate.id
    and owned.run_id <> {run_id}
    and owned.rolled_back_at is null
    and owned.superseded_by is null
    and candidate.action = 'update'
