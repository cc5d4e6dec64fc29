-- What publishing would do with each row of a mart, and why a row cannot be published.
-- A parent may be live or a candidate itself, so parents are classified first.
create temporary table {candidates} on commit drop as
select
    mart.id,
    case
        when owned.row_id is not null and present.id is not null then 'published'
        when owned.row_id is not null then 'removed'
        when present.id is not null and {is_identical} then 'present'
        when obstacle.reason is not null then 'failed'
        else 'insert'
    end as action,
    obstacle.reason
from {marts}.{table} as mart
left join {live}.{table} as present on mart.id = present.id
left join {ledger}.published_rows as owned
    on
        mart.id = owned.row_id
        and owned.table_name = {table_name}
        and owned.rolled_back_at is null
{parents}
cross join lateral (
    select
        case
            when present.id is not null
                then 'its id is taken by a live row with other content'
            {obstacles}
        end as reason
) as obstacle
