{#-
    Only a warning: each of these rows is skipped and listed with its reason. Whoever reads
    it looks whether the profiles are whole, before anything is published.
-#}
{{ config(severity='warn') }}

-- Of the rows that are messages of chats, at most max_sender_failure_rate stay behind
-- because their sender has no profile.
with reconciliation as (
    select * from {{ ref('legacy_reconciliation') }}
),

skipped_rows as (
    select * from {{ ref('skipped_legacy_rows') }}
    where reason_id = 'sender_without_profile'
),

carried as (
    select coalesce(sum(rows_kept + rows_merged), 0) as row_count
    from reconciliation
),

failed as (
    select count(*) as row_count
    from skipped_rows
),

measured as (
    select
        failed.row_count as rows_counted,
        carried.row_count + failed.row_count as rows_total,
        {{ rate('failed.row_count', 'carried.row_count + failed.row_count') }}
            as legacy_sender_failure_rate,
        {{ rate_variable('max_sender_failure_rate') }} as max_legacy_sender_failure_rate
    from failed
    cross join carried
)

select *
from measured
where legacy_sender_failure_rate > max_legacy_sender_failure_rate
