-- The rows that stood before the run and are gone or not as they were. Rows that earlier
-- runs brought are compared with the source instead.
insert into {findings} (id, finding, columns)
select
    kept.id,
    case
        when {in_use} then 'changed'
        when live.id is null then 'missing'
        else 'altered'
    end,
    case when live.id is not null then differing.columns end
from {kept} as kept
left join {target} as live on kept.id = live.id
left join {expected} as expected on kept.id = expected.id
left join {ledger}.published_rows as owned
    on
        kept.id = owned.row_id
        and owned.table_name = {table_name}
        and owned.rolled_back_at is null
        and owned.superseded_by is null
cross join lateral (
    select array_remove(array[{differing_columns}]::text [], null) as columns
) as differing
where
    expected.id is null
    and owned.row_id is null
    and (live.id is null or cardinality(differing.columns) > 0)
