-- Of the chats and messages read, at most max_error_rate could not be read exactly. A
-- skip is a decision, no error. Rows that fail to publish count too, when publish adds
-- them.
-- depends_on: {{ ref('migration_metrics') }}
-- That is behind the reconciliation, and must be built for the run that this stops.
with reconciliation as (
    select * from {{ ref('reconciliation') }}
    where table_name in ('chat', 'message')
),

measured as (
    select
        sum(rows_rejected) as rows_counted,
        sum(rows_read) as rows_total,
        {{ rate('sum(rows_rejected)', 'sum(rows_read)') }} as error_rate,
        {{ rate_variable('max_error_rate') }} as max_error_rate
    from reconciliation
)

select *
from measured
where error_rate > max_error_rate
