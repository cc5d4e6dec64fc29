insert into {ledger}.storage_unmatched (run_id, pipeline, kind, source, source_name)
values (%s, %s, %s, %s, %s)
