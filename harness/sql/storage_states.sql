select
    case
        when file.cleaned_at is not null then 'cleaned'
        when
            file.status = 'verified' and exists (
                select 1
                from {ledger}.storage_references as reference
                where
                    reference.file_id = file.file_id
                    and reference.switched_at is not null
                    and reference.restored_at is null
            )
            then 'switched'
        else file.status
    end as state,
    count(*)
from {ledger}.storage_files as file
where file.pipeline = %(pipeline)s and file.status <> 'removed'
group by 1
order by 1
