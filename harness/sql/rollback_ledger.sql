-- Rows that are left stay in the ledger as published: they are still ours to explain.
update {ledger}.published_rows as owned
set rolled_back_at = now()
from {candidates} as candidate
where
    owned.run_id = {run_id}
    and owned.table_name = {table_name}
    and owned.row_id = candidate.id
    and candidate.action in ('delete', 'restore', 'gone')
