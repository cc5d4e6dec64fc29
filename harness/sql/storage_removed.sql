update {ledger}.storage_files
set status = 'removed', reason = null
where file_id = any(%s)
