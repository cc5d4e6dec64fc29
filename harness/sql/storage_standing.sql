select exists (
    select 1
    from {ledger}.storage_references
    where table_name = %(table)s and switched_at is not null and restored_at is null
)
