update {ledger}.storage_references as reference
set new_reference = named.new_reference
from storage_named as named
where
    reference.row_id = named.row_id
    and reference.table_name = %(table)s
    and reference.switched_at is null
