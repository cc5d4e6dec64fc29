update {ledger}.published_rows as owned
set content_hash = {live_hash}
from storage_restoring as restoring
inner join {table} as live on restoring.row_id = live.id
where
    owned.run_id = restoring.owned_by
    and owned.table_name = {table_name}
    and owned.row_id = restoring.row_id
    and owned.rolled_back_at is null
    and owned.superseded_by is null
    and restoring.action in ('restore', 'reference')
    and restoring.is_as_published
