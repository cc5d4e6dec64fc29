-- The next files to copy. What an earlier attempt failed at is tried again, but not
-- what would be written over somebody's file.
with claimed as (
    select
        file_id,
        status = 'copying' as was_claimed,
        is_ours
    from {ledger}.storage_files
    where
        pipeline = %(pipeline)s
        and target = %(target)s
        and (
            status in ('planned', 'copying')
            or status = 'failed' and not is_taken
        )
        and file_id > %(after)s
    order by file_id
    limit %(batch)s
)

update {ledger}.storage_files as file
set status = 'copying', reason = null
from claimed
where file.file_id = claimed.file_id
returning
    file.file_id,
    file.source,
    file.source_name,
    file.target_name,
    file.size,
    file.etag,
    file.content_type,
    claimed.was_claimed,
    claimed.is_ours
