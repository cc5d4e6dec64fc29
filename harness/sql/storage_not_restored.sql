-- How many rows do not have the reference that taking a switch back should have given.
select count(*)
from storage_restoring as restoring
left join {table} as live on restoring.row_id = live.id
where
    restoring.action in ('restore', 'reference')
    and live.{column}::text is distinct from restoring.before ->> {column_name}
