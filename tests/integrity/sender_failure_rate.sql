{#-
    Only a warning: each of these messages is skipped and listed with its reason. The
    specification asks to check the user mapping then, not to stop.
-#}
{{ config(severity='warn') }}

-- Of the messages whose chat moves, at most max_sender_failure_rate stay behind because
-- their sender could not be resolved.
with reconciliation as (
    select * from {{ ref('reconciliation') }}
    where table_name = 'message'
),

skipped_messages as (
    select * from {{ ref('skipped_messages') }}
),

skip_reasons as (
    select * from {{ ref('skip_reasons') }}
    where threshold = 'sender_failure'
),

failed as (
    select count(*) as rows_counted
    from skipped_messages
    inner join skip_reasons on skipped_messages.reason_id = skip_reasons.reason_id
),

attempted as (
    select
        failed.rows_counted,
        reconciliation.rows_kept
        + reconciliation.rows_merged
        + failed.rows_counted as rows_total
    from failed
    cross join reconciliation
),

measured as (
    select
        rows_counted,
        rows_total,
        {{ rate('rows_counted', 'rows_total') }} as sender_failure_rate,
        {{ rate_variable('max_sender_failure_rate') }} as max_sender_failure_rate
    from attempted
)

select *
from measured
where sender_failure_rate > max_sender_failure_rate
