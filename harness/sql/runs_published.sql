-- The runs whose publish still stands, newest first: rows that were not taken back, or
-- keys and indexes that were not dropped. A run whose rollback left rows that somebody
-- changed does not stand any more.
select runs.run_id
from {ledger}.runs as runs
inner join {ledger}.steps as steps using (run_id)
where
    steps.step = 'publish'
    and runs.status <> 'rolled_back'
    and (
        exists (
            select 1
            from {ledger}.published_rows as owned
            where owned.run_id = runs.run_id and owned.rolled_back_at is null
        )
        or exists (
            select 1
            from {ledger}.schema_changes as changes
            where changes.run_id = runs.run_id and changes.rolled_back_at is null
        )
    )
group by runs.run_id
order by max(steps.step_id) desc
