update {ledger}.storage_files set cleaned_at = now() where file_id = any(%s)
