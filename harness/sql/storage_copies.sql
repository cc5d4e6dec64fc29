-- The copies of ours, with why one stays: the rows are (id, store, name, bytes, whether
-- an attempt was interrupted, reason, whether it is there).
select
    file.file_id,
    file.target,
    file.target_name,
    file.size,
    file.status = 'copying',
    case
        when named.name is not null then 'a live row names it'
        when present.name is null then null
        when file.is_ours and present.etag = file.target_etag then null
        when
            file.status = 'copying'
            and present.size = file.size
            and (
                length(file.etag) <> 32
                or length(present.etag) <> 32
                or present.etag = file.etag
            )
            then null
        when not file.is_ours then 'it is not ours'
        else 'it is not what we wrote'
    end,
    present.name is not null
from {ledger}.storage_files as file
left join storage_now as present
    on file.target = present.store and file.target_name = present.name
left join (select distinct name from storage_named_live) as named
    on file.target || '/' || file.target_name = named.name
where
    file.pipeline = %(pipeline)s
    and file.target = %(target)s
    and file.status <> 'removed'
    and (file.is_ours or file.status = 'copying')
    and file.file_id > %(after)s
order by file.file_id
limit %(batch)s
