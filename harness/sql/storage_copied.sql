update {ledger}.storage_files as file
set
    status = done.status,
    reason = done.reason,
    is_ours = file.is_ours or done.status = 'copied',
    target_etag = coalesce(done.target_etag, file.target_etag),
    md5 = coalesce(done.md5, file.md5),
    copied_at = case when done.status = 'copied' then now() else file.copied_at end,
    verified_at = null,
    verified_by = null
from unnest(%s::bigint [], %s::text [], %s::text [], %s::text [], %s::text [])
as done (file_id, status, reason, target_etag, md5)
where file.file_id = done.file_id
