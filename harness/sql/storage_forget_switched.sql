-- To look ahead: the rows that the switch wrote will name their sources again.
delete from storage_named_live as named
using {ledger}.storage_files as file, {ledger}.storage_references as reference
where
    file.target || '/' || file.target_name = named.name
    and file.pipeline = %(pipeline)s
    and file.target = %(target)s
    and reference.file_id = file.file_id
    and reference.switched_at is not null
    and reference.restored_at is null
