-- What was read is what was kept, merged, skipped and rejected, taken together; and
-- each of the three tables has its account.
with reconciliation as (
    select * from {{ ref('reconciliation') }}
),

expected_tables as (
    select expected.table_name
    from (values ('chat'), ('message'), ('booking')) as expected (table_name)
),

accounted as (
    select
        expected_tables.table_name,
        reconciliation.rows_read,
        reconciliation.rows_kept
        + reconciliation.rows_merged
        + reconciliation.rows_skipped
        + reconciliation.rows_rejected as rows_accounted
    from expected_tables
    left join reconciliation on expected_tables.table_name = reconciliation.table_name
)

select *
from accounted
where rows_read is null or rows_read is distinct from rows_accounted
