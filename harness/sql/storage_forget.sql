-- A row that names its copy by a bare path is read like any other: it is switched.
delete from storage_rows as live
using {ledger}.storage_references as reference
where
    reference.row_id = live.row_id
    and reference.table_name = %(table)s
    and reference.new_reference = live.reference
    and reference.switched_at is not null
    and reference.restored_at is null
