update {ledger}.storage_references as reference
set restored_at = now()
from storage_restoring as restoring
where
    reference.file_id = restoring.file_id
    and reference.row_id = restoring.row_id
    and reference.table_name = {table_name}
    and reference.switched_at is not null
    and reference.restored_at is null
