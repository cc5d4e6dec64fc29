-- Each reference that is not switched yet, and what becomes of it. The row must still
-- say what the plan read.
create temporary table storage_switching on commit drop as
select
    reference.file_id,
    reference.row_id,
    reference.new_reference,
    file.size,
    file.owner_id,
    file.target_name,
    substring(rtrim(file.source_name, '/') from '[^/]*$') as file_name,
    case
        when live.id is null then 'gone'
        when live.{column} is distinct from reference.reference then 'changed'
        when file.status <> 'verified' or file.cleaned_at is not null
            then 'not verified'
        else 'switch'
    end as action,
    case when live.id is not null then {as_text} end as before,
    owned.run_id as owned_by,
    coalesce({is_unchanged}, false) as is_as_published
from {ledger}.storage_references as reference
inner join {ledger}.storage_files as file on reference.file_id = file.file_id
left join {table} as live on reference.row_id = live.id
left join {ledger}.published_rows as owned
    on
        reference.row_id = owned.row_id
        and owned.table_name = {table_name}
        and owned.rolled_back_at is null
        and owned.superseded_by is null
where
    file.pipeline = {pipeline}
    and file.status <> 'removed'
    and reference.table_name = {table_name}
    and reference.switched_at is null
    and reference.restored_at is null
