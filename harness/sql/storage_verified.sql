update {ledger}.storage_files as file
set
    status = case when found.reason is null then 'verified' else 'failed' end,
    reason = found.reason,
    md5 = coalesce(found.md5, file.md5),
    verified_by = found.verified_by,
    verified_at = case when found.reason is null then now() end
from unnest(%s::bigint [], %s::text [], %s::text [], %s::text [])
as found (file_id, verified_by, reason, md5)
where file.file_id = found.file_id
