-- The sources that are done with, with why one stays: the rows are as of the copies.
select
    file.file_id,
    file.source,
    file.source_name,
    file.size,
    false,
    case
        when present.name is not null and present.etag <> file.etag
            then 'it has changed since it was copied'
    end,
    present.name is not null
from {ledger}.storage_files as file
left join storage_now as present
    on file.source = present.store and file.source_name = present.name
where
    file.pipeline = %(pipeline)s
    and file.target = %(target)s
    and file.status = 'verified'
    and file.cleaned_at is null
    and file.file_id > %(after)s
order by file.file_id
limit %(batch)s
