select
    file.file_id,
    file.source,
    file.source_name,
    file.target_name,
    file.size,
    file.etag,
    file.md5,
    exists (
        select 1
        from {ledger}.storage_references as reference
        where
            reference.file_id = file.file_id
            and reference.switched_at is not null
            and reference.restored_at is null
    ),
    at_source.size,
    at_source.etag,
    at_target.size,
    at_target.etag
from {ledger}.storage_files as file
left join storage_now as at_source
    on file.source = at_source.store and file.source_name = at_source.name
left join storage_now as at_target
    on file.target = at_target.store and file.target_name = at_target.name
where
    file.pipeline = %(pipeline)s
    and file.target = %(target)s
    and file.is_ours
    and file.status in ('copied', 'verified')
    and file.cleaned_at is null
    and file.file_id > %(after)s
order by file.file_id
limit %(batch)s
