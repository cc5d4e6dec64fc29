-- Each row that the run inserted: what stands there now, and whether it may go. A row
-- that somebody changed since, or that rows of others refer to, is left.
create temporary table {candidates} on commit drop as
select
    owned.row_id as id,
    case
        when live.id is null then 'gone'
        when {content_hash} is distinct from owned.content_hash then 'changed'
        when {is_referenced} then 'referenced'
        else 'delete'
    end as action
from {ledger}.published_rows as owned
left join {live}.{table} as live on owned.row_id = live.id
where
    owned.run_id = {run_id}
    and owned.table_name = {table_name}
    and owned.rolled_back_at is null
