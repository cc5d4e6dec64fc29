-- Every row of one table that is not as expected: what is wrong with it, and for a row
-- that differs, in which columns. Rows that publish could not bring are in the ledger
-- with their reason and are no surprise here; nor are rows that it left as users had
-- made them, as long as they still are what they were then.
create temporary table {findings} on commit drop as
with explained as (
    select
        row_id,
        'failed' as reason,
        null::text as content_hash
    from {ledger}.failed_rows
    where run_id = {run_id} and table_name = {table_name}

    union all

    select
        row_id,
        reason,
        content_hash
    from {ledger}.left_rows
    where run_id = {run_id} and table_name = {table_name}
),

owned as (
    select
        run_id,
        row_id,
        content_hash
    from {ledger}.published_rows
    where
        table_name = {table_name}
        and rolled_back_at is null
        and superseded_by is null
)

select
    expected.id,
    case
        when explained.reason = 'removed' then 'left'
        when {in_use} and owned.row_id is not null then 'changed'
        else 'missing'
    end as finding,
    null::text [] as columns
from {expected} as expected
left join {target} as live on expected.id = live.id
left join explained on expected.id = explained.row_id
left join owned on expected.id = owned.row_id
where live.id is null and explained.reason is distinct from 'failed'

union all

select
    expected.id,
    case
        when explained.content_hash = {content_hash} then 'left'
        when {in_use} and not {is_unchanged} then 'changed'
        else 'different'
    end,
    differing.columns
from {expected} as expected
inner join {target} as live on expected.id = live.id
left join explained on expected.id = explained.row_id
left join owned on expected.id = owned.row_id
cross join lateral (
    select array_remove(array[{differing_columns}]::text [], null) as columns
) as differing
where
    cardinality(differing.columns) > 0
    and explained.reason is distinct from 'failed'

union all

select
    live.id,
    case
        when explained.content_hash = {content_hash} then 'left'
        -- No clock tells: created_at is when a transaction began, and one that waited
        -- for the publish began before it. Publish entered under its lock what stood.
        when {in_use} and owned.row_id is null and not {is_landed} then 'newer'
        else 'extra'
    end,
    null
from {target} as live
left join {expected} as expected on live.id = expected.id
left join {ledger}.existing_rows as existing
    on live.id = existing.row_id and existing.table_name = {table_name}
left join owned on live.id = owned.row_id
left join explained on live.id = explained.row_id
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

-- Rows beyond the first of an id, where no key keeps them out.
select
    live.id,
    'extra',
    null
from {target} as live
inner join {expected} as expected on live.id = expected.id
where not {is_id_unique}
group by live.id
having count(*) > 1

union all

select
    live.id,
    'orphaned',
    array[orphan.reference]
from {target} as live
cross join lateral (
    {orphans}
) as orphan
