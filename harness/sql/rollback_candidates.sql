-- Each row that the run inserted or updated: what stands there now, and whether it may
-- go. A row that somebody changed since, or that rows of others refer to, is left; so is
-- one that a later run updated and could not give back.
create temporary table {candidates} on commit drop as
select
    owned.row_id as id,
    owned.action as published_by,
    owned.before,
    case
        when live.id is null then 'gone'
        when owned.superseded_by is not null then 'changed'
        when {is_unchanged} is not true and not {is_forced} then 'changed'
        when owned.action = 'update' then 'restore'
        when referring.id is not null then 'referenced'
        else 'delete'
    end as action,
    {is_unchanged} is not true as is_changed
from {ledger}.published_rows as owned
left join {target} as live on owned.row_id = live.id
left join ({referring}) as referring on live.id = referring.id
where
    owned.run_id = {run_id}
    and owned.table_name = {table_name}
    and owned.rolled_back_at is null
