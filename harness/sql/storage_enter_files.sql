-- A copy of ours whose source is another by now is made again, unless it is in use.
update {ledger}.storage_files as file
set
    size = wanted.size,
    etag = wanted.etag,
    md5 = null,
    content_type = wanted.content_type,
    status = 'planned',
    reason = null
from storage_wanted as wanted
where
    wanted.file_id = file.file_id
    and file.status not in ('copying', 'removed')
    and (file.status = 'failed' or file.etag <> wanted.etag)
    and not exists (
        select 1
        from {ledger}.storage_references as reference
        where
            reference.file_id = file.file_id
            and reference.switched_at is not null
            and reference.restored_at is null
    );

insert into {ledger}.storage_files (
    run_id, pipeline, source, source_name, target, target_name, size, etag,
    content_type, owner_id, session_id, sender_id
)
select
    {run_id},
    {pipeline},
    source,
    source_name,
    {target},
    target_name,
    size,
    etag,
    content_type,
    owner_id,
    session_id,
    sender_id
from storage_wanted
where file_id is null and not is_refused
order by position, full_name collate "C", target_name collate "C";

analyze {ledger}.storage_files;

insert into {ledger}.storage_references (
    file_id, table_name, row_id, reference, matched_by, new_reference
)
select
    file.file_id,
    {table_name},
    live.row_id,
    live.reference,
    found.matched_by,
    live.place
from storage_found as found
inner join storage_rows as live on found.row_id = live.row_id
inner join storage_wanted as wanted
    on
        found.listed_id = wanted.listed_id
        and live.session_id = wanted.session_id
        and live.sender_id = wanted.sender_id
inner join {ledger}.storage_files as file
    on
        wanted.source = file.source
        and wanted.source_name = file.source_name
        and wanted.session_id = file.session_id
        and wanted.sender_id = file.sender_id
        and file.target = {target}
        and file.status <> 'removed'
where not exists (
    select 1
    from {ledger}.storage_references as standing
    where
        standing.table_name = {table_name}
        and standing.row_id = live.row_id
        and standing.restored_at is null
);

analyze {ledger}.storage_references
