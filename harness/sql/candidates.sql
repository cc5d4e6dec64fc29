-- What publishing would do with each row of a mart, and why a row cannot be published;
-- then the rows of earlier runs that the mart does not have any more. A parent may be
-- live or a candidate itself, so parents are classified first. Three states are
-- compared: what the source said when the row was published, what it says now, and what
-- stands there.
create temporary table {candidates} on commit drop as
select
    mart.id,
    case
        when owned.row_id is not null and present.id is null then 'removed'
        when owned.row_id is not null and state.is_source_same and state.is_live_same
            then 'identical'
        when owned.row_id is not null and state.is_source_same then 'changed live'
        when present.id is not null and state.is_identical
            then case when owned.row_id is null then 'present' else 'identical' end
        when owned.row_id is not null and not state.is_live_same then 'conflict'
        when obstacle.reason is not null then 'failed'
        when owned.row_id is not null then 'update'
        else 'insert'
    end as action,
    obstacle.reason,
    owned.run_id as owned_by
from {mart} as mart
left join {target} as present on mart.id = present.id
left join {ledger}.published_rows as owned
    on
        mart.id = owned.row_id
        and owned.table_name = {table_name}
        and owned.rolled_back_at is null
        and owned.superseded_by is null
{joins}
cross join lateral (
    select
        coalesce(present.id is not null and {is_identical}, false) as is_identical,
        {is_unchanged} as is_unchanged
) as compared
cross join lateral (
    select
        compared.is_identical,
        -- Where earlier columns are gone, only the row as it is can tell.
        coalesce(compared.is_unchanged, compared.is_identical) as is_live_same,
        -- The ledger's first version kept no hash of the source: then the row is the
        -- witness, and where a user has changed it, nothing is said of the source.
        coalesce(
            {source_hash} = owned.source_hash,
            compared.is_identical
            or not coalesce(compared.is_unchanged, compared.is_identical)
        ) as is_source_same
) as state
cross join lateral (
    select
        case
            when present.id is not null and owned.row_id is null
                then 'its id is taken by a live row with other content'
            {obstacles}
        end as reason
) as obstacle

union all

select
    owned.row_id,
    'gone',
    null,
    owned.run_id
from {ledger}.published_rows as owned
inner join {target} as live on owned.row_id = live.id
left join {mart} as mart on owned.row_id = mart.id
where
    owned.table_name = {table_name}
    and owned.rolled_back_at is null
    and owned.superseded_by is null
    and mart.id is null
