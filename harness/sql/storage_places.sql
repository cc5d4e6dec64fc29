select
    reference.row_id,
    reference.new_reference,
    file.target_name
from {ledger}.storage_references as reference
inner join {ledger}.storage_files as file on reference.file_id = file.file_id
inner join storage_rows as live on reference.row_id = live.row_id
where reference.table_name = %(table)s and reference.switched_at is null
