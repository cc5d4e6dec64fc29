-- What publishing would do with each existing live row that a mart brings forward: its
-- time only ever grows, so that no user's change is undone and nobody's is in the way.
create temporary table {candidates} on commit drop as
select
    mart.id,
    case
        when live.id is null and owned.row_id is not null then 'removed'
        when live.id is null then 'failed'
        when live.{column} >= {value} and owned.row_id is not null then 'identical'
        when live.{column} >= {value} then 'present'
        else 'update'
    end as action,
    case
        when live.id is null then 'its live row was deleted since it was landed'
    end as reason,
    owned.run_id as owned_by
from {mart} as mart
left join {target} as live on mart.id = live.id
left join {ledger}.published_rows as owned
    on
        mart.id = owned.row_id
        and owned.table_name = {table_name}
        and owned.rolled_back_at is null
        and owned.superseded_by is null
