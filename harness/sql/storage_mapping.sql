-- One row per reference to a file of the mapping log, or per file without one.
select
    file.source,
    file.source_name,
    file.target,
    file.target_name,
    file.size,
    file.etag,
    file.md5,
    file.content_type,
    reference.table_name,
    reference.row_id,
    file.session_id,
    file.sender_id,
    file.owner_id,
    reference.matched_by,
    case
        when file.cleaned_at is not null then 'cleaned'
        when reference.switched_at is not null and reference.restored_at is null
            then 'switched'
        else file.status
    end as status,
    file.verified_by,
    file.reason,
    reference.reference,
    reference.new_reference
from {ledger}.storage_files as file
left join {ledger}.storage_references as reference
    on file.file_id = reference.file_id
where file.pipeline = %(pipeline)s
order by file.file_id, reference.row_id
