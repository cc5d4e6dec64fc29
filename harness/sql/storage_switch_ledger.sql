update {ledger}.storage_references as reference
set switched_at = now(), before = switching.before, content_hash = {row_hash}
from storage_switching as switching
inner join {table} as live on switching.row_id = live.id
where
    reference.file_id = switching.file_id
    and reference.row_id = switching.row_id
    and reference.table_name = {table_name}
    and reference.switched_at is null
    and reference.restored_at is null
    and switching.action = 'switch'
