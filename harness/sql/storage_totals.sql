select
    count(*),
    coalesce(sum(file.size), 0),
    coalesce(sum(referring.messages), 0)::bigint
from {ledger}.storage_files as file
left join (
    select
        file_id,
        count(*) as messages
    from {ledger}.storage_references
    where restored_at is null
    group by file_id
) as referring on file.file_id = referring.file_id
where file.pipeline = %(pipeline)s and file.status <> 'removed'
