-- A published row that nobody else had changed is still as we left it.
update {ledger}.published_rows as owned
set content_hash = {live_hash}
from storage_switching as switching
inner join {table} as live on switching.row_id = live.id
where
    owned.run_id = switching.owned_by
    and owned.table_name = {table_name}
    and owned.row_id = switching.row_id
    and owned.rolled_back_at is null
    and owned.superseded_by is null
    and switching.action = 'switch'
    and switching.is_as_published
