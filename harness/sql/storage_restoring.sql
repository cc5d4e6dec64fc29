-- Each reference that stands switched, and what becomes of it.
create temporary table storage_restoring on commit drop as
select
    reference.file_id,
    reference.row_id,
    reference.before,
    case
        when live.id is null then 'gone'
        when {row_hash} = reference.content_hash then 'restore'
        when live.{column} = reference.new_reference then 'reference'
        else 'changed'
    end as action,
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
    and reference.table_name = {table_name}
    and reference.switched_at is not null
    and reference.restored_at is null
