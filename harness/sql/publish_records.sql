-- The columns that each run's newest publish hashed and published of one live table, and
-- the types that they had. Only runs whose rows are not rolled back are listed.
select distinct on (steps.run_id)
    steps.run_id,
    steps.detail -> 'hashed_columns' -> %(table)s::text as hashed,
    steps.detail -> 'published_columns' -> %(table)s::text as published,
    steps.detail -> 'column_types' -> %(table)s::text as types
from {ledger}.steps as steps
where
    steps.step = 'publish'
    and steps.status = 'done'
    and steps.detail -> 'hashed_columns' ? %(table)s
    and exists (
        select 1
        from {ledger}.published_rows as owned
        where owned.run_id = steps.run_id and owned.rolled_back_at is null
    )
order by steps.run_id, steps.step_id desc
