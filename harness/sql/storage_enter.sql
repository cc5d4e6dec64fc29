-- A row that says again what it said before the switch, as after a restore of a backup,
-- is to be switched anew.
update {ledger}.storage_references as reference
set restored_at = now()
from storage_rows as live
where
    reference.row_id = live.row_id
    and reference.table_name = {table_name}
    and reference.reference = live.reference
    and reference.switched_at is not null
    and reference.restored_at is null;

-- What stands of earlier plans and nobody has begun to copy is planned anew.
delete from {ledger}.storage_references as reference
using {ledger}.storage_files as file
where
    reference.file_id = file.file_id
    and file.pipeline = {pipeline}
    and reference.switched_at is null;

delete from {ledger}.storage_files as file
where
    file.pipeline = {pipeline}
    and file.status in ('planned', 'failed')
    and not file.is_ours
    and not exists (
        select 1
        from {ledger}.storage_references as reference
        where reference.file_id = file.file_id
    )
