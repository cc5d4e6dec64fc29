insert into {ledger}.storage_files (
    run_id, pipeline, source, source_name, target, target_name, size, etag,
    session_id, sender_id
)
values (
    %(run_id)s,
    'bench',
    %(source)s,
    %(name)s,
    %(target)s,
    %(session)s::text || '/' || %(name)s,
    %(size)s,
    %(etag)s,
    %(session)s::uuid,
    %(session)s::uuid
)
