-- Every row of one table that is not as expected: what is wrong with it, and for a row
-- that differs, in which columns. Rows that publish could not bring are in the ledger
-- with their reason and are no surprise here.
create temporary table {findings} on commit drop as
select
    expected.id,
    'missing' as finding,
    null::text [] as columns
from {expected} as expected
left join {live}.{table} as live on expected.id = live.id
where
    live.id is null
    and not exists (
        select 1
        from {ledger}.failed_rows as failed
        where
            failed.run_id = {run_id}
            and failed.table_name = {table_name}
            and failed.row_id = expected.id
    )

union all

select
    expected.id,
    'different',
    differing.columns
from {expected} as expected
inner join {live}.{table} as live on expected.id = live.id
cross join lateral (
    select array_remove(array[{differing_columns}], null) as columns
) as differing
where cardinality(differing.columns) > 0

union all

select
    live.id,
    case
        when {is_newer} then 'newer'
        else 'extra'
    end,
    null
from {live}.{table} as live
left join {expected} as expected on live.id = expected.id
left join {ledger}.existing_rows as existing
    on live.id = existing.row_id and existing.table_name = {table_name}
left join {ledger}.published_rows as owned
    on
        live.id = owned.row_id
        and owned.table_name = {table_name}
        and owned.rolled_back_at is null
where
    expected.id is null
    and existing.row_id is null
    and {was_published}
    and (
        owned.run_id = {run_id}
        or (owned.run_id is null and {is_within})
        or {is_landed}
    )

union all

select
    live.id,
    'orphaned',
    array[orphan.reference]
from {live}.{table} as live
cross join lateral (
    {orphans}
) as orphan
