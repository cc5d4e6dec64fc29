-- What stands in the way of removing the sources, and one example of it.
with files as (
    select
        file.*,
        file.status <> 'verified' as is_undone,
        not exists (
            select 1
            from {ledger}.storage_references as reference
            where reference.file_id = file.file_id and reference.restored_at is null
        ) or exists (
            select 1
            from {ledger}.storage_references as reference
            where
                reference.file_id = file.file_id
                and reference.switched_at is null
                and reference.restored_at is null
        ) as is_unswitched,
        present.name is null or present.etag is distinct from file.target_etag
            as is_differing,
        named.name is not null as is_named
    from {ledger}.storage_files as file
    left join storage_now as present
        on file.target = present.store and file.target_name = present.name
    left join (select distinct name from storage_named_live) as named
        on file.source || '/' || file.source_name = named.name
    where
        file.pipeline = %(pipeline)s
        and file.target = %(target)s
        and file.status <> 'removed'
        and file.cleaned_at is null
)

select
    count(*) filter (where is_undone),
    count(*) filter (where is_unswitched),
    count(*) filter (where is_differing),
    count(*) filter (where is_named),
    min(source_name) filter (
        where is_undone or is_unswitched or is_differing or is_named
    )
from files
